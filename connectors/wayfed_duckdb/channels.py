"""How rows get into DuckDB: each input becomes a view of one cursor, with the declared types."""

from __future__ import annotations

import glob
import re
from typing import TYPE_CHECKING, Final

from wayfed_arrow import Stream
from wayfed_optimizer.errors import TransferError
from wayfed_optimizer.platform import (
    ARROW_FILES,
    ARROW_STREAM,
    ARROW_TABLE,
    CSV_FILES,
    NDJSON_FILES,
    PARQUET_FILES,
    FileSet,
)
from wayfed_optimizer.types import (
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    DataType,
    Decimal,
    Field,
    is_integer,
)
from wayfed_sql import DUCKDB

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pyarrow as pa

    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel

ACCEPTS: Final[tuple[Channel, ...]] = (
    ARROW_TABLE,
    ARROW_STREAM,
    PARQUET_FILES,
    ARROW_FILES,
    NDJSON_FILES,
    CSV_FILES,
)
PRODUCES: Final[tuple[Channel, ...]] = (ARROW_STREAM, ARROW_TABLE)

_INFERRED: Final = (CSV_FILES, NDJSON_FILES)
ROWS: Final = " (files)"

# DuckDB's casts take underscores, exponents and other bases, and round what is left.
_NO_DIGITS: Final = "regexp_matches({0}, '[^\\d+\\-\\s]')"
_FRACTION: Final = "regexp_matches({0}, '\\.0*[^0\\s]|[^\\d+\\-.\\s]')"
_BEYOND: Final = (
    "CASE WHEN contains({0}, '_') THEN true WHEN regexp_matches({0}, '[eE]') "
    "THEN coalesce(length(regexp_extract({0}, '\\.(\\d*[1-9])', 1)) "
    "- TRY_CAST(regexp_extract({0}, '[eE]([+-]?\\d+)', 1) AS INTEGER) > {scale}, true) "
    "ELSE regexp_matches({0}, '\\.\\d{{{scale}}}\\d*[1-9]') END"
)
# A timestamp with more than six digits after the second is longer than that; most are not.
_NANOSECONDS: Final = "length({0}) > 26 AND regexp_matches({0}, '\\.\\d{{6}}0*[1-9]')"


def view_names(fragment: Fragment) -> dict[str, str]:
    """Return what a fragment's inputs are called: their names, told apart where only case differs.

    DuckDB takes names that differ in case only for the same.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for table in fragment.inputs:
        name, count = table, 1
        while name.lower() in taken:
            count += 1
            name = f"{table}_{count}"
        taken.add(name.lower())
        names[table] = name
    return names


def mentions(sql: str, name: str) -> int:
    """Return how often a statement reads a table, or more: a plan does not say it.

    What guards a condition against rows that others leave out is written, and read, again.

    Examples
    --------
    >>> mentions("SELECT f1.a FROM f1 JOIN f10 ON f1.a = f10.a WHERE 1 IN (SELECT b FROM F1)", "f1")
    2
    """
    bare = re.escape(name.replace('"', '""'))
    return len(re.findall(rf'(?<![\w."])"?{bare}(?![\w."]|"\.)', sql, re.IGNORECASE))


def rows_of(value: object, *, reads: int) -> object:
    """Return what a connection registers for an input that is not, or not only, a view.

    Parameters
    ----------
    value
        The value of any channel that DuckDB accepts but files that it reads itself.
    reads
        How often the statement reads it: a stream that is read more than once is kept as a table.
    """
    import pyarrow as pa

    match value:
        case FileSet():
            return _arrow_rows(value.paths)
        case pa.Table():
            return value
        case pa.RecordBatchReader() | Stream():
            return value.read_all() if reads > 1 else value
    raise TransferError(f"a {type(value).__name__} cannot be read", platform="duckdb")


def view_over_files(name: str, files: FileSet) -> str:
    r"""Return the statement that makes the view of files.

    Examples
    --------
    >>> from pathlib import Path
    >>> from wayfed_optimizer.types import Schema
    >>> view_over_files("tx", FileSet((Path("/data/tx.parquet"),), Schema.of(id="int64")))
    'CREATE TEMP VIEW "tx" AS SELECT CAST("id" AS BIGINT) AS "id"
    FROM read_parquet([\'/data/tx.parquet\'], hive_partitioning = false)'
    """
    columns = ", ".join(f"{_read(field, files)} AS {quoted(field.name)}" for field in files.schema)
    rows = _table_function(name, files)
    return f"CREATE TEMP VIEW {quoted(name)} AS SELECT {columns} FROM {rows}"  # noqa: S608  all quoted


def _table_function(name: str, files: FileSet) -> str:
    if files.channel == ARROW_FILES:
        return quoted(name + ROWS)
    paths = _list(glob.escape(str(path)) for path in files.paths)
    if files.channel == PARQUET_FILES and (partitions := files.options.get("partitions")):
        types = ", ".join(f"{text(f.name)}: {DUCKDB.type_name(f.type)}" for f in partitions)
        return f"read_parquet({paths}, hive_partitioning = true, hive_types = {{{types}}})"
    if files.channel == PARQUET_FILES:
        return f"read_parquet({paths}, hive_partitioning = false)"
    columns = _columns(files.options["columns"])
    common = f"{paths}, columns = {columns}, auto_detect = false, hive_partitioning = false"
    if files.channel == NDJSON_FILES:
        return f"read_json({common}, format = 'newline_delimited')"
    options = files.options
    return (
        f"read_csv({common}, header = {str(options['header']).lower()}, "
        f"delim = {text(options['delimiter'])}, quote = {text(options['quote'])}, "
        f"escape = {text(options['escape'])}, nullstr = {_list(options['null_values'])}, "
        "allow_quoted_nulls = false)"
    )


def _columns(columns: Iterable[Field]) -> str:
    """Return the types to parse text as; those that `_read` checks come as text."""
    types = (
        (column.name, DUCKDB.type_name(TEXT if is_checked(column.type) else column.type))
        for column in columns
    )
    return "{" + ", ".join(f"{text(name)}: {text(kind)}" for name, kind in types) + "}"


def _read(field: Field, files: FileSet) -> str:
    """Return the expression for a column with its declared type; nothing may be lost unnoticed.

    Casts to the type that a column has already are free. DuckDB itself would round 1.5 for an
    integer column of text files, and 1.239 for one with two digits, and cut nanoseconds off.
    """
    column, kind = quoted(field.name), DUCKDB.type_name(field.type)
    error = _error(field, column)
    if files.channel in _INFERRED and is_checked(field.type):
        cast = f"TRY_CAST({column} AS {kind})"
        read = f"coalesce({cast}, CASE WHEN {column} IS NOT NULL THEN {error} END)"
        read = f"CASE WHEN {_lost(field.type, files.channel, column)} THEN {error} ELSE {read} END"
        if _is_timestamp(field.type):
            return read
        # Most numbers are written as DuckDB writes them, which is found out sooner.
        return f"CASE WHEN {column} = CAST({cast} AS VARCHAR) THEN {cast} ELSE {read} END"
    cast = f"CAST({column} AS {kind})"
    if field.name in files.options.get("nanoseconds", ()):
        return f"CASE WHEN epoch_ns({column}) % 1000 <> 0 THEN {error} ELSE {cast} END"
    return cast


def is_checked(kind: DataType) -> bool:
    """Say whether values of a type in text files are read as text and checked here."""
    return is_integer(kind) or isinstance(kind, Decimal) or _is_timestamp(kind)


def _is_timestamp(kind: DataType) -> bool:
    return kind in (TIMESTAMP, TIMESTAMP_UTC)


def _lost(kind: DataType, channel: Channel, column: str) -> str:
    """Return the condition under which a cast of a text would lose some of it."""
    if _is_timestamp(kind):
        return _NANOSECONDS.format(column)
    if isinstance(kind, Decimal) and kind.scale:
        return _BEYOND.format(column, scale=kind.scale)
    # DuckDB makes floats of JSON's numbers with a fraction before they become text.
    is_decimal = isinstance(kind, Decimal) and channel == CSV_FILES
    return (_FRACTION if is_decimal else _NO_DIGITS).format(column)


def _error(field: Field, column: str) -> str:
    """Return the call that ends the query; `failures` reads the message again."""
    told = f"column {field.name} is {field.type} and cannot hold "
    return f"error({text(told)} || {column})"


def _arrow_rows(paths: tuple[Path, ...]) -> pa.Table | pa.dataset.Dataset:
    """Return Arrow files as a dataset, or as tables on the files' own memory where they stream."""
    import pyarrow as pa
    from pyarrow import dataset

    streams = [path for path in paths if not _is_ipc_file(path)]
    if not streams:
        return dataset.dataset([str(path) for path in paths], format="ipc")
    tables = []
    for path in paths:
        with pa.memory_map(str(path)) as file:
            opened = pa.ipc.open_stream(file) if path in streams else pa.ipc.open_file(file)
            tables.append(opened.read_all())
    return pa.concat_tables(tables, promote_options="permissive")


def _is_ipc_file(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6) == b"ARROW1"


def quoted(name: str) -> str:
    """Return a name as DuckDB's SQL reads it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text as a constant of DuckDB's SQL."""
    return "'" + value.replace("'", "''") + "'"


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(text(value) for value in values) + "]"
