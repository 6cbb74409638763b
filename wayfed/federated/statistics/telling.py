"""What a party tells of its rows: statistics in which no group is smaller than its policy says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wayfed.federated.features.fitting import Moments, count_categories
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.statistics.sketch import Sketch
from wayfed.federated.statistics.withholding import present_numbers, withheld
from wayfed_optimizer.errors import ColumnNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed.arrays import Arrays
    from wayfed.federated.statistics.question import Asked


def told(
    asked: Asked, arrays: Arrays, least: Callable[[str], float]
) -> Mapping[ReleaseKind, Mapping[str, Any]]:
    """Return what is told of a party's rows, by kind of release.

    Parameters
    ----------
    asked
        Which statistics.
    arrays
        The party's rows.
    least
        Gives for a column the least number of rows that anything told of it is made of.
    """
    columns = dict.fromkeys((*asked.numbers, *asked.categories))
    for name in columns:
        if name not in arrays:
            raise ColumnNotFound(name[:200], tuple(arrays), of="the plan's result")
    values: dict[str, int | None] = {}
    moments: dict[str, list[float]] = {}
    sketches: dict[str, list[list[int]]] = {}
    histograms: dict[str, list[int | None]] = {}
    vocabularies: dict[str, list[list[Any]]] = {}
    for name in asked.numbers:
        numbers = present_numbers(arrays, name)
        enough = _is_told(len(numbers), arrays.rows, least(name))
        values[name] = len(numbers) if enough else None
        if not enough:
            continue
        finite = numbers[np.isfinite(numbers)]
        if _is_told(len(finite), len(numbers), least(name)):
            found = Moments.of(finite)
            moments[name] = [found.count, found.mean, found.squares]
            sketches[name] = Sketch.of(finite).coarsened(least(name)).to_plain()
        if name in asked.histograms:
            counts, _ = np.histogram(finite, bins=np.asarray(asked.histograms[name]))
            outside = len(numbers) - int(counts.sum())
            *inside, _ = withheld([*counts.tolist(), outside], least(name))
            histograms[name] = inside
    for name in asked.categories:
        counted = count_categories(arrays[name], name)
        total = sum(counted.values())
        if not _is_told(total, arrays.rows, least(name)):
            values[name] = None
            continue
        values[name] = total
        kept = withheld(list(counted.values()), least(name))
        pairs = zip(counted, kept, strict=True)
        vocabularies[name] = [[value, count] for value, count in pairs if count is not None]
    return {
        ReleaseKind.COUNT: {"rows": arrays.rows, "values": values},
        ReleaseKind.STATISTICS: moments,
        ReleaseKind.QUANTILES: sketches,
        ReleaseKind.HISTOGRAM: histograms,
        ReleaseKind.VOCABULARY: vocabularies,
    }


def _is_told(values: int, rows: int, least: float) -> bool:
    """Say whether enough rows have a value, and enough or none of them have none.

    What is told of all rows but a few, beside what is told of all, tells of those few.
    """
    return values >= least and not 0 < rows - values < least
