"""Loops whose bodies run in several engines and read several stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from pyarrow import parquet

import wayfed as wf
from wayfed.dataset import Dataset

STEPS = [(1, 10.0), (2, 20.0), (3, None)]


def put_in_sqlite(directory: Path) -> str:
    path = directory / "steps.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE steps (id BIGINT, step DOUBLE PRECISION)")
        connection.executemany("INSERT INTO steps VALUES (?, ?)", STEPS)
    return f"sqlite:///{path}"


def put_in_parquet(directory: Path) -> str:
    path = directory / "steps.parquet"
    ids, steps = zip(*STEPS, strict=True)
    parquet.write_table(pa.table({"id": ids, "step": steps}), path)
    return str(path)


@pytest.fixture
def steps_in_postgres(postgres_url: str) -> Iterator[str]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE steps (id bigint, step double precision)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO steps VALUES (%s, %s)", STEPS)
        yield postgres_url
        connection.execute("DROP TABLE steps")


@pytest.fixture
def ctx() -> Iterator[wf.Context]:
    with wf.context() as context:
        yield context


def walked(rows: Dataset, steps: Dataset) -> Dataset:
    """Each row moves by its step; a NULL step loses its way."""
    return rows.join(steps, on="id", how="left").select("id", at=wf.col("at") + wf.col("step"))


def start(ctx: wf.Context) -> Dataset:
    return ctx.read(pa.table({"id": [1, 2, 3], "at": [0.0, 0.0, 0.0]}))


def positions(rows: Dataset) -> dict[int, float | None]:
    found = rows.to_arrow().to_pydict()
    return dict(zip(found["id"], found["at"], strict=True))


def platform_of(ctx: wf.Context, kind: str) -> str:
    return next(name for name in ctx.platform_names if name.startswith(kind))


EXPECTED = {1: 40.0, 2: 80.0, 3: None}


@pytest.mark.parametrize("put", [put_in_sqlite, put_in_parquet])
def test_a_body_reads_a_store(ctx: wf.Context, tmp_path: Path, put):
    target = put(tmp_path)
    steps = ctx.read(target, table="steps" if "://" in target else None)

    looped = start(ctx).iterate(lambda rows: walked(rows, steps), max_iterations=4)

    assert positions(looped) == EXPECTED


@pytest.mark.postgres
def test_a_body_reads_postgresql_and_runs_there_when_asked(ctx: wf.Context, steps_in_postgres: str):
    steps = ctx.read(steps_in_postgres, table="steps")
    server = platform_of(ctx, "postgresql")

    looped = start(ctx).iterate(lambda rows: walked(rows, steps), max_iterations=4)
    there = start(ctx).iterate(lambda rows: walked(rows, steps).on(server), max_iterations=4)

    assert positions(looped) == EXPECTED
    assert positions(there) == EXPECTED
    assert server in [f.platform for f in there.explain().fragments]


def test_a_body_that_is_forced_into_sqlite_brings_the_current_rows_there_each_time(
    ctx: wf.Context, tmp_path: Path
):
    steps = ctx.read(put_in_sqlite(tmp_path), table="steps")
    store = platform_of(ctx, "sqlite")

    looped = start(ctx).iterate(lambda rows: walked(rows, steps), max_iterations=12).on(store)

    assert positions(looped) == {1: 120.0, 2: 240.0, 3: None}


@pytest.mark.spark
def test_a_body_runs_in_spark(spark_options: dict[str, str], tmp_path: Path):
    with wf.context(spark=spark_options) as ctx:
        steps = ctx.read(put_in_parquet(tmp_path))

        looped = start(ctx).iterate(lambda rows: walked(rows, steps), max_iterations=4).on("spark")

        assert positions(looped) == EXPECTED
