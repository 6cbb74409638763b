"""What is known of the results of aggregates and window functions, for what filters say of them."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.statistics.computed import UNKNOWN, statistics_of
from wayfed_optimizer.statistics.estimates import ColumnStatistics
from wayfed_optimizer.statistics.positions import position
from wayfed_optimizer.statistics.shares import NormalValues

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed_optimizer.expressions import Call, WindowCall

_RANKS: Final = frozenset({"row_number", "rank", "dense_rank"})


def aggregate_statistics(
    call: Call, rows: float, groups: float, columns: Callable[[str], ColumnStatistics]
) -> ColumnStatistics:
    """Return what is known of an aggregate's results, one a group.

    Counts and sums of many rows are about normally distributed, with the group's rows as a Poisson
    count: the sum of N values has mean n*m and variance n*(s^2 + m^2) (Wald's equation).
    """
    size = rows / max(1.0, groups)
    if call.function == "count":
        return _normal(size, sqrt(size), groups)
    if not call.args:
        return UNKNOWN
    values = statistics_of(call.args[0], columns)
    if call.function in ("min", "max"):
        return ColumnStatistics(low=values.low, high=values.high, width=values.width)
    moments = _moments(values)
    if moments is None:
        return UNKNOWN
    mean, deviation = moments
    match call.function:
        case "sum":
            spread = sqrt(size * (deviation**2 + mean**2))
            return replace(_normal(size * mean, spread, groups), distinct=groups)
        case "mean":
            return _normal(mean, deviation / sqrt(max(1.0, size)), groups)
    return UNKNOWN


def window_statistics(call: WindowCall, rows: float, partitions: float) -> ColumnStatistics:
    """Return what is known of a window function's results: how far ranks go."""
    if call.function not in _RANKS:
        return UNKNOWN
    most = max(1.0, rows / partitions)
    return ColumnStatistics(distinct=most, null_fraction=0.0, low=1, high=round(most), width=8.0)


def _normal(mean: float, deviation: float, groups: float) -> ColumnStatistics:
    """Return a normal distribution that reaches as far as one group in all of them."""
    if deviation <= 0:
        return ColumnStatistics(distinct=1.0, null_fraction=0.0, low=mean, high=mean)
    reach = NormalDist(mean, deviation).inv_cdf(1.0 - 0.5 / max(2.0, groups)) - mean
    return NormalValues(
        null_fraction=0.0, low=mean - reach, high=mean + reach, mean=mean, deviation=deviation
    )


def _moments(column: ColumnStatistics) -> tuple[float, float] | None:
    """Return mean and standard deviation, as far as ends and histogram tell."""
    places = [place for bound in column.histogram if (place := position(bound)) is not None]
    if len(places) > 2:
        mean = sum(places) / len(places)
        return mean, sqrt(sum((place - mean) ** 2 for place in places) / len(places))
    low, high = position(column.low), position(column.high)
    if low is None or high is None:
        return None
    return (low + high) / 2, (high - low) / sqrt(12)
