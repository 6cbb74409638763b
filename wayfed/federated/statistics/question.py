"""What is asked of a plan's rows besides training: names of columns and ranges, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from wayfed_optimizer.errors import InvalidOption

MOST_COLUMNS: Final = 2_000
MOST_RANGES: Final = 1_000
_LARGE: Final = 1e300


@dataclass(frozen=True, slots=True)
class Asked:
    """Which statistics of which columns.

    Parameters
    ----------
    numbers
        Columns of which counts, moments and quantiles are told.
    categories
        Columns of which the frequent values are told, with their counts.
    histograms
        For columns among the numbers: the bounds of ranges. Each begins with its lower bound and
        ends before its upper one, which the last one has, too.
    """

    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    histograms: Mapping[str, tuple[float, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def to_dict(self) -> dict[str, object]:
        """Give plain values, fit for JSON."""
        return {
            "numbers": list(self.numbers),
            "categories": list(self.categories),
            "histograms": {name: list(bounds) for name, bounds in self.histograms.items()},
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> Asked:
        """Read what `to_dict` wrote, trusting nothing.

        Raises
        ------
        InvalidOption
            This is no question.
        """
        if unknown := sorted(set(plain) - {"numbers", "categories", "histograms"}):
            raise InvalidOption(f"a question for statistics has no {', '.join(unknown)[:200]}")
        histograms = plain.get("histograms", {})
        if not isinstance(histograms, Mapping):
            raise InvalidOption("histograms are bounds by column")
        asked = cls(
            _names(plain.get("numbers", [])),
            _names(plain.get("categories", [])),
            {str(name): bounds_of(bounds) for name, bounds in histograms.items()},
        )
        if lacking := sorted(asked.histograms.keys() - set(asked.numbers)):
            raise InvalidOption(f"'{lacking[0]}' has a histogram, and is not among the numbers")
        return asked


def bounds_of(plain: object) -> tuple[float, ...]:
    """Return the bounds of ranges, checked.

    Raises
    ------
    InvalidOption
        They are not finite numbers that grow, at least two and at most `MOST_RANGES` + 1.
    """
    if not isinstance(plain, Sequence) or isinstance(plain, str):
        raise InvalidOption("the bounds of a histogram are a list of numbers")
    if len(plain) > MOST_RANGES + 1:
        raise InvalidOption(f"a histogram has at most {MOST_RANGES:,} ranges")
    numbers = [
        each for each in plain if isinstance(each, int | float) and not isinstance(each, bool)
    ]
    grow = all(a < b for a, b in pairwise(numbers))
    if (
        len(numbers) != len(plain)
        or len(numbers) < 2
        or not all(abs(each) < _LARGE for each in numbers)
        or not grow
    ):
        raise InvalidOption("the bounds of a histogram are at least two finite numbers that grow")
    return tuple(map(float, numbers))


def _names(plain: object) -> tuple[str, ...]:
    if not isinstance(plain, list) or not all(isinstance(each, str) for each in plain):
        raise InvalidOption("the columns of a question are a list of names")
    if len(plain) > MOST_COLUMNS:
        raise InvalidOption(f"a question is for at most {MOST_COLUMNS:,} columns")
    return tuple(dict.fromkeys(plain))
