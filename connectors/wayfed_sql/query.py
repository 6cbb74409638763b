"""Relations to SQL: one statement, with as few SELECTs in it as the meaning allows.

Each relation adds its clause to the `Block` of its input while that can still take it; where it
cannot (a filter over a window, a join over a limit), the block becomes a derived table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wayfed_optimizer import expressions
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Call, Column, Expression, Named, columns_of
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Explode,
    Filter,
    Hint,
    Join,
    Limit,
    Read,
    Relation,
    Sample,
    Select,
    SetKind,
    SetOperation,
    Sort,
    Values,
    Window,
)
from wayfed_optimizer.types import TEXT
from wayfed_sql.block import Block, Compound, OrderKey
from wayfed_sql.expression_printer import ExpressionPrinter
from wayfed_sql.guards import in_turn, only_plain
from wayfed_sql.joins import join_blocks
from wayfed_sql.layering import TooLong, in_layers
from wayfed_sql.overflow import may_fail
from wayfed_sql.sampling import sample_condition
from wayfed_sql.sources import constants_block, elements_block, table_block
from wayfed_sql.survey import survey
from wayfed_sql.templates import EQUAL_OTHERWISE, ORDERED_OTHERWISE, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.platform import TableReference
    from wayfed_optimizer.types import Schema
    from wayfed_sql.dialect import Dialect

RELATIONS: Final = frozenset(
    {
        Read,
        Values,
        Select,
        Filter,
        Join,
        Aggregate,
        Window,
        Sort,
        Limit,
        Distinct,
        SetOperation,
        Explode,
        Sample,
        Hint,
    }
)
"""The classes of relations that are written as SQL."""

_LONG = 40
"""Characters beyond which an expression is not written twice."""


def to_sql(relation: Relation, dialect: Dialect, tables: Mapping[str, TableReference]) -> str:
    """Write a plan as one SELECT statement.

    The columns of its result have the names, the order and the types of the plan's schema.

    Parameters
    ----------
    relation
        What to compute.
    dialect
        The engine's SQL.
    tables
        For each table that the plan reads, what the engine calls it.

    Raises
    ------
    Unsupported
        Where the engine does not do something with our meaning; says what and why.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import call, column, literal
    >>> from wayfed_optimizer.platform import TableReference
    >>> from wayfed_optimizer.types import Schema
    >>> from wayfed_sql import DUCKDB
    >>> read = Read("tx", Schema.of(id="int64", amount="float64"))
    >>> large = Filter(read, call("greater", column(read.schema, "amount"), literal(100.5)))
    >>> to_sql(large, DUCKDB, {"tx": TableReference(("core", "transactions"))})
    'SELECT id, amount FROM core.transactions WHERE amount > 100.5'
    """
    try:
        return QueryPrinter(dialect, tables, relation).statement(relation)
    except TooLong:
        layers = in_layers(relation)
    try:
        return QueryPrinter(dialect, tables, layers, keeps_layers=True).statement(layers)
    except TooLong as error:
        raise Unsupported("an expression as deep as this", dialect.name, str(error)) from error


class QueryPrinter:
    """Writes one statement: knows the names it has given to tables and to common subplans.

    With `keeps_layers`, what one Select computes is not written into the Select above it.
    """

    def __init__(
        self,
        dialect: Dialect,
        tables: Mapping[str, TableReference],
        root: Relation,
        *,
        keeps_layers: bool = False,
    ) -> None:
        self._keeps_layers = keeps_layers
        self.dialect = dialect
        self.tables = tables
        self.expressions = ExpressionPrinter(dialect, self.query)
        self._aliases: set[str] = set()
        self._common: dict[Relation, tuple[str, Mapping[str, Text]]] = {}
        self._definitions: list[str] = []
        self._survey = survey(root)

    def statement(self, relation: Relation) -> str:
        """Write the whole statement, common subplans first."""
        body = self.query(relation)
        if not self._definitions:
            return body
        return f"WITH {', '.join(self._definitions)} {body}"

    def query(self, relation: Relation) -> str:
        """Write a relation as a SELECT."""
        return self.select(self.block(relation), relation.schema)

    def select(self, block: Block, schema: Schema) -> str:
        """Write a block, its columns in the order and of the types of a schema."""
        if refused := self.dialect.refuse_names(schema.names):
            raise refused
        outputs = []
        names = {}
        for field in schema:
            text = self.expressions.settled(block.columns[field.name], field.type)
            name = self.dialect.identifier(field.name)
            if text.column == field.name:
                outputs.append(text.sql)
            else:
                outputs.append(f"{text.sql} AS {name}")
                names[text.sql] = name
        return block.sql(outputs, names)

    def block(self, relation: Relation) -> Block:
        """Return a relation as a block that more can be added to."""
        if self._survey.shares(relation):
            return self._common_block(relation)
        return self._own_block(relation)

    def derived(self, block: Block, schema: Schema, *, fenced: bool = False) -> Block:
        """Return a block that selects from `block`, whose columns are those of `schema`."""
        if not block.limit:
            fence = self.dialect.fence if fenced or self._keeps_layers else ""
            block = replace(block, order=(), limit=fence)
        alias = self.alias("t")
        source = f"({self.select(block, schema)}) AS {self.dialect.identifier(alias)}"
        return Block(self.columns(schema, alias, block.columns), source)

    def alias(self, wanted: str) -> str:
        """Return a name for a table in this statement that no other has."""
        name, number = wanted, 1
        while name.lower() in self._aliases:
            number += 1
            name = f"{wanted}_{number}"
        self._aliases.add(name.lower())
        return name

    def columns(self, schema: Schema, alias: str, texts: Mapping[str, Text]) -> dict[str, Text]:
        """Return the columns of a table in FROM; they compare as those in `texts` do."""
        identifier = self.dialect.identifier
        prefix = f"{identifier(alias)}." if self._survey.qualified else ""
        return {
            name: Text(
                prefix + identifier(name),
                collated=texts[name].collated if name in texts else 0,
                column=name,
                digits=texts[name].digits if name in texts else None,
            )
            for name in schema.names
        }

    def computed(self, schema: Schema) -> dict[str, Text]:
        """Return how columns compare that no table's collation applies to."""
        if not self.dialect.computed_collates:
            return {}
        return {f.name: Text(f.name, collated=ORDERED_OTHERWISE) for f in schema if f.type == TEXT}

    def _common_block(self, relation: Relation) -> Block:
        if relation not in self._common:
            block = self._own_block(relation)
            name = self.alias("common")
            sql = self.select(block, relation.schema)
            self._definitions.append(f"{self.dialect.identifier(name)} AS ({sql})")
            self._common[relation] = name, block.columns
        name, columns = self._common[relation]
        alias = self.alias("t")
        identifier = self.dialect.identifier
        source = f"{identifier(name)} AS {identifier(alias)}"
        return Block(self.columns(relation.schema, alias, columns), source)

    def _own_block(self, relation: Relation) -> Block:  # noqa: PLR0912  # a case for each relation
        match relation:
            case Read():
                return table_block(self, relation)
            case Values():
                return constants_block(self, relation)
            case Select():
                return self._select(relation)
            case Filter(input, predicate):
                return self._filter(input, predicate)
            case Join():
                return join_blocks(self, relation)
            case Aggregate():
                return self._aggregate(relation)
            case Window():
                return self._window(relation)
            case Sort():
                return self._sort(relation)
            case Limit():
                return self._limit(relation)
            case Distinct():
                return self._distinct(relation)
            case SetOperation():
                return self._set_operation(relation)
            case Explode():
                return elements_block(self, relation)
            case Sample(input):
                condition = sample_condition(relation)
                return self.block(input) if condition is None else self._filter(input, condition)
            case Hint(input):
                return self.block(input)
        raise self.dialect.refuse(type(relation).__name__)

    def _select(self, select: Select) -> Block:
        block = self.block(select.input)
        if (
            (self._keeps_layers and not block.is_plain)
            or block.distinct
            or block.compound
            or _repeats(block, select)
            or _ungroups(block, select)
        ):
            block = self.derived(block, select.input.schema)
        texts = {
            output.name: self.expressions.text(output.expression, block.columns)
            for output in select.outputs
        }
        windowed = frozenset(
            output.name
            for output in select.outputs
            if not block.windowed.isdisjoint(columns_of(output.expression))
        )
        return replace(block, columns=texts, windowed=windowed)

    def _filter(self, input: Relation, predicate: Expression) -> Block:
        block = self.block(input)
        if not block.takes_conditions:
            block = self.derived(block, input.schema)
        text = self.expressions.text(predicate, block.columns)
        before = (*block.pairing, *block.where) if block.group is None else block.having
        if before and may_fail(predicate):
            # Not evaluated on rows that are already excluded. The guard alone would do: plain
            # conditions stay beside it because engines prune by them.
            text = in_turn(before, text)
            block = only_plain(block)
        return self.keep(block, text)

    def keep(self, block: Block, condition: Text) -> Block:
        """Return a block with one more condition that rows or groups must meet."""
        if block.group is not None:
            return replace(block, having=(*block.having, condition))
        return replace(block, where=(*block.where, condition))

    def _aggregate(self, aggregate: Aggregate) -> Block:
        if not aggregate.keys and not aggregate.aggregates:
            return self._one_row(aggregate.input)
        block = self.block(aggregate.input)
        if not block.takes_rows:
            block = self.derived(block, aggregate.input.schema)
        printer = self.expressions
        texts: dict[str, Text] = {}
        group: list[str] = []
        for key in aggregate.keys:
            kind = key.expression.type
            text = printer.output(key.expression, block.columns)
            text = printer.comparable(text, kind, EQUAL_OTHERWISE)
            if text.constant:
                text = Text(f"CAST({text.sql} AS {self.dialect.type_name(kind)})")
            texts[key.name] = text
            group.append(text.sql)
        for named in aggregate.aggregates:
            texts[named.name] = printer.text(named.expression, block.columns)
        return Block(texts, block.source, where=block.where, group=tuple(dict.fromkeys(group)))

    def _one_row(self, input: Relation) -> Block:
        """Return the row without columns that a group of everything is."""
        counted = Aggregate(input, (), (Named("n", Call("count", ())),))
        return replace(self.derived(self._aggregate(counted), counted.schema), columns={})

    def _window(self, window: Window) -> Block:
        block = self.block(window.input)
        if not block.takes_rows:
            block = self.derived(block, window.input.schema)
        added = {
            output.name: self.expressions.text(output.expression, block.columns)
            for output in window.outputs
        }
        return replace(block, columns={**block.columns, **added}, windowed=frozenset(added))

    def _sort(self, sort: Sort) -> Block:
        block = self.block(sort.input)
        if block.limit or block.picks or not self._sortable(block, sort):
            block = self.derived(block, sort.input.schema)
        order = tuple(
            OrderKey(self._order_text(key, block), self.expressions.direction(key))
            for key in sort.keys
            if not self.expressions.text(key.expression, block.columns).constant
        )
        return replace(block, order=order)

    def _sortable(self, block: Block, sort: Sort) -> bool:
        """Say whether the keys are outputs, where the block can be sorted by its outputs only."""
        if not (block.distinct or block.compound):
            return True
        return all(
            isinstance(key.expression, Column)
            and not block.columns[key.expression.name].collated
            and key.expression.type.name not in self.dialect.orders
            for key in sort.keys
        )

    def _order_text(self, key: expressions.SortKey, block: Block) -> Text:
        printer = self.expressions
        kind = key.expression.type
        text = printer.text(key.expression, block.columns)
        return printer.settled(printer.comparable(text, kind, ORDERED_OTHERWISE), kind)

    def _limit(self, limit: Limit) -> Block:
        block = self.block(limit.input)
        if block.limit:
            block = self.derived(block, limit.input.schema)
        parts = [f"LIMIT {limit.count}"] if limit.count is not None else []
        if limit.offset:
            parts = [*(parts or [self.dialect.all_rows]), f"OFFSET {limit.offset}"]
        return replace(block, limit=" ".join(part for part in parts if part))

    def _distinct(self, distinct: Distinct) -> Block:
        block = self.block(distinct.input)
        if distinct.on:
            return self._distinct_on(distinct, block)
        if block.limit or block.compound:
            block = self.derived(block, distinct.input.schema)
        columns = self._equatable(block, distinct.schema)
        return replace(block, columns=columns, distinct="DISTINCT ", order=())

    def _equatable(self, block: Block, schema: Schema) -> dict[str, Text]:
        """Return the columns so written that rows are equal where their code points are."""
        return {
            field.name: self.expressions.comparable(
                self.expressions.settled(block.columns[field.name], field.type),
                field.type,
                EQUAL_OTHERWISE,
            )
            for field in schema
        }

    def _distinct_on(self, distinct: Distinct, block: Block) -> Block:
        if block.windowed or block.distinct or block.limit or block.compound:
            block = self.derived(block, distinct.input.schema)
        columns = self._equatable(block, distinct.schema)
        keys = ", ".join(columns[name].sql for name in distinct.on)
        if self.dialect.distinct_on:
            return replace(block, distinct=f"DISTINCT ON ({keys}) ", order=())
        if block.group is not None:
            block = self.derived(block, distinct.input.schema)
            keys = ", ".join(block.columns[name].sql for name in distinct.on)
        number = self.dialect.identifier(self.alias("row_number"))
        over = f"ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY {keys})"
        alias = self.alias("t")
        outputs = [
            f"{block.columns[field.name].sql} AS {self.dialect.identifier(field.name)}"
            for field in distinct.schema
        ]
        inner = replace(block, order=()).sql([*outputs, f"{over} AS {number}"])
        source = f"({inner}) AS {alias}"
        first = Text(f"{alias}.{number} = 1", 4)
        columns = self.columns(distinct.schema, alias, block.columns)
        return Block(columns, source, where=(first,))

    def _set_operation(self, operation: SetOperation) -> Block:
        kind, every = operation.kind, operation.all
        name = f"{kind.value} all" if every else kind.value
        if name in self.dialect.without:
            raise self.dialect.refuse(name)
        left = self._side(operation, operation.left, first=True)
        right = self._side(operation, operation.right, first=False)
        word = f"{kind.value.upper()}{' ALL' if every else ''}"
        collated = self.computed(operation.schema)
        columns = {
            name: Text(
                self.dialect.identifier(name),
                collated=collated[name].collated if name in collated else 0,
                column=name,
            )
            for name in operation.schema.names
        }
        return Block(columns, compound=Compound(f"{left} {word} {right}", kind, every))

    def _side(self, operation: SetOperation, relation: Relation, *, first: bool) -> str:
        block = self.block(relation)
        if not block.limit:
            block = replace(block, order=())
        if block.limit or (block.compound and not _nests(block.compound, operation, first)):
            block = self.derived(block, relation.schema)
        if not operation.all and block.compound is None:
            block = replace(block, columns=self._equatable(block, relation.schema))
        return self.select(block, relation.schema)


def _nests(inner: Compound, outer: SetOperation, first: bool) -> bool:
    """Say whether a set operation can stand in another without parentheses."""
    if first:
        return inner.kind is SetKind.INTERSECT or outer.kind is not SetKind.INTERSECT
    return inner.kind is outer.kind is SetKind.UNION and inner.all and outer.all


def _repeats(block: Block, select: Select) -> bool:
    """Say whether merging would write a long expression more than once."""
    long = {name for name, text in block.columns.items() if len(text.sql) > _LONG}
    if not long or (block.order and not block.limit):
        return False
    used = [
        node.name
        for output in select.outputs
        for node in expressions.walk(output.expression)
        if isinstance(node, Column) and node.name in long
    ]
    return len(used) > len(set(used))


def _ungroups(block: Block, select: Select) -> bool:
    """Say whether outputs would use nothing that makes all rows one group."""
    return block.group == () and not any(columns_of(o.expression) for o in select.outputs)
