"""``wayfed calibrate``: measures the platforms of this installation and keeps what it found."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Final

from wayfed.calibration.benches import BENCHES, Bench, Ground, Laid
from wayfed.calibration.fitting import Observation, fit
from wayfed.calibration.observing import Observer, Prepared, conversion_seconds
from wayfed.calibration.storing import Measured
from wayfed.calibration.workload import PLANS
from wayfed_optimizer.errors import InvalidOption, Unsupported
from wayfed_optimizer.platform import ARROW_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from wayfed.local import Context
    from wayfed_optimizer.cost import CostProfile

_FORMS: Final = ("table", "files.parquet", "files.arrow")
"""What rows of any number can become: a few constants in a statement are none."""
_ENOUGH_SECONDS: Final = 8.0
"""After so long no further round begins: with what comes before and after, three take a minute."""
_STEADY: Final = 1.03
"""Rounds end when plans have become faster by less than this factor."""
_QUICK: Final = 5
"""Tables are so many times smaller where it is to be quick."""


@dataclass(frozen=True, slots=True)
class Case:
    """An observation, and what it is of."""

    plan: str
    observation: Observation


def benches(kinds: Iterable[str] = ()) -> tuple[Bench, ...]:
    """Return what can be measured: of the kinds that were asked for, or of all that start fast.

    Raises
    ------
    InvalidOption
        Where something was asked for that there is no measuring of.
    Unsupported
        Where it needs what is not installed.
    """
    asked = list(kinds)
    known = {bench.kind: bench for bench in BENCHES}
    for kind in asked:
        if kind not in known:
            raise InvalidOption(
                f"'{kind}' cannot be measured", available=tuple(known), hint="leave it out"
            )
        if missing := known[kind].missing:
            raise Unsupported(f"measuring {kind}", reason=f"{', '.join(missing)} is not installed")
    if asked:
        return tuple(known[kind] for kind in asked)
    return tuple(bench for bench in BENCHES if not bench.waits and not bench.missing)


def calibrate(
    bench: Bench, *, quick: bool = False, tell: Callable[[str], None] = lambda line: None
) -> Measured:
    """Measure a platform and return its rates.

    Parameters
    ----------
    bench
        From `benches`.
    quick
        Whether to measure with small tables, and each plan once.
    tell
        Is told how far it is.
    """
    known, version, cases, moves = run(bench, quick=quick, tell=tell)
    observations = [case.observation for case in cases]
    rates = fit(observations, known)
    fitted = known.measured(rates)
    return Measured(
        bench.kind,
        version,
        {**rates, **moves},
        observations=len(observations),
        error=median(each.error(fitted) for each in observations),
    )


def run(
    bench: Bench, *, quick: bool = False, tell: Callable[[str], None] = lambda line: None
) -> tuple[CostProfile, str, list[Case], Mapping[str, float]]:
    """Run a bench: return what was known, the version, the observations, and rates of moving."""
    import wayfed as wf

    sizes = tuple(rows // _QUICK for rows in bench.sizes) if quick else bench.sizes
    with ExitStack() as stack:
        context = stack.enter_context(wf.context({"engines": dict(bench.engines)}))
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="wayfed_calibration_")))
        observer = Observer(context)
        ground = Ground(context, directory, stack)
        laid = list(bench.lay(ground, sizes))
        for each in laid:
            alike = ground.in_memory(each.rows)
            observer.count_in(dict(zip(each.tables.names, alike.names, strict=True)))
        name = _name_of(bench.kind, context)
        plans = list(_prepared(observer, laid, name))
        # Rounds, not repetitions: what slows the machine for a while slows a plan only once.
        began, before = monotonic(), [0.0] * 0
        for number in range(1 if quick else bench.repeats):
            if number and monotonic() - began > _ENOUGH_SECONDS:
                break
            for plan, prepared in plans:
                tell(f"{bench.kind}: {plan}, round {number + 1}")
                prepared.run()
            now = [sum(prepared.seconds.values()) for _, prepared in plans]
            if before and _is_steady(before, now):
                break
            before = now
        cases = [
            Case(plan, each) for plan, prepared in plans for each in observer.observations(prepared)
        ]
        platform = context.environment.platforms[name]
        moves = _moves(ground, name, sizes)
        return platform.costs, platform.version(), cases, moves


def _prepared(
    observer: Observer, laid: Iterable[Laid], platform: str
) -> Iterator[tuple[str, Prepared]]:
    """Yield the plans that a platform can run, by name."""
    for each in laid:
        for plan in each.plans:
            with suppress(Unsupported):
                yield plan, observer.prepare(PLANS[plan](each.tables), platform)


def _name_of(kind: str, context: Context) -> str:
    return next(name for name in context.platform_names if name.partition(":")[0] == kind)


def _is_steady(before: Sequence[float], now: Sequence[float]) -> bool:
    """Say whether another round has told little: half of the plans were no faster in it."""
    return median(b / max(n, 1e-9) for b, n in zip(before, now, strict=True)) < _STEADY


def _moves(ground: Ground, name: str, sizes: tuple[int, ...]) -> Mapping[str, float]:
    """Return the rates of bringing rows of memory to a platform, by the form they take there."""
    rates: dict[str, float] = {}
    context = ground.context
    conversions = context.environment.platforms[name].conversions
    for conversion in conversions:
        if conversion.source != ARROW_TABLE or conversion.target.name not in _FORMS:
            continue
        large = ground.tables(max(sizes))["facts"]
        large = large.slice(0, len(large) // 2)
        small, much = (
            min(conversion_seconds(context, conversion, rows) for _ in range(2))
            for rows in (large.slice(0, 10), large)
        )
        form = conversion.target.name
        rates[f"move.{form}"] = max(1e-6, small)
        rates[f"move_byte.{form}"] = max(2e-11, (much - small) / large.nbytes)
    return rates
