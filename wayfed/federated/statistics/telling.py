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
    from collections.abc import Mapping, Sequence

    from wayfed.arrays import Arrays
    from wayfed.federated.statistics.question import Asked
    from wayfed.federated.statistics.withholding import Threshold


def told(
    asked: Asked,
    arrays: Arrays,
    thresholds: Mapping[str, Threshold],
    closed: Mapping[str, str],
) -> Mapping[ReleaseKind, Mapping[str, Any]]:
    """Return what is told of a party's rows, by kind of release.

    Parameters
    ----------
    asked
        Which statistics.
    arrays
        The party's rows.
    thresholds
        For each column, of how many rows anything that is told of it is made at least.
    closed
        Columns of which nothing is told, with the rule that keeps it.
    """
    columns = dict.fromkeys((*asked.numbers, *asked.categories))
    for name in columns:
        if name not in arrays and name not in closed:
            raise ColumnNotFound(name[:200], tuple(arrays), of="the plan's result")
    answer = _Answer(arrays, thresholds)
    for name in columns:
        if name in closed:
            answer.keep_back(name, f"everything: {closed[name]}")
        elif name in asked.numbers:
            answer.add_numbers(name, asked.histograms.get(name))
        else:
            answer.add_categories(name)
    return answer.by_kind()


class _Answer:
    """What is told, column by column."""

    def __init__(self, arrays: Arrays, thresholds: Mapping[str, Threshold]) -> None:
        self._arrays = arrays
        self._thresholds = thresholds
        self._values: dict[str, int | None] = {}
        self._withheld: dict[str, list[str]] = {}
        self._moments: dict[str, list[float]] = {}
        self._sketches: dict[str, list[list[int]]] = {}
        self._histograms: dict[str, list[int | None]] = {}
        self._vocabularies: dict[str, list[list[Any]]] = {}

    def add_numbers(self, name: str, bounds: Sequence[float] | None) -> None:
        """Tell of a column of numbers."""
        numbers = present_numbers(self._arrays, name)
        if not self._counts(name, len(numbers)):
            return
        threshold = self._thresholds[name]
        finite = numbers[np.isfinite(numbers)]
        if threshold.lets_tell(len(finite), len(numbers)):
            found = Moments.of(finite)
            self._moments[name] = [found.count, found.mean, found.squares]
            self._sketches[name] = Sketch.of(finite).coarsened(threshold.least).to_plain()
        else:
            few = f"fewer values are finite, or are not, than {threshold.rule}"
            self.keep_back(name, f"mean, deviation and quantiles: {few}")
        if bounds is not None:
            counts, _ = np.histogram(finite, bins=np.asarray(bounds))
            outside = len(numbers) - int(counts.sum())
            *inside, _ = withheld([*counts.tolist(), outside], threshold.least)
            self._histograms[name] = inside
            if None in inside:
                self.keep_back(name, f"ranges of fewer rows than {threshold.rule}")

    def add_categories(self, name: str) -> None:
        """Tell of a column of categories."""
        counted = count_categories(self._arrays[name], name)
        if not self._counts(name, sum(counted.values())):
            return
        threshold = self._thresholds[name]
        kept = withheld(list(counted.values()), threshold.least)
        pairs = zip(counted, kept, strict=True)
        self._vocabularies[name] = [[value, count] for value, count in pairs if count is not None]
        if None in kept:
            self.keep_back(name, f"categories of fewer rows than {threshold.rule}")

    def keep_back(self, name: str, what: str) -> None:
        """Say what of a column is not told, and why; no more than follows from what is told."""
        self._values.setdefault(name, None)
        self._withheld.setdefault(name, []).append(what)

    def _counts(self, name: str, values: int) -> bool:
        """Tell how many rows have a value, where enough have one; say whether they have."""
        threshold = self._thresholds[name]
        if threshold.lets_tell(values, self._arrays.rows):
            self._values[name] = values
            return True
        # Which of the two it is would tell of a few rows.
        few = f"fewer rows have a value, or have none, than {threshold.rule}"
        self.keep_back(name, f"everything: {few}")
        return False

    def by_kind(self) -> Mapping[ReleaseKind, Mapping[str, Any]]:
        """Return it all, by kind of release."""
        rows = self._arrays.rows
        counts = {"rows": rows, "values": self._values, "withheld": self._withheld}
        return {
            ReleaseKind.COUNT: counts,
            ReleaseKind.STATISTICS: self._moments,
            ReleaseKind.QUANTILES: self._sketches,
            ReleaseKind.HISTOGRAM: self._histograms,
            ReleaseKind.VOCABULARY: self._vocabularies,
        }
