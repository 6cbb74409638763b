"""One context, many threads: right answers, several runs at once, and one that closes it all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Timer
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flwr.client import NumPyClient

import wayfed as wf
from tests.waiting import wait_until
from wayfed import errors

THREADS = 8
WAITING = (
    "select count(*) from pg_stat_activity "
    "where application_name = 'wayfed' and query like '%pg_advisory%' and wait_event is not null"
)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Numbers from 0 to 999,999 in Parquet, in a hundred groups of rows."""
    pq.write_table(
        pa.table({"n": pa.array(range(1_000_000))}),
        tmp_path / "numbers.parquet",
        row_group_size=10_000,
    )
    return tmp_path / "numbers.parquet"


@pytest.fixture
def server(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.mark.postgres
def test_eight_threads_get_the_right_answers_of_one_context(
    ctx: wf.Context, lake: Path, postgres_url: str
) -> None:
    together = Barrier(THREADS)

    def answers(thread: int) -> list[int]:
        together.wait()
        found = []
        for turn in range(5):
            low = 1000 * thread + turn
            numbers = ctx.read(lake).filter(lambda t, low=low: (t.n >= low) & (t.n < low + 10))
            theirs = ctx.read(
                postgres_url,
                query=f"select i::bigint as n from generate_series({low}, {low + 4}) i",
            )
            ctx.register(f"mine_{thread}_{turn}", numbers)
            mine = ctx.sql(f"select n from mine_{thread}_{turn} where n % 2 = 0")
            found += [
                int(numbers.to_numpy()["n"].sum()) - 10 * low,
                numbers.join(theirs, on="n").count(),
                mine.count(),
            ]
        return found

    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(answers, range(THREADS)))

    assert found == [[45, 5, 5] * 5] * THREADS
    assert len(ctx.tables()) == 1 + 5 * THREADS


@pytest.mark.postgres
def test_two_runs_at_once_on_one_postgresql(
    ctx: wf.Context, postgres_url: str, server: psycopg.Connection
) -> None:
    server.execute("select pg_advisory_lock(7)")

    def answer(number: int) -> int:
        query = f"select {number} as n from (select pg_advisory_xact_lock_shared(7)) as waiting"
        return int(ctx.read(postgres_url, query=query).to_numpy()["n"][0])

    with ThreadPoolExecutor(2) as threads:
        found = threads.map(answer, [1, 2])
        try:
            wait_until(lambda: server.execute(WAITING).fetchone() == (2,), "both runs wait at once")
        finally:
            server.execute("select pg_advisory_unlock(7)")
        assert list(found) == [1, 2]


def test_closing_a_context_ends_the_stream_that_is_read_from_it(lake: Path) -> None:
    ctx = wf.context()
    numbers = ctx.read(lake)
    pairs = numbers.join(numbers.rename({"n": "m"}), how="cross").to_batches()
    next(pairs)

    ctx.close()

    with pytest.raises(errors.Cancelled, match="the context was closed"):
        for _ in pairs:
            pass


def test_a_query_that_another_thread_begins_ends_whenever_its_context_is_closed(lake: Path) -> None:
    def told_after(moment: float) -> str:
        ctx = wf.context()
        numbers = ctx.read(lake)
        pairs = numbers.join(numbers.rename({"n": "m"}), how="cross").filter("(n + m) % 10 = 11")
        closing = Timer(moment, ctx.close)
        closing.start()
        with pytest.raises(errors.WayfedError) as caught:
            pairs.count()
        closing.join()
        return str(caught.value)

    # Before the run, while it is planned, while it starts, and while DuckDB is at work.
    told = [told_after(milliseconds / 1000) for milliseconds in range(0, 100, 5)]

    assert {each.split(" (")[0] for each in told} <= {
        "this context is closed",
        "the run was stopped: the context was closed",
    }


class Endless(NumPyClient):
    """Closes the federation in its first round, and would go on for ever."""

    context: Any = None

    def __init__(self, arrays: wf.Arrays) -> None:
        pass

    def get_parameters(self, config: dict[str, Any]) -> list[np.ndarray]:
        return [np.zeros(1)]

    def fit(
        self, parameters: list[np.ndarray], config: dict[str, Any]
    ) -> tuple[list[np.ndarray], int, dict[str, Any]]:
        Endless.context.close()
        return parameters, 1, {}

    def evaluate(
        self, parameters: list[np.ndarray], config: dict[str, Any]
    ) -> tuple[float, int, dict[str, Any]]:
        return 0.0, 1, {}


def test_closing_a_federated_context_ends_its_training(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("x\n1.5\n")
    Endless.context = wf.context(
        env="federated",
        parties={
            "schema": {"t": {"x": "float64"}},
            "party": {name: {"tables": {"t": {"source": f"{tmp_path}/x.csv"}}} for name in "ab"},
        },
    )
    arrays = Endless.context.read("t").toNumpy()

    with pytest.raises(errors.Cancelled, match="the context was closed"):
        Endless.context.runFlower(arrays, server={"num_rounds": 1_000_000}, client=Endless)
