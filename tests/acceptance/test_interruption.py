"""Ctrl-C: the program ends, the engines stop too, and nothing is left behind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.acceptance.programs import Interrupted, Program, has_worked
from tests.waiting import wait_until

CONNECTIONS = "select count(*) from pg_stat_activity where application_name = 'wayfed'"
SIGINT = -2


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def server(postgres_url: str) -> Iterator[psycopg.Connection]:
    """A connection that watches what the program's do."""
    with psycopg.connect(postgres_url, autocommit=True, application_name="watcher") as connection:
        yield connection


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """A million numbers in Parquet: joined with themselves they keep an engine busy for hours."""
    path = tmp_path / "numbers.parquet"
    pq.write_table(pa.table({"n": pa.array(range(1_000_000))}), path, row_group_size=10_000)
    return path


def is_running(server: psycopg.Connection, text: str) -> bool:
    """Whether the server works on a statement of wayfed's with some text in it."""
    statements = f"{CONNECTIONS} and state = 'active' and query ilike %s"
    return server.execute(statements, [f"%{text}%"]).fetchone() != (0,)


def assert_stopped(ended: Interrupted) -> None:
    assert ended.code == SIGINT, ended.errors
    assert ended.errors.startswith("Traceback"), ended.errors
    assert ended.errors.endswith("\nKeyboardInterrupt\n"), ended.errors
    assert ended.errors.count("Traceback") == 1, ended.errors
    assert ended.left == []


LONG = """
numbers = ctx.read("numbers.parquet")
pairs = numbers.join(numbers.rename({"n": "m"}), how="cross").filter("(n * 7 + m * 3) % 10 = 11")
"""


@pytest.mark.usefixtures("numbers")
def test_a_loop_that_has_long_to_go(program: Program) -> None:
    ended = program.interrupt_python(
        """
ctx = wf.context()
few = ctx.read("numbers.parquet").filter("n < 3").select("n")
few.iterate(lambda rows: rows.select(n=wf.col("n") + 1), max_iterations=10**9).to_numpy()
""",
        once=has_worked,
    )

    assert_stopped(ended)


@pytest.mark.usefixtures("numbers")
@pytest.mark.parametrize("terminal", ["pairs.to_numpy()", "pairs.count()", "pairs.write('x.csv')"])
def test_a_long_query_of_duckdb(program: Program, terminal: str) -> None:
    ended = program.interrupt_python(
        f"""
ctx = wf.context()
{LONG}
{terminal}
""",
        once=has_worked,
    )

    assert_stopped(ended)
    assert sorted(path.name for path in program.directory.iterdir()) == [
        "numbers.parquet",
        "program.py",
        "tmp",
    ]


@pytest.mark.usefixtures("numbers")
def test_a_first_plan_that_is_made_while_engines_start(program: Program) -> None:
    ended = program.interrupt_python(
        f"""
ctx = wf.context()
{LONG}
ready()
pairs.count()
"""
    )

    assert_stopped(ended)


@pytest.mark.usefixtures("numbers")
def test_a_stream_that_is_being_read(program: Program) -> None:
    ended = program.interrupt_python(
        """
ctx = wf.context()
with ctx.read("numbers.parquet").to_batches() as batches:
    next(batches)
    ready()
    while True:
        pass
""",
    )

    assert_stopped(ended)


@pytest.mark.postgres
def test_a_long_query_of_postgresql_stops_in_the_server_too(
    program: Program, postgres_url: str, server: psycopg.Connection
) -> None:
    ended = program.interrupt_python(
        f"""
ctx = wf.context()
ctx.read({postgres_url!r}, query="select pg_sleep(600)::text as x").to_numpy()
""",
        once=lambda _: is_running(server, "pg_sleep"),
    )

    assert_stopped(ended)
    wait_until(lambda: server.execute(CONNECTIONS).fetchone() == (0,), "the server was left alone")


@pytest.mark.postgres
@pytest.mark.usefixtures("numbers")
def test_an_ingest_into_postgresql_leaves_no_table(
    program: Program, postgres_url: str, server: psycopg.Connection
) -> None:
    ended = program.interrupt_python(
        f"""
ctx = wf.context()
there = ctx.read({postgres_url!r}, query="select i::bigint as m from generate_series(1, 1000000) i")
here = ctx.read("numbers.parquet")
(store,) = (name for name in ctx.platform_names if name not in ("duckdb", "python"))
here.join(there, how="cross").on(store).filter("(n * 7 + m * 3) % 10 = 11").to_numpy()
""",
        once=lambda _: is_running(server, "cross join"),
    )

    assert_stopped(ended)
    wait_until(lambda: server.execute(CONNECTIONS).fetchone() == (0,), "the server was left alone")
    tables = "select relname from pg_class where relpersistence = 't' or relname ilike '%wayfed%'"
    wait_until(lambda: server.execute(tables).fetchall() == [], "its temporary tables were gone")


def test_a_federated_round(program: Program) -> None:
    ended = program.interrupt_python(
        """
from flwr.client import NumPyClient
import numpy as np

class Endless(NumPyClient):
    def __init__(self, arrays):
        pass
    def get_parameters(self, config):
        return [np.zeros(1)]
    def fit(self, parameters, config):
        ready()
        while True:
            pass

parties = {
    "schema": {"t": {"x": "float64"}},
    "party": {name: {"tables": {"t": {"source": f"{name}.csv"}}} for name in ("a", "b")},
}
for name in parties["party"]:
    pathlib.Path(f"{name}.csv").write_text("x\\n1.5\\n")
with wf.context(env="federated", parties=parties) as ctx:
    ctx.runFlower(ctx.read("t").toNumpy(), server={"num_rounds": 3}, client=Endless)
""",
    )

    assert_stopped(ended)


def test_rounds_of_a_model(program: Program) -> None:
    ended = program.interrupt_python(
        """
ctx = wf.context()
rows = ctx.read({"bank": ["a", "b"] * 50, "x": [float(i % 10) for i in range(100)],
                 "late": [i % 10 > 4 for i in range(100)]})
ctx.run_federated(rows.to_numpy().partition_by("bank"), label="late",
    model=wf.models.logistic_regression(), rounds=1_000_000, on_round=lambda run: ready())
""",
    )

    assert_stopped(ended)


@pytest.mark.usefixtures("numbers")
def test_the_command_line_leaves_no_output_half_written(program: Program) -> None:
    (program.directory / "long.sql").write_text(
        "select a.n, b.n as m from 'numbers.parquet' a cross join 'numbers.parquet' b\n"
    )
    ended = program.interrupt(
        [str(Path(sys.executable).with_name("wayfed")), "run", "long.sql", "--output", "out.csv"],
        once=lambda _: any(
            path.stat().st_size > 0 for path in program.directory.glob(".out.csv.*.part")
        ),
    )

    assert (ended.code, ended.output, ended.left) == (130, "", [])
    assert "Traceback" not in ended.errors
    assert sorted(path.name for path in program.directory.iterdir()) == [
        "long.sql",
        "numbers.parquet",
        "tmp",
    ]
