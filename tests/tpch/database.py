"""TPC-H: its queries as the specification writes them, its data generated, in any of our stores.

The queries are those of the TPC Benchmark H standard specification (revision 3.0.1, clause 2.4)
with its validation parameters; limits are written as LIMIT, and the view of query 15 as WITH.
"""

from __future__ import annotations

import datetime
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psycopg
import pyarrow as pa
from pyarrow import csv, parquet

TABLES: Final = (
    "customer",
    "lineitem",
    "nation",
    "orders",
    "part",
    "partsupp",
    "region",
    "supplier",
)
QUERIES: Final = {
    int(path.stem.removeprefix("q")): path.read_text()
    for path in sorted(Path(__file__).parent.glob("queries/q*.sql"))
}
"""The text of each query, by its number."""

_COLUMN_TYPES: Final = {
    "int32": "integer",
    "int64": "bigint",
    "date32[day]": "date",
    "decimal128(15, 2)": "decimal(15,2)",
}


def generate(directory: Path, scale: float) -> None:
    """Write the tables as Parquet files; the same rows for the same scale, always."""
    program = shutil.which("tpchgen-cli", path=str(Path(sys.executable).parent))
    if program is None:
        raise FileNotFoundError("tpchgen-cli is not installed: it is in the group 'test'")
    command = [program, "parquet", "--scale-factor", str(scale), "--output-dir", str(directory)]
    subprocess.run(command, check=True, capture_output=True)


def file_of(directory: Path, table: str) -> Path:
    """The file that a table was generated to."""
    return directory / f"{table}.parquet"


def rows_of(directory: Path, table: str) -> pa.Table:
    """A table in memory, with text as all engines have it."""
    rows = parquet.read_table(file_of(directory, table))
    types = [pa.string() if pa.types.is_string_view(kind) else kind for kind in rows.schema.types]
    return rows.cast(pa.schema(list(zip(rows.column_names, types, strict=True))))


def fill_postgresql(url: str, directory: Path) -> None:
    """Copy all tables into a PostgreSQL database."""
    with psycopg.connect(url, autocommit=True) as server:
        for table in TABLES:
            rows = rows_of(directory, table)
            server.execute(_definition(table, rows).encode())
            text = pa.BufferOutputStream()
            csv.write_csv(rows, text, csv.WriteOptions(include_header=False))
            with server.cursor().copy(f"copy {table} from stdin (format csv)".encode()) as copy:
                copy.write(text.getvalue())
        server.execute("analyze")


def fill_sqlite(path: Path, directory: Path) -> None:
    """Copy all tables into a SQLite file."""
    with closing(sqlite3.connect(path)) as database, database:
        for table in TABLES:
            rows = rows_of(directory, table)
            database.execute(_definition(table, rows))
            marks = ", ".join("?" * rows.num_columns)
            columns = (map(_as_sqlite, column.to_pylist()) for column in rows.columns)
            database.executemany(
                f"insert into {table} values ({marks})", zip(*columns, strict=True)
            )
        database.execute("analyze")


def _definition(table: str, rows: pa.Table) -> str:
    columns = (
        f"{field.name} {_COLUMN_TYPES.get(str(field.type), 'text')} not null"
        for field in rows.schema
    )
    return f"create table {table} ({', '.join(columns)})"


def _as_sqlite(value: Any) -> int | float | str:
    match value:
        case int() | str():
            return value
        case datetime.date():
            return value.isoformat()
    return float(value)
