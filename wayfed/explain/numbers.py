"""How explanations write rows, bytes and seconds, and how sure an estimate is of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.statistics import Provenance

if TYPE_CHECKING:
    from wayfed_optimizer.cost import Cost
    from wayfed_optimizer.statistics import Estimate

_SOURCES: Final = {
    Provenance.EXACT: "known",
    Provenance.FOOTER: "file footer",
    Provenance.DATABASE: "database statistics",
    Provenance.OBSERVED: "seen in an earlier run",
    Provenance.HINT: "your hint",
    Provenance.DERIVED: "derived",
    Provenance.DEFAULT: "a guess",
}
_MAGNITUDES: Final = (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))


def in_bytes(size: float, digits: int = 3) -> str:
    """Write a size to so many digits; a kB is 1000 bytes.

    Examples
    --------
    >>> in_bytes(120), in_bytes(34_210), in_bytes(2.5e9), in_bytes(999_999)
    ('120 B', '34.2 kB', '2.5 GB', '1 MB')
    """
    rounded = _rounded(size, digits)
    for letter, magnitude in _MAGNITUDES:
        if rounded >= magnitude:
            return f"{rounded / magnitude:g} {letter}B"
    return f"{rounded:.0f} B"


def in_seconds(seconds: float, digits: int = 3) -> str:
    """Write a duration to so many digits, in the unit that suits it.

    Examples
    --------
    >>> in_seconds(0.0000042), in_seconds(0.0123), in_seconds(75.3), in_seconds(0.1234, 2)
    ('4.2 µs', '12.3 ms', '75.3 s', '120 ms')
    """
    rounded = _rounded(seconds, digits)
    if rounded >= 100:
        return f"{rounded:,.0f} s"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if rounded >= size:
            return f"{_rounded(rounded / size, digits):g} {unit}"
    return "0 s" if seconds <= 0 else "under 1 µs"


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def times_as_much(here: float, there: float) -> str:
    """Say how much more something is than what it is compared with, from half a percent on.

    Examples
    --------
    >>> times_as_much(1, 3.14), times_as_much(1, 1.25), times_as_much(1, 1)
    ('3.1x', '+25 %', '')
    """
    if here <= 0 or there <= here * 1.005:
        return ""
    if there >= 2 * here:
        return f"{_rounded(there / here, 2):,g}x"
    return f"+{100 * (there / here - 1):.0f} %"


def short(rows: Estimate) -> str:
    """Write an estimate as one number of rows, with a tilde where it may be off.

    Examples
    --------
    >>> from wayfed_optimizer.statistics import Estimate
    >>> short(Estimate.exactly(1200)), short(Estimate.exactly(1200).scaled(0.5, spread=2))
    ('1,200 rows', '~600 rows')
    """
    return f"{'' if is_certain(rows) else '~'}{in_rows(round(rows.likely))}"


def with_certainty(rows: Estimate) -> str:
    """Write an estimate of rows with its bounds, how sure they are, and where it comes from.

    Examples
    --------
    >>> from wayfed_optimizer.statistics import Estimate, Provenance
    >>> with_certainty(Estimate.exactly(1200, Provenance.FOOTER))
    '1,200 rows (file footer)'
    >>> with_certainty(Estimate.around(600, Provenance.DATABASE))
    '~600 rows (300 to 1.2k, 90 % sure; database statistics)'
    """
    source = _SOURCES[rows.provenance]
    if is_certain(rows):
        return f"{short(rows)} ({source})"
    bounds = f"{_compact(rows.low)} to {_compact(rows.high)}, {rows.confidence:.0%} sure"
    return f"{short(rows)} ({bounds.replace('%', ' %')}; {source})"


def in_rows(count: int) -> str:
    """Write a number of rows.

    Examples
    --------
    >>> in_rows(1), in_rows(1200)
    ('1 row', '1,200 rows')
    """
    return f"{count:,} row{'' if count == 1 else 's'}"


def is_certain(rows: Estimate) -> bool:
    """Say whether an estimate leaves no doubt."""
    return rows.low == rows.high


def deviation(estimated: float, actual: float) -> str | None:
    """Say how far off an estimate was, where that is by more than a factor of two.

    Examples
    --------
    >>> deviation(1000, 50), deviation(1000, 1100), deviation(1, 2000)
    ('20x too many', None, '2,000x too few')
    """
    more, less = max(estimated, 1.0), max(actual, 1.0)
    if more > 2 * less:
        return f"{_rounded(more / less, 3):,g}x too many"
    if less > 2 * more:
        return f"{_rounded(less / more, 3):,g}x too few"
    return None


def cost_parts(cost: Cost) -> str:
    """Write the parts of a cost that count for something, the largest first.

    Examples
    --------
    >>> from wayfed_optimizer.cost import Cost
    >>> cost_parts(Cost(startup=3.0, cpu=0.2, network=1e-5))
    'start-up 3 s, cpu 200 ms'
    """
    parts = (("start-up", cost.startup), ("cpu", cost.cpu), ("network", cost.network))
    ordered = sorted(parts, key=lambda part: -part[1])
    least = cost.seconds / 100
    return ", ".join(f"{name} {in_seconds(s, 2)}" for name, s in ordered if s > 0 and s >= least)


def listing(names: tuple[str, ...] | list[str]) -> str:
    """Write names as a person would list them.

    Examples
    --------
    >>> listing(["duckdb", "spark", "sqlite"])
    'duckdb, spark and sqlite'
    """
    *first, last = names or ("nothing",)
    return f"{', '.join(first)} and {last}" if first else last


def _compact(value: float) -> str:
    for letter, magnitude in _MAGNITUDES:
        if value >= magnitude:
            return f"{value / magnitude:.3g}{letter}"
    return f"{value:.0f}"
