"""The recipe that turns columns into numbers: said once, fitted over all parties, kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from wayfed_optimizer.errors import InvalidOption, suggestion

Fill: TypeAlias = str | float | None
Chosen: TypeAlias = bool | tuple[str, ...]
Known: TypeAlias = tuple[str | int | bool, ...]

_T = TypeVar("_T")

MAX_CATEGORIES: Final = 10_000
FILLS: Final = ("mean", "median", "zero")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What `features` was asked for; see there.

    Parameters
    ----------
    impute
        One fill for all numeric columns, or pairs of column and fill.
    standardize, one_hot
        All columns that can be, none, or these.
    min_count
        The least number of rows that a category needs, over all parties.
    scales, categories
        By column, what is known beforehand and need not be fitted: a shift and a scale, or the
        categories.
    """

    impute: Fill | tuple[tuple[str, Fill], ...] = None
    standardize: Chosen = False
    one_hot: Chosen = False
    min_count: int = 1
    scales: tuple[tuple[str, tuple[float, float]], ...] = ()
    categories: tuple[tuple[str, Known], ...] = ()

    def fill_of(self, column: str) -> Fill:
        """Give what takes the place of a missing value of `column`; None where nothing may."""
        if isinstance(self.impute, tuple):
            return dict(self.impute).get(column)
        return self.impute

    def is_standardized(self, column: str, *, is_bool: bool) -> bool:
        """Say whether `column` is scaled; ``True`` means each number, but not yes or no."""
        if isinstance(self.standardize, tuple):
            return column in self.standardize
        return self.standardize and not is_bool

    def is_one_hot(self, column: str, *, is_text: bool) -> bool:
        """Say whether each category of `column` becomes a column; ``True`` means each text."""
        if isinstance(self.one_hot, tuple):
            return column in self.one_hot
        return self.one_hot and is_text

    def takes_from_rows(self, column: str, *, is_bool: bool) -> bool:
        """Say whether `column` needs a mean, a scale or categories of the parties' rows."""
        return (
            self.fill_of(column) in ("mean", "median")
            or (self.is_standardized(column, is_bool=is_bool) and not self.scale_of(column))
            or (self.is_one_hot(column, is_text=False) and not self.categories_of(column))
        )

    def scale_of(self, column: str) -> tuple[float, float] | None:
        """Give the shift and the scale of `column` that are known beforehand."""
        return dict(self.scales).get(column)

    def categories_of(self, column: str) -> Known | None:
        """Give the categories of `column` that are known beforehand."""
        return dict(self.categories).get(column)

    @property
    def named_columns(self) -> tuple[str, ...]:
        """The columns that the recipe mentions."""
        names: list[str] = []
        if isinstance(self.impute, tuple):
            names += [column for column, _ in self.impute]
        for chosen in (self.standardize, self.one_hot):
            if isinstance(chosen, tuple):
                names += chosen
        return tuple(dict.fromkeys(names))

    def to_dict(self) -> dict[str, object]:
        """Give plain values, fit for JSON."""
        impute = dict(self.impute) if isinstance(self.impute, tuple) else self.impute
        return {
            "impute": impute,
            "standardize": _plain(self.standardize, self.scales),
            "one_hot": _plain(self.one_hot, self.categories),
            "min_count": self.min_count,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> Recipe:
        """Read what `to_dict` wrote, trusting nothing."""
        if unknown := sorted(set(plain) - {"impute", "standardize", "one_hot", "min_count"}):
            raise InvalidOption(f"a recipe has no {', '.join(unknown)}")
        return features(**plain)  # type: ignore[arg-type]  # `features` checks what came


def features(
    *,
    impute: Fill | Mapping[str, Fill] = None,
    standardize: bool | Sequence[str] | Mapping[str, tuple[float, float]] = False,
    one_hot: bool | Sequence[str] | Mapping[str, Sequence[str | int | bool]] = False,
    min_count: int = 1,
) -> Recipe:
    """Say how columns become numbers; means, scales and categories are those of all parties.

    What it needs to know is fitted on training rows by federated statistics: counts, means and
    variances, and how often each category occurs; of categories with fewer rows than a party's
    ``min_rows`` that party tells nothing. `predict` applies it again.

    Parameters
    ----------
    impute
        What takes the place of a NULL or NaN in a numeric column: ``"mean"``, ``"median"`` (to
        a hundredth of it), ``"zero"``, a number, or one of these by column. Without it a missing
        value is an error.
    standardize
        Subtract the mean and divide by the standard deviation (of the population), in each
        numeric column or in these. A column without variance becomes zero. A mapping gives a
        shift and a scale by column, which are taken as they are: ``{"age": (55, 20)}``.
    one_hot
        Give each category a column of zeros and ones, for each text column or for these. A
        NULL, and a category that was unknown when the recipe was fitted, is all zeros. A mapping
        gives the categories by column, which parties then need not tell: ``{"sex": ["f", "m"]}``.
    min_count
        Leave out categories of fewer rows, over all parties.

    Examples
    --------
    >>> features(impute="mean", standardize=True, one_hot=["origin"], min_count=20)
    Recipe(impute='mean', standardize=True, one_hot=('origin',), min_count=20,
           scales=(), categories=())
    """
    if isinstance(impute, Mapping):
        filled: Fill | tuple[tuple[str, Fill], ...] = tuple(
            (str(column), _fill(fill)) for column, fill in impute.items()
        )
    else:
        filled = _fill(impute)
    return Recipe(
        filled,
        _chosen(standardize),
        _chosen(one_hot),
        _at_least_one(min_count),
        _by_column(standardize, _scale),
        _by_column(one_hot, _categories),
    )


def _fill(fill: object) -> Fill:
    if fill is None or fill in FILLS:
        return fill
    if isinstance(fill, int | float) and not isinstance(fill, bool) and math.isfinite(fill):
        return float(fill)
    raise InvalidOption(
        f"impute={fill!r} is not a way to fill a missing value",
        available=(*FILLS, "a number", "one of these by column"),
        hint=suggestion(str(fill), FILLS),
    )


def _chosen(columns: object) -> Chosen:
    if isinstance(columns, bool):
        return columns
    if isinstance(columns, str):
        return (columns,)
    if isinstance(columns, Sequence | Mapping) and all(isinstance(c, str) for c in columns):
        return tuple(columns)
    raise InvalidOption(f"{columns!r} is neither True, False nor a list of columns")


def _at_least_one(min_count: object) -> int:
    if isinstance(min_count, int) and not isinstance(min_count, bool) and min_count >= 1:
        return min_count
    raise InvalidOption(f"min_count is a whole number from 1 up, not {min_count!r}")


def _by_column(chosen: object, check: Callable[[str, object], _T]) -> tuple[tuple[str, _T], ...]:
    if not isinstance(chosen, Mapping):
        return ()
    return tuple((str(column), check(str(column), known)) for column, known in chosen.items())


def _scale(column: str, known: object) -> tuple[float, float]:
    if isinstance(known, list | tuple) and len(known) == 2:
        shift, scale = known
        if all(isinstance(n, int | float) and math.isfinite(n) for n in known) and scale > 0:
            return float(shift), float(scale)
    raise InvalidOption(
        f"standardize={{'{column}': {str(known)[:50]}}} is no shift and scale",
        hint=f"standardize={{'{column}': (55, 20)}}",
    )


def _categories(column: str, known: object) -> Known:
    if (
        isinstance(known, list | tuple)
        and 0 < len(known) <= MAX_CATEGORIES
        and all(isinstance(each, str | int) for each in known)
        and len(set(known)) == len(known)
    ):
        return tuple(known)
    raise InvalidOption(
        f"one_hot={{'{column}': {str(known)[:50]}}} is no list of different texts or whole numbers",
        hint=f"one_hot={{'{column}': ['a', 'b']}}",
    )


def _plain(chosen: Chosen, known: tuple[tuple[str, Any], ...]) -> object:
    if known:
        return {column: list(value) for column, value in known}
    return list(chosen) if isinstance(chosen, tuple) else chosen
