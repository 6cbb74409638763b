"""The peers: each opens on the data, and returns the rows of a query by its name.

A peer that is not installed is left out and named; one that cannot do a query says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final, Protocol

import pyarrow as pa

import wayfed as wf
from benchmarks.peers.data import Data
from benchmarks.peers.expert import Answer, Expert, Rows
from benchmarks.peers.queries import QUERIES, tables_of, text_of
from wayfed.dataset import Dataset
from wayfed.execution import execute
from wayfed.local import Context
from wayfed_optimizer.stages import Stages, plan

_NUMERIC: Final = ("o_totalprice", "c_acctbal")


class Peer(Protocol):
    """Something that answers queries over both stores."""

    def run(self, query: str) -> Answer:
        """Return a query's rows."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


class Missing(Exception):
    """A peer that is not installed here."""


class Wayfed:
    """One context; the tables of a query are registered when it is first asked.

    Parameters
    ----------
    data
        The tables.
    options
        Of the context.
    """

    def __init__(self, data: Data, **options: Any) -> None:
        self._data = data
        context = wf.context(**options)
        assert isinstance(context, Context)
        self.context = context
        self._known: set[tuple[str, str]] = set()
        self._plans: dict[str, Stages] = {}

    def run(self, query: str) -> Answer:
        """Return the rows of a query, from its text."""
        return self.dataset(query).to_arrow()

    def dataset(self, query: str) -> Dataset:
        """Return a query, bound."""
        for store, table in tables_of(query):
            if (store, table) in self._known:
                continue
            self._known.add((store, table))
            if store == "pq":
                self.context.register(f"pq_{table}", self._data.file(table))
            else:
                self.context.register(f"pg_{table}", self.context.read(self._data.url, table=table))
        dataset = self.context.sql(text_of(query, lambda store, table: f"{store}_{table}"))
        assert isinstance(dataset, Dataset)
        return dataset

    def planned(self, query: str) -> Stages:
        """Return the plan of a query, made once."""
        if query not in self._plans:
            self._plans[query] = plan(self.dataset(query).relation, self.context.environment)
        return self._plans[query]

    def run_planned(self, query: str) -> Answer:
        """Return the rows of a query whose plan is at hand."""
        with execute(self.planned(query), self.context.environment) as execution:
            return execution.stream.read_all()

    def close(self) -> None:
        """Close the context."""
        self.context.close()


class DuckDB:
    """DuckDB with its extension for PostgreSQL, which reads tables with filters pushed."""

    def __init__(self, data: Data) -> None:
        import duckdb

        self._data = data
        self._duckdb = duckdb.connect(
            config={"allow_unsigned_extensions": "true", "autoinstall_known_extensions": "false"}
        )
        try:
            self._duckdb.execute(f"LOAD '{_postgres_extension()}'")
        except duckdb.Error as error:
            raise Missing("DuckDB's extension for PostgreSQL is not installed") from error
        self._duckdb.execute(f"ATTACH '{data.url}' AS pg (TYPE postgres, READ_ONLY)")

    def run(self, query: str) -> Answer:
        """Return a query's rows."""

        def name(store: str, table: str) -> str:
            return f"pg.public.{table}" if store == "pg" else f"'{self._data.file(table)}'"

        return self._duckdb.sql(text_of(query, name)).to_arrow_table()

    def close(self) -> None:
        """Close it."""
        self._duckdb.close()


def _postgres_extension() -> str:
    try:
        import duckdb_extension_postgres_scanner as package
    except ImportError:
        return "postgres_scanner"
    return str(next(Path(package.__file__).parent.rglob("*.duckdb_extension")))


class Polars:
    """Polars: tables of PostgreSQL come by ADBC, with the columns that a query names."""

    def __init__(self, data: Data) -> None:
        try:
            import adbc_driver_postgresql.dbapi
            import polars
        except ImportError as error:
            raise Missing(str(error)) from error
        self._polars = polars
        self._data = data
        self._server = adbc_driver_postgresql.dbapi.connect(data.url)

    def run(self, query: str) -> Answer:
        """Return a query's rows."""
        frames = {
            f"{store}_{table}": self._frame(query, store, table)
            for store, table in tables_of(query)
        }
        text = text_of(query, lambda store, table: f"{store}_{table}")
        rows: pa.Table = self._polars.SQLContext(frames).execute(text, eager=True).to_arrow()
        return rows

    def _frame(self, query: str, store: str, table: str) -> Any:
        if store == "pq":
            return self._polars.scan_parquet(self._data.file(table))
        prefix = {"customer": "c", "nation": "n", "region": "r", "supplier": "s"}.get(table, "o")
        columns = dict.fromkeys(re.findall(rf"\b{prefix}_\w+", QUERIES[query]))
        # Polars has no type for what ADBC makes of PostgreSQL's numeric.
        outputs = (f"{c}::float8 as {c}" if c in _NUMERIC else c for c in columns)
        sql = f"select {', '.join(outputs)} from {table}"
        return self._polars.read_database(sql, self._server).lazy()

    def close(self) -> None:
        """Close the connection."""
        self._server.close()


class Spark:
    """Spark with a JDBC catalog that pushes filters, aggregates and first rows."""

    def __init__(self, data: Data) -> None:
        from urllib.parse import urlsplit

        from wayfed_spark.jdbc import driver_jars

        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise Missing(str(error)) from error
        if not driver_jars():
            raise Missing("the JDBC driver of PostgreSQL is not on this machine")
        from wayfed_java.runtime import java_home

        self._java = TemporaryDirectory()
        os.environ["JAVA_HOME"] = str(java_home(Path(self._java.name)))
        self._data = data
        place = urlsplit(data.url)
        catalog = "spark.sql.catalog.pg"
        settings = {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.sql.shuffle.partitions": "4",
            "spark.jars": ",".join(map(str, driver_jars())),
            catalog: "org.apache.spark.sql.execution.datasources.v2.jdbc.JDBCTableCatalog",
            f"{catalog}.url": f"jdbc:postgresql://{place.hostname}:{place.port}{place.path}",
            f"{catalog}.user": str(place.username),
            f"{catalog}.password": str(place.password),
            f"{catalog}.driver": "org.postgresql.Driver",
            f"{catalog}.pushDownAggregate": "true",
            f"{catalog}.pushDownLimit": "true",
        }
        builder = SparkSession.builder.master("local[2]")
        for key, value in settings.items():
            builder = builder.config(key, value)
        self._spark = builder.getOrCreate()
        for table in {
            table for each in QUERIES for store, table in tables_of(each) if store == "pq"
        }:
            self._spark.read.parquet(str(data.file(table))).createOrReplaceTempView(f"pq_{table}")

    def run(self, query: str) -> Rows:
        """Return a query's rows."""

        def name(store: str, table: str) -> str:
            return f"pg.public.{table}" if store == "pg" else f"pq_{table}"

        return [tuple(row) for row in self._spark.sql(text_of(query, name)).collect()]

    def close(self) -> None:
        """Stop Spark."""
        self._spark.stop()
        self._java.cleanup()


class Xorq:
    """xorq, whose tables of PostgreSQL are brought into its DataFusion."""

    def __init__(self, data: Data) -> None:
        from urllib.parse import urlsplit

        try:
            import xorq.api as xo
        except ImportError as error:
            raise Missing(str(error)) from error
        place = urlsplit(data.url)
        self._here = xo.connect()
        self._server = xo.postgres.connect(
            host=place.hostname,
            port=place.port,
            user=place.username,
            password=place.password,
            database=place.path.removeprefix("/"),
        )
        self._data = data

    def run(self, query: str) -> Answer:
        """Return a query's rows."""
        for store, table in tables_of(query):
            name = f"{store}_{table}"
            if store == "pq":
                self._here.read_parquet(str(self._data.file(table)), table_name=name)
            else:
                rows = self._server.table(table).to_pyarrow_batches()
                self._here.read_record_batches(rows, table_name=name)
        text = text_of(query, lambda store, table: f"{store}_{table}")
        answer: pa.Table = self._here.sql(text).to_pyarrow()
        return answer

    def close(self) -> None:
        """Close the connection to the server."""
        with suppress(AttributeError):
            self._server.con.close()


PEERS: Final[Mapping[str, Callable[[Data], Peer]]] = MappingProxyType(
    {
        "expert": Expert,
        "wayfed": Wayfed,
        "duckdb": DuckDB,
        "polars": Polars,
        "spark": Spark,
        "xorq": Xorq,
    }
)
"""How each peer is opened, by its name; raises `Missing` where it is not installed."""
