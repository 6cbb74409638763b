"""What several parties told of a plan's rows, as one description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wayfed.display import Listing, counted
from wayfed.federated.features.fitting import Category, Moments
from wayfed.federated.statistics.sketch import Sketch, merged_quantile, quantile_names
from wayfed_optimizer.errors import ColumnNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed.federated.statistics.question import Asked
    from wayfed_optimizer.types import Schema


@dataclass(frozen=True, slots=True)
class FederatedColumn:
    """What the parties told of a column, together.

    Parameters
    ----------
    column, type
        Its name and type.
    values, missing
        How many rows have a value, and how many NULL or NaN, at the parties that told of it.
    mean, stddev
        Of numbers; the deviation is of the sample.
    quantiles
        Of numbers, by name; each within a hundredth of a value of that rank, or of as many rows
        beside it as the parties' policies ask of a group.
    frequent
        Of categories: the most frequent ones, with the numbers of rows.
    histogram
        Of numbers, by range; None where no party told.
    withheld_by
        Parties that told nothing of it; `FederatedDescription.withheld` has their reasons.
    """

    column: str
    type: str
    values: int
    missing: int
    mean: float | None = None
    stddev: float | None = None
    quantiles: Mapping[str, float] | None = None
    frequent: Mapping[Category, int] | None = None
    histogram: Mapping[str, int | None] | None = None
    withheld_by: tuple[str, ...] = ()


class FederatedDescription(Mapping[str, FederatedColumn]):
    """Descriptions of columns over all parties, by name; shows itself as a table.

    Parameters
    ----------
    rows
        How many rows the parties told of.
    parties
        Which they are.
    left_out
        Those that told nothing, and why.
    columns
        The descriptions.
    withheld
        For each column of which not all was told: the parties that kept something back, what it
        was, and which rule of theirs keeps it.
    """

    def __init__(
        self,
        rows: int,
        parties: tuple[str, ...],
        left_out: Mapping[str, str],
        columns: tuple[FederatedColumn, ...],
        withheld: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        self.rows = rows
        self.parties = parties
        self.left_out = dict(left_out)
        self.withheld = {name: dict(by) for name, by in withheld.items()}
        self._columns = {each.column: each for each in columns}

    def __getitem__(self, name: str) -> FederatedColumn:
        try:
            return self._columns[name]
        except KeyError:
            raise ColumnNotFound(name, self._columns) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __repr__(self) -> str:
        return "\n".join([repr(self._listing()), *self._notes()])

    def _repr_html_(self) -> str:
        from html import escape

        notes = "".join(f"<div>{escape(note.strip())}</div>" for note in self._notes())
        return self._listing()._repr_html_() + notes

    def _listing(self) -> Listing[FederatedColumn]:
        where = f" of {counted(self.rows, 'row')} at {', '.join(self.parties) or 'no party'}"
        return Listing("column", self._columns.values(), of=where)

    def _notes(self) -> list[str]:
        absent = [f"  not told of: {name}, {reason}" for name, reason in self.left_out.items()]
        parties_by: dict[tuple[str, str], list[str]] = {}
        for name, by in self.withheld.items():
            for party, what in by.items():
                parties_by.setdefault((name, what), []).append(party)
        return absent + [
            f"  not told of '{name}' by {', '.join(parties)}: {what}"
            for (name, what), parties in parties_by.items()
        ]


@dataclass(frozen=True, slots=True)
class Told:
    """What one party told, checked.

    Parameters
    ----------
    rows
        How many rows it has.
    values
        How many have a value, by column; None where it does not tell.
    withheld
        What of a column it does not tell, and why.
    moments, sketches, histograms, vocabularies
        By column.
    """

    rows: int
    values: Mapping[str, int | None] = field(default_factory=lambda: MappingProxyType({}))
    withheld: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    moments: Mapping[str, Moments] = field(default_factory=lambda: MappingProxyType({}))
    sketches: Mapping[str, Sketch] = field(default_factory=lambda: MappingProxyType({}))
    histograms: Mapping[str, Sequence[int | None]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    vocabularies: Mapping[str, Mapping[Category, int]] = field(
        default_factory=lambda: MappingProxyType({})
    )


def together(
    schema: Schema,
    asked: Asked,
    told: Mapping[str, Told],
    *,
    quantiles: Sequence[float],
    top: int,
    min_count: int,
) -> tuple[FederatedColumn, ...]:
    """Put together what the parties told, in the order of their names.

    Parameters
    ----------
    schema
        Of the plan's result.
    asked
        What was asked.
    told
        What each party told.
    quantiles
        Which quantiles to give.
    top, min_count
        How many categories to give at most, and of how many rows each at least.
    """
    found = []
    for name in dict.fromkeys((*asked.numbers, *asked.categories)):
        telling = {party: each for party, each in told.items() if each.values[name] is not None}
        values = sum(each.values[name] or 0 for each in telling.values())
        column = FederatedColumn(
            name,
            str(schema[name].type),
            values,
            sum(each.rows for each in telling.values()) - values,
            withheld_by=tuple(party for party in told if party not in telling),
        )
        if name in asked.numbers:
            column = _with_numbers(column, tuple(telling.values()), quantiles)
        if name in asked.histograms:
            column = replace(column, histogram=_histogram(name, asked, telling))
        if name in asked.categories:
            column = replace(column, frequent=_frequent(name, telling, top, min_count))
        found.append(column)
    return tuple(found)


def kept_back(told: Mapping[str, Told]) -> dict[str, dict[str, str]]:
    """Return for each column of which not all was told: which party did not tell what, and why."""
    found: dict[str, dict[str, str]] = {}
    for party, each in told.items():
        for name, what in each.withheld.items():
            found.setdefault(name, {})[party] = what
    return found


def _with_numbers(
    column: FederatedColumn, told: Sequence[Told], quantiles: Sequence[float]
) -> FederatedColumn:
    name, moments = column.column, Moments(0, 0.0, 0.0)
    for each in told:
        moments = moments.merge(each.moments.get(name, Moments(0, 0.0, 0.0)))
    if not moments.count:
        return column
    sketches = [each.sketches[name] for each in told if name in each.sketches]
    found = {
        label: value
        for label, fraction in zip(quantile_names(quantiles), quantiles, strict=True)
        if (value := merged_quantile(sketches, fraction)) is not None
    }
    deviation = (moments.squares / (moments.count - 1)) ** 0.5 if moments.count > 1 else None
    return replace(column, mean=moments.mean, stddev=deviation, quantiles=found)


def _histogram(name: str, asked: Asked, told: Mapping[str, Told]) -> Mapping[str, int | None]:
    bounds = asked.histograms[name]
    found: dict[str, int | None] = {}
    last = len(bounds) - 2
    tellers = [each.histograms[name] for each in told.values() if name in each.histograms]
    for place, (low, high) in enumerate(pairwise(bounds)):
        counts = [each[place] for each in tellers]
        known = [count for count in counts if count is not None]
        label = f"[{low:g}, {high:g}{']' if place == last else ')'}"
        found[label] = sum(known) if known else None
    return found


def _frequent(
    name: str, told: Mapping[str, Told], top: int, min_count: int
) -> Mapping[Category, int]:
    counts: dict[Any, int] = {}
    for each in told.values():
        for category, count in each.vocabularies.get(name, {}).items():
            counts[category] = counts.get(category, 0) + count
    enough = [(category, count) for category, count in counts.items() if count >= min_count]
    enough.sort(key=lambda pair: (-pair[1], pair[0]))
    return dict(enough[:top])
