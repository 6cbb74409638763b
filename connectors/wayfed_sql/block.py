"""One SELECT while it is put together: its clauses, and how its columns are written."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.templates import AND, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed_optimizer.relations import SetKind


_NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class OrderKey:
    """A key of an ORDER BY, and what stands behind it."""

    text: Text
    direction: str


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A SELECT in the making.

    Parameters
    ----------
    columns
        How each column of the relation so far is written.
    source
        What stands behind FROM.
    joined
        Whether `source` is more than one table.
    pairing
        What the joins in `source` make true of every row, and nothing can tell before them.
    where, having
        Conditions that must all be true.
    group
        What stands behind GROUP BY; None where rows are not grouped, empty for one group in all.
    windowed
        The columns that hold a window function.
    distinct
        What stands behind SELECT: DISTINCT, DISTINCT ON (…), or nothing.
    order, limit
        The clauses at the end.
    compound
        The set operation that this is instead, complete but for the clauses at the end.
    """

    columns: Mapping[str, Text]
    source: str = ""
    joined: bool = False
    pairing: tuple[Text, ...] = ()
    where: tuple[Text, ...] = ()
    group: tuple[str, ...] | None = None
    having: tuple[Text, ...] = ()
    windowed: frozenset[str] = frozenset()
    distinct: str = ""
    order: tuple[OrderKey, ...] = ()
    limit: str = ""
    compound: Compound | None = None

    @property
    def takes_rows(self) -> bool:
        """Whether more can be done to its rows before they are grouped, windowed, cut or sorted."""
        return (
            self.group is None
            and not self.windowed
            and not self.distinct
            and not self.limit
            and self.compound is None
        )

    @property
    def takes_conditions(self) -> bool:
        """Whether rows can be kept out with WHERE or HAVING."""
        return not (self.windowed or self.distinct or self.limit or self.compound)

    @property
    def picks(self) -> bool:
        """Whether it keeps one row for each value: an ORDER BY would say which."""
        return self.distinct.startswith("DISTINCT ON")

    @property
    def is_plain(self) -> bool:
        """Whether each of its columns is a column of its source."""
        return all(text.column is not None for text in self.columns.values())

    def sql(self, outputs: Sequence[str], names: Mapping[str, str] = _NO_NAMES) -> str:
        """Write the statement.

        Parameters
        ----------
        outputs
            What stands between SELECT and FROM.
        names
            The names that outputs have there, by their text, for the ORDER BY.
        """
        if self.compound is not None:
            parts = [self.compound.sql]
        else:
            parts = [f"SELECT {self.distinct}{', '.join(outputs) or 'NULL'}"]
            if self.source:
                parts.append(f"FROM {self.source}")
            if self.where:
                parts.append(f"WHERE {conjunction(self.where)}")
            if self.group:
                parts.append(f"GROUP BY {', '.join(self.group)}")
            if self.having:
                parts.append(f"HAVING {conjunction(self.having)}")
        if self.order:
            keys = ", ".join(names.get(k.text.sql, k.text.sql) + k.direction for k in self.order)
            parts.append(f"ORDER BY {keys}")
        if self.limit:
            parts.append(self.limit)
        return " ".join(parts)


@dataclass(frozen=True, slots=True, eq=False)
class Compound:
    """A set operation, written."""

    sql: str
    kind: SetKind
    all: bool = False


def conjunction(conditions: Sequence[Text]) -> str:
    """Write that all conditions are true.

    Examples
    --------
    >>> conjunction([Text("a > 1", 4), Text("b OR c", 1)])
    'a > 1 AND (b OR c)'
    """
    if len(conditions) == 1:
        return conditions[0].sql
    return " AND ".join(condition.within(AND - 1) for condition in conditions)
