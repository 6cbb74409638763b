"""A recipe's statistics: gathered at each party, merged in the order of names, applied to rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from wayfed.arrays import Arrays, numeric_column
from wayfed.federated.features.recipe import MAX_CATEGORIES
from wayfed.federated.statistics.sketch import Sketch, merged_quantile
from wayfed.federated.statistics.withholding import present_numbers, withheld
from wayfed_optimizer.errors import InvalidOption, PolicyViolation, TypeMismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from wayfed.federated.features.recipe import Recipe

Category: TypeAlias = str | int | bool

_LARGEST: Final = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class Moments:
    """How many values a column has, their mean, and the sum of squared distances from it."""

    count: int
    mean: float
    squares: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Moments:
        """Take the moments of `values` in two passes."""
        if not len(values):
            return cls(0, 0.0, 0.0)
        mean = float(values.mean())
        return cls(len(values), mean, float(np.square(values - mean).sum()))

    def merge(self, other: Moments) -> Moments:
        """Give the moments of both together.

        Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample
        variances, 1979, equations 2.1.
        """
        count = self.count + other.count
        if not count:
            return self
        distance = other.mean - self.mean
        share = other.count / count
        squares = self.squares + other.squares + distance * distance * self.count * share
        return Moments(count, self.mean + distance * share, squares)

    @property
    def deviation(self) -> float:
        """The standard deviation of the population."""
        return float(np.sqrt(self.squares / self.count)) if self.count else 0.0


_NOTHING: Final = Moments(0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric column: ``(x - shift) / scale``, with `fill` where x is missing."""

    column: str
    fill: float | None = None
    shift: float = 0.0
    scale: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """The matrix column it gives."""
        return (self.column,)

    def usable(self, arrays: Arrays) -> NDArray[np.bool_]:
        """Say of each row whether it has a finite number here, or one to take its place."""
        column = numeric_column(arrays, self.column)
        values = np.ma.getdata(column).astype(np.float64)
        missing = np.ma.getmaskarray(column) | np.isnan(values)
        return np.where(missing, self.fill is not None, np.isfinite(values))

    def write(self, arrays: Arrays, rows: NDArray[np.intp], out: NDArray[np.float64]) -> None:
        """Write the column's `rows` into `out`."""
        column = numeric_column(arrays, self.column)
        values = np.ma.getdata(column)[rows].astype(np.float64)
        missing = np.ma.getmaskarray(column)[rows] | np.isnan(values)
        if missing.any():
            if self.fill is None:
                raise TypeMismatch(
                    f"column '{self.column}' has {int(missing.sum())} rows without a value",
                    hint=f"wf.features(impute='mean'), or fill_null({self.column}=…) in the plan",
                )
            values[missing] = self.fill
        out[:, 0] = (values - self.shift) / self.scale


@dataclass(frozen=True, slots=True)
class OneHot:
    """A column of categories: a column of zeros and ones for each of them."""

    column: str
    categories: tuple[Category, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The matrix columns it gives."""
        return tuple(f"{self.column}={category}" for category in self.categories)

    def usable(self, arrays: Arrays) -> NDArray[np.bool_]:
        """Say of each row that it can be used: an unknown category is zeros."""
        return np.ones(arrays.rows, dtype=np.bool_)

    def write(self, arrays: Arrays, rows: NDArray[np.intp], out: NDArray[np.float64]) -> None:
        """Write a one where the row's category is the column's."""
        column = arrays[self.column][rows]
        codes = encode(column, self.categories)
        out[...] = 0.0
        known = np.flatnonzero(codes >= 0)
        out[known, codes[known]] = 1.0


@dataclass(frozen=True, slots=True)
class FittedFeatures:
    """A recipe with all that it had to learn, ready to turn arrays into a matrix.

    Parameters
    ----------
    parts
        What becomes of each column, in the order of the columns.
    """

    parts: tuple[Number | OneHot, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        return tuple(part.column for part in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the matrix it gives."""
        return tuple(name for part in self.parts for name in part.names)

    @property
    def width(self) -> int:
        """How many columns the matrix has."""
        return sum(len(part.names) for part in self.parts)

    def require_of(self, columns: Sequence[str]) -> None:
        """Raise PolicyViolation where other columns are read than those that were agreed to."""
        if others := sorted(set(self.columns) - set(columns)):
            raise PolicyViolation(
                f"{', '.join(others)} were not among the features that the party agreed to"
            )

    def matrix(self, arrays: Arrays, rows: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
        """Give rows x features as float64, C-contiguous; `rows` in that order, or all."""
        chosen = np.arange(arrays.rows) if rows is None else rows
        result = np.empty((len(chosen), len(self.names)))
        start = 0
        for part in self.parts:
            end = start + len(part.names)
            part.write(arrays, chosen, result[:, start:end])
            start = end
        return result

    def to_dict(self) -> list[dict[str, Any]]:
        """Give plain values, fit for JSON."""
        plain: list[dict[str, Any]] = []
        for part in self.parts:
            match part:
                case Number(column, fill, shift, scale):
                    plain.append({"number": column, "fill": fill, "shift": shift, "scale": scale})
                case OneHot(column, categories):
                    plain.append({"one_hot": column, "categories": list(categories)})
        return plain

    @classmethod
    def from_dict(cls, plain: Sequence[Mapping[str, Any]]) -> FittedFeatures:
        """Read what `to_dict` wrote."""
        parts: list[Number | OneHot] = []
        for part in plain:
            match part:
                case {"number": str(column), "fill": fill, "shift": shift, "scale": scale}:
                    filled = None if fill is None else _finite(fill)
                    if not _finite(scale):
                        raise InvalidOption(f"'{column}' cannot be divided by zero")
                    parts.append(Number(column, filled, _finite(shift), _finite(scale)))
                case {"one_hot": str(column), "categories": list(categories)}:
                    parts.append(OneHot(column, checked_categories(categories)))
                case _:
                    raise InvalidOption(f"{str(part)[:200]} is not a fitted feature")
        names = [part.column for part in parts]
        if len(set(names)) < len(names):
            raise InvalidOption("a column is among the fitted features twice")
        return cls(tuple(parts))


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a party tells about its training rows so that a recipe can be fitted."""

    moments: Mapping[str, Moments]
    vocabularies: Mapping[str, Mapping[Category, int]]
    sketches: Mapping[str, Sketch] = field(default_factory=lambda: MappingProxyType({}))


def checked_categories(plain: object) -> tuple[Category, ...]:
    """Return categories that came from elsewhere, or raise InvalidOption."""
    if not isinstance(plain, list | tuple) or len(plain) > MAX_CATEGORIES:
        raise InvalidOption(f"categories are a list of at most {MAX_CATEGORIES:,} values")
    if not all(isinstance(each, str | bool) or _is_int64(each) for each in plain):
        raise InvalidOption("a category is a text, a whole number or a bool")
    return tuple(plain)


def _is_int64(value: object) -> bool:
    return isinstance(value, int) and -(1 << 63) <= value < 1 << 63


def _finite(value: object) -> float:
    if isinstance(value, int | float) and abs(value) < _LARGEST:
        return float(value)
    raise InvalidOption(f"{str(value)[:50]} is no number that a feature is fitted to")


def gather(
    recipe: Recipe,
    arrays: Arrays,
    columns: Iterable[str],
    rows: NDArray[np.intp],
    *,
    least: int = 1,
    least_of: Callable[[str], float] | None = None,
) -> Statistics:
    """Take the statistics of `columns` over these rows of one party.

    Nothing is told that the recipe does not need, or that is of fewer than `least` rows: no
    category, and no mean. A category of a column has `least_of` it, where that is given.
    """
    moments: dict[str, Moments] = {}
    sketches: dict[str, Sketch] = {}
    vocabularies: dict[str, dict[Category, int]] = {}
    for name in columns:
        if recipe.categories_of(name):
            continue
        if is_one_hot(recipe, arrays, name):
            counts = count_categories(arrays[name][rows], name)
            told = withheld(list(counts.values()), least if least_of is None else least_of(name))
            vocabularies[name] = {
                category: count
                for category, count in zip(counts, told, strict=True)
                if count is not None
            }
            continue
        if not recipe.takes_from_rows(name, is_bool=arrays[name].dtype.kind == "b"):
            continue
        values = present_numbers(arrays, name, rows)
        values = values if len(values) >= least else values[:0]
        moments[name] = Moments.of(values)
        if recipe.fill_of(name) == "median":
            sketches[name] = Sketch.of(values).coarsened(least)
    return Statistics(moments, vocabularies, sketches)


def fit(
    recipe: Recipe,
    columns: Sequence[str],
    bools: Iterable[str],
    statistics: Iterable[Statistics],
) -> FittedFeatures:
    """Fit `recipe` to what the parties told, in the order given.

    Parameters
    ----------
    recipe
        What was asked for.
    columns
        The features, in their order.
    bools
        Those that hold yes or no.
    statistics
        What each party told, in the order of the parties' names.
    """
    moments: dict[str, Moments] = {}
    counts: dict[str, dict[Category, int]] = {}
    sketches: dict[str, list[Sketch]] = {}
    for told in statistics:
        for name, sketch in told.sketches.items():
            sketches.setdefault(name, []).append(sketch)
        for name, here in told.moments.items():
            moments[name] = moments[name].merge(here) if name in moments else here
        for name, vocabulary in told.vocabularies.items():
            merged = counts.setdefault(name, {})
            for category, count in vocabulary.items():
                merged[category] = merged.get(category, 0) + count
    yes_or_no = frozenset(bools)
    parts: list[Number | OneHot] = []
    for name in columns:
        if known := recipe.categories_of(name):
            parts.append(OneHot(name, known))
        elif name in counts:
            parts.append(OneHot(name, _frequent(recipe, name, counts[name])))
        else:
            median = merged_quantile(sketches.get(name, ()), 0.5)
            is_bool = name in yes_or_no
            found = moments.get(name, _NOTHING)
            parts.append(_number(recipe, name, found, median, is_bool=is_bool))
    return FittedFeatures(tuple(parts))


def fit_without_rows(
    recipe: Recipe, columns: Sequence[str], bools: Iterable[str]
) -> FittedFeatures:
    """Fit `recipe` to nothing: what it takes from rows must not be asked of it.

    Raises
    ------
    InvalidOption
        The recipe needs means, scales or categories of the rows.
    """
    yes_or_no = frozenset(bools)
    for name in columns:
        if recipe.takes_from_rows(name, is_bool=name in yes_or_no):
            raise InvalidOption(
                f"'{name}' would be fitted to the parties' rows, which privacy= keeps from being",
                hint="wf.features(standardize={'x': (40, 15)}, one_hot={'y': ['a', 'b']})",
            )
    return FittedFeatures(
        tuple(
            OneHot(name, known)
            if (known := recipe.categories_of(name))
            else _number(recipe, name, _NOTHING, None, is_bool=name in yes_or_no)
            for name in columns
        )
    )


def is_one_hot(recipe: Recipe, arrays: Arrays, column: str) -> bool:
    """Say whether `recipe` gives each category of `column` a column."""
    from pyarrow import types

    kind = arrays.schema.field(column).type
    kind = kind.value_type if types.is_dictionary(kind) else kind
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return recipe.is_one_hot(column, is_text=is_text)


def count_categories(column: NDArray[Any], name: str) -> dict[Category, int]:
    """Count how often each value occurs, NULL aside; in the order of the values.

    Raises
    ------
    TypeMismatch
        The values are not text, whole numbers or bools, or there are too many of them.
    """
    present = np.ma.getdata(column)[~np.ma.getmaskarray(column)]
    if present.dtype == object:
        counts: dict[Any, int] = {}
        for value in present:
            counts[value] = counts.get(value, 0) + 1
        if any(not isinstance(value, str) for value in counts):
            raise TypeMismatch(f"the values of '{name}' are not categories: text, int or bool are")
    elif present.dtype.kind in "biu":
        values, numbers = np.unique(present, return_counts=True)
        counts = dict(zip(values.tolist(), numbers.tolist(), strict=True))
    else:
        raise TypeMismatch(
            f"'{name}' is {present.dtype}, whose values are not categories",
            hint=f"cast({name}='int64') or cast({name}='text') in the plan",
        )
    if len(counts) > MAX_CATEGORIES:
        raise TypeMismatch(
            f"'{name}' has {len(counts):,} categories, more than {MAX_CATEGORIES:,}",
            hint="leave it out of features=, or group its values in the plan",
        )
    return dict(sorted(counts.items()))


def encode(column: NDArray[Any], categories: Sequence[Any]) -> NDArray[np.intp]:
    """Give each row the number of its category, -1 where it has none of them."""
    data, missing = np.ma.getdata(column), np.ma.getmaskarray(column)
    if data.dtype == object:
        numbers = {category: number for number, category in enumerate(categories)}
        codes = np.fromiter((numbers.get(value, -1) for value in data), np.intp, len(data))
    elif not categories:
        codes = np.full(len(data), -1, dtype=np.intp)
    else:
        known = np.asarray(categories)
        order = np.argsort(known, kind="stable")
        places = np.minimum(np.searchsorted(known[order], data), len(known) - 1)
        codes = np.where(known[order][places] == data, order[places], -1)
    codes[missing] = -1
    return codes


def _frequent(recipe: Recipe, name: str, counts: Mapping[Category, int]) -> tuple[Category, ...]:
    frequent = sorted(value for value, count in counts.items() if count >= recipe.min_count)
    if not frequent:
        raise InvalidOption(
            f"no category of '{name}' has {recipe.min_count} rows over all parties",
            hint="lower min_count, or name the categories: "
            f"wf.features(one_hot={{'{name}': […]}}); a party tells none of few rows",
        )
    return tuple(frequent)


def _number(
    recipe: Recipe, name: str, moments: Moments, median: float | None, *, is_bool: bool
) -> Number:
    fill = recipe.fill_of(name)
    if fill == "median":
        # A column without a value anywhere is filled as its mean would fill it.
        value: float | None = moments.mean if median is None else median
    elif fill == "mean":
        value = moments.mean
    elif fill == "zero":
        value = 0.0
    else:
        value = fill if isinstance(fill, float) else None
    if not recipe.is_standardized(name, is_bool=is_bool):
        return Number(name, value)
    if known := recipe.scale_of(name):
        return Number(name, value, *known)
    return Number(name, value, moments.mean, moments.deviation or 1.0)
