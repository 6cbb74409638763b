"""Rows of others that are so few that they are written into the statement that reads them.

A database plans a list of constants well, down to an index that it looks each of them up in, and
neither a table is made for it nor a transaction that may write.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wayfed_arrow import Stream, schema_from_arrow
from wayfed_database.catalog import quoted
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Literal
from wayfed_optimizer.types import TEXT, is_integer
from wayfed_sql import literal_text, string

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from wayfed_optimizer.types import DataType
    from wayfed_sql import Dialect

MOST_ROWS: Final = 4096
MOST_BYTES: Final = 128 << 10
"""What is more goes into a temporary table, whatever the plan believed."""

_WITH: Final = "WITH "
_LEAST_INTEGER: Final = -(2**63)
"""Without its sign it is no integer of 64 bits."""


@dataclass(frozen=True, slots=True)
class InlineRows:
    """The value of the channel ``values``: rows as the definition of a name in a statement.

    Parameters
    ----------
    name
        What the statement calls them.
    definition
        What stands behind WITH.
    rows
        Themselves.
    """

    name: str
    definition: str
    rows: pa.Table


class Taken(NamedTuple):
    """What was read of rows: all of them where they are few, else a stream that begins anew."""

    few: pa.Table | None
    stream: pa.RecordBatchReader | Stream


def taken(rows: Any) -> Taken:
    """Read rows until there are too many to be written into a statement.

    Examples
    --------
    >>> import pyarrow as pa
    >>> taken(pa.table({"id": [1, 2]}).to_reader()).few.num_rows
    2
    >>> much = taken(pa.table({"id": range(5000)}).to_reader())
    >>> much.few, much.stream.read_all().num_rows
    (None, 5000)
    """
    import pyarrow as pa

    read: list[pa.RecordBatch] = []
    count = size = 0
    for batch in rows:
        read.append(batch)
        count, size = count + batch.num_rows, size + batch.nbytes
        if count > MOST_ROWS or size > MOST_BYTES:
            return Taken(None, Stream(rows.schema, _again(read, rows), rows.close))
    table = pa.Table.from_batches(read, rows.schema)
    return Taken(table, table.to_reader())


def _again(read: list[pa.RecordBatch], rows: Any) -> Iterator[pa.RecordBatch]:
    yield from chain(read, rows)


def inline(name: str, rows: pa.Table | None, dialect: Dialect) -> InlineRows | None:
    """Return rows as part of a statement; None where they are none that can be."""
    definition = None if rows is None else definition_of(name, rows, dialect)
    return None if definition is None or rows is None else InlineRows(name, definition, rows)


def definition_of(name: str, rows: pa.Table, dialect: Dialect) -> str | None:
    r"""Return rows as the definition of a name; None where one cannot be written as a constant.

    The first row says the types. A text with a zero byte is left to a table, which refuses it: in
    a statement it would be the end.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from wayfed_sql import POSTGRESQL
    >>> definition_of("k", pa.table({"id": [1, None], "of": ["it's", "b"]}), POSTGRESQL)
    'k("id", "of") AS (VALUES (CAST(1 AS BIGINT), CAST(\'it\'\'s\' AS TEXT)), (NULL, \'b\'))'
    """
    schema = schema_from_arrow(rows.schema)
    types = [dialect.type_name(field.type) for field in schema]
    head = f"{name}({', '.join(quoted(f.name) for f in schema)}) AS "
    if not rows.num_rows:
        nothing = ", ".join(f"CAST(NULL AS {kind})" for kind in types)
        return f"{head}(SELECT {nothing} WHERE 1 = 0)"
    try:
        columns = [
            _constants(column.to_pylist(), field.type, dialect)
            for column, field in zip(rows.columns, schema, strict=True)
        ]
    except (Unsupported, OverflowError, ValueError):  # Python has no days before the year 1
        return None
    first = ", ".join(
        f"CAST({column[0]} AS {kind})" for column, kind in zip(columns, types, strict=True)
    )
    others = map(", ".join, zip(*(column[1:] for column in columns), strict=True))
    text = f"{head}(VALUES {', '.join(f'({row})' for row in chain((first,), others))})"
    return None if "\x00" in text else text


def _constants(values: Iterable[Any], kind: DataType, dialect: Dialect) -> list[str]:
    plain = is_integer(kind)
    return [
        "NULL"
        if value is None
        else str(value)
        if plain and value > _LEAST_INTEGER
        else string(value, dialect)
        if kind == TEXT
        else literal_text(Literal(value, kind), dialect).sql
        for value in values
    ]


def with_rows(text: str, inputs: Mapping[str, object]) -> str:
    """Return a statement with the definitions of the rows that it reads.

    Examples
    --------
    >>> import pyarrow as pa
    >>> k = InlineRows("k", "k(id) AS (VALUES (1))", pa.table({"id": [1]}))
    >>> with_rows("SELECT id FROM k", {"f1": k})
    'WITH k(id) AS (VALUES (1)) SELECT id FROM k'
    >>> with_rows("WITH m AS (SELECT 2) SELECT id FROM k, m", {"f1": k})
    'WITH k(id) AS (VALUES (1)), m AS (SELECT 2) SELECT id FROM k, m'
    """
    definitions: Sequence[str] = [
        value.definition
        for value in inputs.values()
        if isinstance(value, InlineRows) and value.name in text
    ]
    if not definitions:
        return text
    rest = f", {text.removeprefix(_WITH)}" if text.startswith(_WITH) else f" {text}"
    return f"{_WITH}{', '.join(definitions)}{rest}"
