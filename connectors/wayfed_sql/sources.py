"""What stands behind FROM: tables, rows of constants, and the elements of lists."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wayfed_optimizer.expressions import Literal
from wayfed_sql.block import Block
from wayfed_sql.digits import digits_between
from wayfed_sql.templates import EQUAL_OTHERWISE, ORDERED_OTHERWISE, Text

if TYPE_CHECKING:
    from wayfed_optimizer.relations import Explode, Read, Values
    from wayfed_sql.query import QueryPrinter


def table_block(printer: QueryPrinter, read: Read) -> Block:
    """Return a table, or the query that it stands for, as a block."""
    table = printer.tables[read.table]
    identifier = printer.dialect.identifier
    alias = printer.alias(table.name[-1] if table.name else read.table)
    if table.query is not None:
        source = f"({table.query}) AS {identifier(alias)}"
    else:
        source = ".".join(map(identifier, table.name))
        if alias != table.name[-1]:
            source += f" AS {identifier(alias)}"
    differs = EQUAL_OTHERWISE if printer.dialect.equality_collates else ORDERED_OTHERWISE
    collated = {name: Text(name, collated=differs) for name in table.collations}
    columns = printer.columns(read.schema, alias, collated)
    for name, (low, high) in table.bounds.items():
        if name in columns:
            digits = digits_between(low, high, read.schema[name].type)
            columns[name] = columns[name]._replace(digits=digits)
    return Block(columns, source)


def constants_block(printer: QueryPrinter, values: Values) -> Block:
    """Return rows of constants as a block; the first row's casts say the types of all."""
    identifier = printer.dialect.identifier
    alias = printer.alias("constants")
    if not len(values.schema):
        return Block({}, f"(SELECT 1 AS {identifier('one')}) AS {identifier(alias)}")
    names, every = values.schema.names, printer.dialect.types_values
    rows = [
        ", ".join(_constant(printer, value, typed=number == 0 or every) for value in row)
        for number, row in enumerate(values.rows)
    ]
    listed = ", ".join(f"({row})" for row in rows)
    if not rows:
        nothing = ", ".join(
            f"{_constant(printer, Literal(None, f.type), typed=True)} AS {identifier(f.name)}"
            for f in values.schema
        )
        source = f"(SELECT {nothing} WHERE 1 = 0) AS {identifier(alias)}"
    elif printer.dialect.value_columns:
        outputs = ", ".join(
            f"{printer.dialect.value_columns.format(number)} AS {identifier(name)}"
            for number, name in enumerate(names, 1)
        )
        source = f"(SELECT {outputs} FROM (VALUES {listed})) AS {identifier(alias)}"  # noqa: S608  # constants, quoted
    else:
        columns = ", ".join(map(identifier, names))
        source = f"(VALUES {listed}) AS {identifier(alias)}({columns})"
    return Block(printer.columns(values.schema, alias, printer.computed(values.schema)), source)


def _constant(printer: QueryPrinter, value: Literal, *, typed: bool) -> str:
    text = printer.expressions.text(value, {}).sql
    if not typed and value.value is not None:
        return text
    return f"CAST({text} AS {printer.dialect.type_name(value.type)})"


def elements_block(printer: QueryPrinter, explode: Explode) -> Block:
    """Make rows of a list's elements in a SELECT of their own: others cannot be put on top.

    Raises
    ------
    Unsupported
        Where the engine does not take lists apart.
    """
    dialect = printer.dialect
    if not dialect.explode:
        raise dialect.refuse("Explode")
    block = printer.block(explode.input)
    if not block.takes_rows:
        block = printer.derived(block, explode.input.schema)
    kind = explode.input.schema.field(explode.column).type
    form = dialect.explode_outer if explode.keep_empty else dialect.explode
    if "{alias}" in form and block.where:
        # What a condition keeps out is not taken apart.
        block = printer.derived(block, explode.input.schema)
    listed = printer.expressions.settled(block.columns[explode.column], kind)
    alias = printer.alias("exploded")
    rows = form.format(list=listed.sql, type=dialect.type_name(kind), alias=alias)
    element = Text(rows)
    if "{alias}" in form:
        block = replace(block, source=f"{block.source} {rows}", joined=True)
        element = Text(f"{alias}.exploded")
    made = replace(block, columns={**block.columns, explode.column: element})
    return printer.derived(made, explode.schema)
