"""Every type through every store that comes with wayfed, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

import wayfed
from wayfed.dataset import Dataset
from wayfed.testing.stores import StoreUnderTest, test_what_is_stored_comes_back
from wayfed_kafka.avro_writing import avro_schema

__all__ = ["test_what_is_stored_comes_back"]

# duckdb_sqlalchemy asks for what sqlalchemy 2.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

_NESTED = {"list": "explode\\(\\) it", "struct": "columns of its fields"}
_FLAT = {"list": "or make columns of it", "struct": "or make columns of it"}
_UTF8 = {"binary": "cast it to text"}
REFUSED = MappingProxyType(
    {
        "parquet": {},
        "arrow": {},
        "directory": {},
        "csv": {**_FLAT, **_UTF8, "text: a zero": "'x' holds a zero byte"},
        "ndjson": {
            **_UTF8,
            "float64: infinities": "'x' holds NaN or infinity",
            "float64: NaN": "'x' holds NaN or infinity",
        },
        "sqlite": {
            **_NESTED,
            "float64: NaN": "'x' holds NaN",
            "timestamp_utc": r"\.cast\(x='timestamp'\)",
            "decimal(38,10)": r"\.cast\(x='decimal\(15,10\)'\)",
            "decimal(38,0)": r"\.cast\(x='decimal\(15,0\)'\)",
            "decimal(38,38)": r"\.cast\(x='decimal\(15,15\)'\)",
        },
        "postgresql": {**_NESTED, "text: a zero": "holds a zero byte"},
        "any dialect": _NESTED,
        "kafka json": {
            "binary": "for which JSON has no word",
            "float64: infinities": "'x' holds NaN or infinity",
            "float64: NaN": "'x' holds NaN or infinity",
        },
        "kafka avro": {},
    }
)
_MARKS = MappingProxyType(
    {
        "postgresql": pytest.mark.postgres,
        "kafka json": pytest.mark.kafka,
        "kafka avro": pytest.mark.kafka,
    }
)
STORES = [pytest.param(name, marks=_MARKS.get(name, ())) for name in REFUSED]


@pytest.fixture(scope="module", params=STORES)
def store_under_test(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StoreUnderTest]:
    """Each store in turn."""
    name = request.param
    directory = tmp_path_factory.mktemp("stores")
    with wayfed.context() as context:

        def file(table: str, rows: Dataset) -> Dataset:
            path = directory / (f"{table}/" if name == "directory" else f"{table}.{name}")
            rows.write(f"{path}/" if name == "directory" else path)
            told = rows.schema if name in ("csv", "ndjson") else None
            return context.read(str(path), schema=told)

        def table_at(url: str | Path) -> object:
            def table(table: str, rows: Dataset) -> Dataset:
                rows.write(url, table=table, mode="overwrite")
                return context.read(url, table=table)

            return table

        def topic(table: str, rows: Dataset) -> Dataset:
            url = request.getfixturevalue("kafka").url(f"{name.replace(' ', '-')}-{table}")
            format = name.removeprefix("kafka ")
            rows.write(url, format=format, partitions=1)
            if format == "avro":
                return context.read(url, format=format, avro_schema=avro_schema(rows.schema))
            return context.read(url, format=format, schema=rows.schema)

        match name:
            case "kafka json" | "kafka avro":
                round_trip = topic
            case "sqlite":
                round_trip = table_at(directory / "stores.sqlite")
            case "postgresql":
                round_trip = table_at(request.getfixturevalue("postgres_url"))
            case "any dialect":
                round_trip = table_at(f"duckdb:///{directory}/stores.duckdb")
            case _:
                round_trip = file
        yield StoreUnderTest(name, context, round_trip, REFUSED[name])
