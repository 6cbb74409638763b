"""What an engine's SQL is like, as data that the printer reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.types import DataType, Decimal, List, Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.relations import JoinKind
    from wayfed_sql.templates import Row

_EMPTY: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """An engine's SQL.

    Parameters
    ----------
    name
        The engine, for messages.
    sqlglot
        What sqlglot calls it.
    functions
        How each function that it does with our meaning is written.
    types
        How each type is written; ``{precision}``, ``{scale}`` and ``{element}`` are filled in.
    literals
        How constants are written, by name of their type; ``{}`` is the value as text. Numbers,
        text and NULL need no entry, but the floats that no plain number is: float, nan, infinity;
        ``null bool`` where NULL alone is no condition; and ``long decimal`` where a number of more
        digits than 64 bits hold is none.
    seconds
        How precisely timestamps are written (see `datetime.isoformat`).
    casts, safe_casts, safe_cast
        How casts are written, by families of types (see `family`); others are plain CASTs. Those
        that give NULL instead of failing are `safe_casts`, or else called what `safe_cast` says,
        None where there is no such cast.
    orders, groups
        What values of a type are ordered and compared by, and the one form in which those that are
        equal are grouped, by name of the type; ``{}`` is the value.
    joins
        Kinds of joins that it has.
    without
        What it does not do with our meaning, and why: functions, joins, casts, set operations.
    quote
        The mark around identifiers.
    reserved
        Words that need that mark.
    collation
        The collation that orders by code point; None where text is ordered so anyway.
    equality_collates
        Whether any collation decides what equals what, not only those said to.
    computed_collates
        Whether computed text has a collation of its own.
    distinct_on
        Whether it has SELECT DISTINCT ON.
    semi_joins
        Whether it has SEMI JOIN and ANTI JOIN, and does them better than EXISTS.
    all_rows
        What stands for no limit where there is an offset.
    parameter
        How a parameter is written; None where there are none.
    backslashes
        Whether a backslash in a string constant is written twice.
    checked_integers
        How an integer result is written where the engine does not notice its overflow.
    pads_joins
        Whether the left side of a right or full join may be a join in the same FROM.
    checked_subqueries
        Whether it notices that a subquery used as a value has several rows.
    value_columns
        What the columns of VALUES are called where they cannot be named; ``{}`` is the number.
    types_values
        Whether each row of VALUES says its types, where the first one's do not decide.
    digits
        How many digits of a decimal it keeps; None where all that the type has.
    longest_name
        Bytes after which it cuts a name off; 0 where it does not.
    explode, explode_outer
        How the elements of a list are made rows in a SELECT, or behind FROM where there is an
        ``{alias}`` in it; the second keeps a row where there are none. Empty where they cannot.
    not_distinct
        How values that are not distinct are found, where not by IS NOT DISTINCT FROM.
    record
        How a struct is made: of its type, and of names and values in turns; empty where it cannot.
    fence
        What at the end of a query within another keeps the engine from writing the one into the
        other, and so its expressions many times.
    fences_joins
        Whether it joins by an index that it makes of a fenced query's rows, and of no others.
    folds_case
        Whether names that differ in case only are the same to it.
    """

    name: str
    sqlglot: str
    functions: Mapping[str, Row]
    types: Mapping[str, str]
    literals: Mapping[str, str]
    joins: frozenset[JoinKind]
    casts: Mapping[tuple[str, str], Row] = field(default_factory=lambda: MappingProxyType({}))
    safe_casts: Mapping[tuple[str, str], Row] = field(default_factory=lambda: MappingProxyType({}))
    safe_cast: str | None = "TRY_CAST"
    orders: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    groups: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    without: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    quote: str = '"'
    reserved: frozenset[str] = frozenset()
    collation: str | None = None
    equality_collates: bool = False
    computed_collates: bool = False
    distinct_on: bool = False
    semi_joins: bool = False
    all_rows: str = ""
    parameter: str | None = None
    backslashes: bool = False
    seconds: str = "auto"
    checked_integers: Row | None = None
    pads_joins: bool = True
    checked_subqueries: bool = True
    value_columns: str = ""
    types_values: bool = False
    digits: int | None = None
    folds_case: bool = True
    longest_name: int = 0
    fence: str = ""
    fences_joins: bool = False

    not_distinct: Row | None = None
    explode: str = ""
    explode_outer: str = ""
    record: str = ""

    def identifier(self, name: str) -> str:
        """Write a name, in quotes unless it can do without.

        Examples
        --------
        >>> from wayfed_sql import POSTGRESQL
        >>> POSTGRESQL.identifier("amount"), POSTGRESQL.identifier("Order")
        ('amount', '"Order"')
        """
        if name in self.reserved or not _is_simple(name):
            return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"
        return name

    def type_name(self, kind: DataType) -> str:
        """Write a type.

        Raises
        ------
        Unsupported
            Where the engine has no such type.
        """
        template = self.types.get(kind.name)
        if template is None:
            raise Unsupported(str(kind), self.name, self.without.get(kind.name, "no such type"))
        match kind:
            case Decimal(precision=precision, scale=scale):
                return template.format(precision=precision, scale=scale)
            case List(element=element):
                return template.format(element=self.type_name(element))
            case Struct(fields=fields):
                members = (f"{self.identifier(n)} {self.type_name(t)}" for n, t in fields)
                return template.format(fields=", ".join(members))
        return template

    def refuse_names(self, names: tuple[str, ...]) -> Unsupported | None:
        """Return the error where the engine could not tell columns by their names, if it could not.

        Examples
        --------
        >>> from wayfed_sql import DUCKDB, POSTGRESQL
        >>> POSTGRESQL.refuse_names(("id", "ID")) is None
        True
        >>> DUCKDB.refuse_names(("id", "ID")).reason
        'it ignores case'
        """
        if self.folds_case and _differ_in_case_only(names):
            return Unsupported(
                "columns whose names differ in case only", self.name, "it ignores case"
            )
        longest = self.longest_name
        if longest and _bytes_of_longest(names) > longest:
            return Unsupported(
                f"a column name of more than {longest} bytes",
                self.name,
                "it cuts them off",
                hint="give the column a shorter name",
            )
        return None

    def refuse(self, operation: str) -> Unsupported:
        """Return the error for something that the engine does not do, with its reason."""
        return Unsupported(operation, self.name, self.without.get(operation, "not available there"))


@lru_cache(maxsize=4096)
def _differ_in_case_only(names: tuple[str, ...]) -> bool:
    return len({name.lower() for name in names}) < len(names)


@lru_cache(maxsize=4096)
def _bytes_of_longest(names: tuple[str, ...]) -> int:
    return max((len(name.encode()) for name in names), default=0)


def _is_simple(name: str) -> bool:
    """Say whether every engine reads a bare name as itself: lower case, ASCII, no leading digit."""
    return (
        name.isascii() and name.isidentifier() and name == name.lower() and not name.startswith("_")
    )


_FAMILIES: Final = {
    **dict.fromkeys(("int8", "int16", "int32", "int64"), "int"),
    **dict.fromkeys(("float32", "float64"), "float"),
}


def family(kind: DataType) -> str:
    """Return the family that a type belongs to in tables of casts: int, float, or its name."""
    return _FAMILIES.get(kind.name, kind.name)
