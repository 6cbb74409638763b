"""Measures the link to one database: what a statement takes there and back, and a byte of rows.

Nothing is written: the database makes the rows itself.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from wayfed.calibration.applying import kind_of
from wayfed.calibration.observing import Observer
from wayfed.calibration.storing import Measured, mark_of
from wayfed_optimizer.cost import FLOORS, seconds_of
from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wayfed.calibration.fitting import Observation
    from wayfed_optimizer.cost import CostProfile
    from wayfed_optimizer.platform import Conversion

_SERIES: Final = {
    "postgresql": "select i::bigint as a, i * 0.5::float8 as b, 'row ' || i as c "
    "from generate_series(1, {rows}) i",
    "sqlite": "with recursive s(i) as (select 1 union all select i + 1 from s where i < {rows}) "
    "select i as a, i * 0.5 as b, 'row ' || i as c from s",
}
_SIZES: Final = (1, 2_000, 20_000, 100_000)


def measure_link(url: str, *, quick: bool = False) -> Measured:
    """Measure the way to a store and back.

    Parameters
    ----------
    url
        Of the database, as in ``ctx.read``.
    quick
        Whether to do so once instead of three times.

    Raises
    ------
    Unsupported
        Where it is not known how its kind makes rows.
    """
    import wayfed as wf

    scheme = url.partition(":")[0].partition("+")[0]
    kind = "postgresql" if scheme == "postgres" else scheme
    if kind not in _SERIES:
        raise Unsupported(f"measuring the link to {kind}", reason="only PostgreSQL and SQLite are")
    with wf.context() as context:
        observer = Observer(context)
        datasets = [context.read(url, query=_SERIES[kind].format(rows=rows)) for rows in _SIZES]
        name = next(n for n in context.platform_names if kind_of(n) == kind)
        plans = [observer.prepare(each, name) for each in datasets]
        for _ in range(2 if quick else 4):
            for prepared in plans:
                prepared.run()
        seen = [each for prepared in plans for each in observer.observations(prepared)]
        platform = context.environment.platforms[name]
        known, version = platform.costs, platform.version()
        conversions = platform.conversions
    rates = fit_link(seen, known)
    rates |= _of_moves(rates, known, conversions)
    fitted = known.measured(rates)
    error = median(each.error(fitted) for each in seen)
    return Measured(kind, version, rates, mark_of(url), observations=len(seen), error=error)


def fit_link(seen: Sequence[Observation], known: CostProfile) -> dict[str, float]:
    """Return the rates of a link: the seconds of the smallest result, and the slope from there."""
    smallest, *_, largest = sorted(seen, key=lambda each: each.work["out_byte"])
    fragment = max(FLOORS["fragment"], smallest.seconds)
    besides = tuple(
        (name, amount)
        for name, amount in largest.work.items()
        if name not in ("fragment", "out_byte")
    )
    moving = largest.seconds - fragment - seconds_of(known, besides)
    per_byte = max(FLOORS["out_byte"], moving / max(1.0, largest.work["out_byte"]))
    return {"fragment": fragment, "out_byte": per_byte}


def _of_moves(
    rates: Mapping[str, float], known: CostProfile, conversions: Iterable[Conversion]
) -> dict[str, float]:
    """Return what bringing rows there takes: as much more as leaving does, since none are sent."""
    slower = {
        "": max(0.0, rates["fragment"] - known.per_fragment),
        "_byte": max(0.0, rates["out_byte"] - known.per_byte_out),
    }
    found: dict[str, float] = {}
    for conversion in conversions:
        form = conversion.target.name
        found[f"move.{form}"] = conversion.fixed + slower[""]
        found[f"move_byte.{form}"] = conversion.per_byte + slower["_byte"]
    return found
