"""What names mean within one SELECT: tables by alias, columns by name, both as SQL looks them up.

Within a plan the two sides of a join have no name in common, so a column may have another name
there than the one it has in SQL; a `Scope` knows both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from wayfed_optimizer.errors import ColumnNotFound, InvalidSql, TableNotFound
from wayfed_optimizer.expressions import Call, Column, Expression, Named
from wayfed_optimizer.relations import Relation, Select
from wayfed_sql.correlation import Outer, Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Where: TypeAlias = "Callable[[], str]"
"""Says where in the text a name stands, for an error if there is one."""


@dataclass(frozen=True, slots=True)
class Visible:
    """A column that can be named.

    Parameters
    ----------
    table
        The alias of its table; empty for the merged column of a USING.
    name
        Its name in SQL.
    value
        What it is in the plan.
    hidden
        Whether only ``table.name`` reaches it: the columns that a USING merged.
    """

    table: str
    name: str
    value: Expression
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows of a FROM clause, and the names that lead to their columns.

    Parameters
    ----------
    relation
        The rows.
    columns
        The columns, in the order of ``SELECT *``.
    outer
        The scope of the query around, where names are looked up that are not here.
    beside
        Whether this is what a lateral subquery sees: the tables before it, not a query.
    """

    relation: Relation
    columns: tuple[Visible, ...]
    outer: Scope | None = None
    beside: bool = False

    @classmethod
    def of_table(cls, relation: Relation, alias: str, taken: Iterable[str]) -> Scope:
        """Make the scope of one table; columns whose names are `taken` are renamed in the plan."""
        used = set(taken)
        names: dict[str, str] = {}
        for name in relation.schema.names:
            names[name] = _free(name, alias, used)
            used.add(names[name])
        columns = tuple(
            Visible(alias, f.name, Column(names[f.name], f.type, f.nullable))
            for f in relation.schema
        )
        if any(name != inner for name, inner in names.items()):
            outputs = tuple(
                Named(names[f.name], Column(f.name, f.type, f.nullable)) for f in relation.schema
            )
            relation = Select(relation, outputs)
        return cls(relation, columns)

    @property
    def tables(self) -> tuple[str, ...]:
        """The aliases of the tables, in order."""
        return tuple(dict.fromkeys(column.table for column in self.columns if column.table))

    def called(self, alias: str) -> Scope:
        """Return the scope of all its tables under one alias."""
        visible = (replace(c, table=alias) for c in self.columns if not c.hidden)
        return replace(self, columns=tuple(visible))

    def over(self, relation: Relation) -> Scope:
        """Return the scope with other rows of the same columns, with the nullability they have."""
        fields = {f.name: f for f in relation.schema}
        return replace(
            self,
            relation=relation,
            columns=tuple(
                replace(c, value=_as_in(c.value, {n: f.nullable for n, f in fields.items()}))
                for c in self.columns
            ),
        )

    @property
    def depth(self) -> int:
        """How many queries there are around."""
        return sum(1 for _ in self.around())

    @property
    def laterals(self) -> frozenset[int]:
        """The depths at which a lateral subquery sees the tables before it."""
        return frozenset(scope.depth for scope in self.around() if scope.beside)

    def find(
        self,
        name: str,
        table: str | None,
        *,
        quoted: bool,
        where: Where,
        output: Expression | None = None,
    ) -> Expression:
        """Return what a column is in the plan.

        A column of this scope comes first, then `output`, which the query itself calls so, then
        the columns of the queries around, the nearest first.

        Raises
        ------
        ColumnNotFound, TableNotFound, InvalidSql
            Where nothing, or more than one thing, has the name.
        """
        found = self._own(name, table, quoted=quoted, where=where) or output
        if found is not None:
            return found
        candidates = self._candidates(table)
        for scope in self.around():
            if table is not None and candidates:
                break
            found = scope._own(name, table, quoted=quoted, where=where)
            if found is not None:
                return Outer(Reference(scope.depth, found))
            candidates = candidates if table is None else scope._candidates(table)
        if table is not None and not candidates:
            raise TableNotFound(table, self.tables, of="this FROM clause", where=where())
        available = list(dict.fromkeys(c.name for c in candidates))
        raise ColumnNotFound(name, available, of=table, where=where())

    def around(self) -> Iterator[Scope]:
        """Yield the scopes of the queries around, the nearest first."""
        scope = self.outer
        while scope is not None:
            yield scope
            scope = scope.outer

    def _candidates(self, table: str | None) -> list[Visible]:
        if table is None:
            return [c for c in self.columns if not c.hidden]
        return [c for c in self.columns if c.table and same(table, c.table)]

    def _own(
        self, name: str, table: str | None, *, quoted: bool, where: Where
    ) -> Expression | None:
        """Return what has the name in this scope, if anything does."""
        candidates = self._candidates(table)
        found = [c for c in candidates if c.name == name]
        if not found and not quoted:
            found = [c for c in candidates if c.name.lower() == name.lower()]
        if len({c.value for c in found}) > 1:
            raise InvalidSql(
                f"column '{name}' is ambiguous",
                available=[f"{c.table}.{c.name}" for c in found],
                hint=f"say which: {found[0].table}.{name}",
                where=where(),
            )
        return found[0].value if found else None

    def star(self, table: str | None, *, where: Where) -> Sequence[Visible]:
        """Return the columns of ``*`` or ``table.*``."""
        if table is None:
            return [c for c in self.columns if not c.hidden]
        found = [c for c in self.columns if same(table, c.table)]
        if not found:
            raise TableNotFound(table, self.tables, of="this FROM clause", where=where())
        return found


def same(a: str | None, b: str) -> bool:
    """Say whether two identifiers mean the same, as SQL has it: without regard to case."""
    return a is not None and a.lower() == b.lower()


def _free(name: str, alias: str, used: set[str]) -> str:
    if name not in used:
        return name
    wanted, number = f"{alias}.{name}", 1
    while wanted in used:
        number += 1
        wanted = f"{alias}.{name}.{number}"
    return wanted


def _as_in(value: Expression, nullable: dict[str, bool]) -> Expression:
    if isinstance(value, Column):
        return Column(value.name, value.type, nullable.get(value.name, value.nullable))
    if isinstance(value, Call):
        return Call(value.function, tuple(_as_in(arg, nullable) for arg in value.args))
    return value
