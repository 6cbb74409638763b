"""The tables: Parquet files, and a PostgreSQL server that has half of them, kept between runs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from time import perf_counter
from typing import Final

import adbc_driver_postgresql
import psycopg
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement

from tests.tpch.database import file_of, generate, rows_of
from wayfed_database.embedded import PostgresServer

CACHE: Final = Path(os.environ.get("WAYFED_PEERS", Path(gettempdir()) / "wayfed-peers"))

_KEYS: Final = {
    "region": "r_regionkey",
    "nation": "n_nationkey",
    "supplier": "s_suppkey",
    "customer": "c_custkey",
    "orders": "o_orderkey",
}
_INDEXES: Final = ("orders (o_custkey)", "customer (c_nationkey)")
_COLUMN_TYPES: Final = {
    "int32": "integer",
    "int64": "bigint",
    "date32[day]": "date",
    "decimal128(15, 2)": "numeric(15,2)",
}
_TENFOLD: Final = """
create table orders15m as
select o_orderkey + k * 10000000 as o_orderkey, o_custkey, o_orderstatus, o_totalprice, o_orderdate,
  o_orderpriority, o_clerk, o_shippriority, o_comment
from orders, generate_series(0, 9) k
"""


@dataclass(frozen=True, slots=True)
class Data:
    """Where the tables of one scale are.

    Parameters
    ----------
    directory
        Of the Parquet files.
    url
        Of the PostgreSQL database.
    server
        The process id of its server.
    """

    directory: Path
    url: str
    server: int

    def file(self, table: str) -> Path:
        """Return the Parquet file of a table."""
        return file_of(self.directory, table)


@contextmanager
def opened(scale: float, cache: Path = CACHE) -> Iterator[Data]:
    """Give the tables of a scale, made where they are not there yet; this takes some minutes."""
    cache.mkdir(parents=True, exist_ok=True)
    cache.chmod(0o755)
    name = f"sf{scale:g}".replace(".", "_")
    with _server(cache) as (url, pid):
        directory = cache / name
        data = Data(directory, f"{url.rpartition('/')[0]}/{name}", pid)
        with _locked(cache / "making", fcntl.LOCK_EX):
            if not data.file("supplier").exists():
                directory.mkdir(exist_ok=True)
                _said(f"tables of scale {scale:g}", lambda: generate(directory, scale))
            with psycopg.connect(url, autocommit=True) as connection:
                there = connection.execute("select 1 from pg_database where datname = %s", [name])
                if there.fetchone() is None:
                    connection.execute(f'drop database if exists "{name}_new"'.encode())
                    connection.execute(f'create database "{name}_new"'.encode())
                    new = Data(directory, f"{data.url}_new", pid)
                    _said("their half in PostgreSQL", lambda: _fill(new))
                    connection.execute(f'alter database "{name}_new" rename to "{name}"'.encode())
        yield data


@contextmanager
def _server(cache: Path) -> Iterator[tuple[str, int]]:
    """Give the URL of the server, which whoever came first has started and ends last."""
    known = cache / "server"
    with _locked(cache / "starting", fcntl.LOCK_EX):
        try:
            url, pid = known.read_text().split()
            psycopg.connect(url, connect_timeout=5).close()
        except (OSError, ValueError, psycopg.OperationalError):
            owned: PostgresServer | None = PostgresServer.start(directory=cache / "postgresql")
            assert owned is not None
            url, pid = owned.url, str(owned.pid)
            known.touch(mode=0o600)
            known.write_text(f"{url} {pid}")
        else:
            owned = None
        users = (cache / "users").open("w")
        fcntl.flock(users, fcntl.LOCK_SH)
    try:
        yield url, int(pid)
    finally:
        fcntl.flock(users, fcntl.LOCK_UN)
        if owned is not None:
            with (
                _locked(cache / "starting", fcntl.LOCK_EX),
                _locked(cache / "users", fcntl.LOCK_EX),
            ):
                known.unlink()
                owned.stop()
        users.close()


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield


def _said(what: str, make: object) -> None:
    assert callable(make)
    print(f"# making {what} …", flush=True)
    before = perf_counter()
    make()
    print(f"# … in {perf_counter() - before:.0f} s", flush=True)


def _fill(data: Data) -> None:
    with psycopg.connect(data.url, autocommit=True) as connection:
        for table, key in _KEYS.items():
            rows = rows_of(data.directory, table)
            columns = (
                f"{f.name} {_COLUMN_TYPES.get(str(f.type), 'text')} not null" for f in rows.schema
            )
            connection.execute(f"create table {table} ({', '.join(columns)})".encode())
            _append(data.url, table, rows)
            connection.execute(f"alter table {table} add primary key ({key})".encode())
        connection.execute(_TENFOLD.encode())
        for index in (*_INDEXES, "orders15m (o_custkey)"):
            connection.execute(f"create index on {index}".encode())
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


def _append(url: str, table: str, rows: pa.Table) -> None:
    database = AdbcDatabase(driver=adbc_driver_postgresql._driver_path(), uri=url)
    connection = AdbcConnection(database)
    statement = AdbcStatement(connection)
    statement.set_options(
        **{"adbc.ingest.target_table": table, "adbc.ingest.mode": "adbc.ingest.mode.append"}
    )
    statement.bind_stream(rows.to_reader())
    statement.execute_update()
    for each in (statement, connection, database):
        each.close()
