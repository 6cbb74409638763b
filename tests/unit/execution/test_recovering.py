"""Runs that get over a failure: again a little later, or on another platform."""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from wayfed.execution import Execution, execute
from wayfed.execution.attempt import Attempt
from wayfed.execution.losses import Losses
from wayfed.execution.recovering import AGAIN, ANEW, Recoveries
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.environment import Environment
from wayfed_optimizer.errors import (
    Cancelled,
    ExecutionError,
    Failure,
    PlacedElsewhere,
)
from wayfed_optimizer.platform import Run
from wayfed_optimizer.relations import Hint
from wayfed_optimizer.stages import plan

ROWS = 3_000_000
SERIES = f"select g as id, g % 3 as kind from generate_series(1, {ROWS}) g"
KILL = (
    "select pg_terminate_backend(pid) from pg_stat_activity where state = 'active' "
    "and query like '%generate_series%' and pid <> pg_backend_pid()"
)


@pytest.fixture
def ctx() -> Iterator[wf.Context]:
    with wf.context() as context:
        yield context


@pytest.fixture
def kill(postgres_url: str) -> Callable[[], None]:
    def killed() -> None:
        with psycopg.connect(postgres_url, autocommit=True) as server:
            end = time.monotonic() + 120
            while not server.execute(KILL).fetchall():  # it has not begun yet
                assert time.monotonic() < end, "waited for two minutes"

    return killed


def run(dataset: wf.Dataset) -> Execution:
    return dataset.context.run(dataset.relation)


def once(work: Callable[[], None]) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    done = threading.Event()

    def pass_on(batch: pa.RecordBatch) -> pa.RecordBatch:
        if not done.is_set():
            done.set()
            work()
        return batch

    return pass_on


@pytest.mark.postgres
def test_a_run_whose_connections_are_ended_begins_anew_and_is_right(
    ctx: wf.Context, postgres_url: str, kill: Callable[[], None]
):
    series = ctx.read(postgres_url, query=SERIES)
    passed_on = series.map_batches(once(kill), schema=series.schema)

    with run(passed_on.group_by().agg(n=wf.count(), last=wf.max("id"))) as execution:
        rows = execution.stream.read_all().to_pylist()

    assert rows == [{"n": ROWS, "last": ROWS}]
    (told,) = execution.report.recoveries
    assert told.action == "restarted"
    assert told.platform.startswith("postgresql")


@pytest.mark.postgres
def test_a_run_that_loses_the_snapshot_that_its_readers_share_begins_anew(
    ctx: wf.Context, postgres_url: str
):
    with psycopg.connect(postgres_url, autocommit=True) as server:
        ended = "select pg_terminate_backend(pid) from pg_stat_activity where query like %s"

        def kill() -> None:
            # Of all that read: the first one keeps the snapshot of the others.
            ours = server.execute(f"{ended} and pid <> pg_backend_pid()", ("%generate_series%",))
            assert ours.fetchall()

        series = ctx.read(postgres_url, query=SERIES)
        passed_on = series.map_batches(once(kill), schema=series.schema)
        others = ctx.read(postgres_url, query=SERIES.replace("as id", "as other"))
        both = passed_on.join(others.on("duckdb"), left_on="id", right_on="other").on("duckdb")

        with run(both.group_by().agg(n=wf.count())) as execution:
            assert execution.stream.read_all().to_pylist() == [{"n": ROWS}]

    assert execution.report.recoveries[-1].action == "restarted"


@pytest.mark.postgres
def test_rows_that_somebody_has_seen_are_not_handed_out_again(
    ctx: wf.Context, postgres_url: str, kill: Callable[[], None]
):
    series = ctx.read(postgres_url, query=SERIES)

    with run(series) as execution:
        next(execution.stream)
        kill()
        with pytest.raises(ExecutionError) as caught:
            for _ in execution.stream:
                pass

    assert caught.value.failure is Failure.TRANSIENT
    assert execution.report.recoveries == ()


class Failing:
    """A DuckDB that fails as often as it is told to, when it is opened or when it is asked."""

    def __init__(self, real: Any, failure: Failure, times: int, *, opening: bool = False) -> None:
        self._real, self._failure, self._opening = real, failure, opening
        self.name, self.left, self.asked = real.name, times, 0
        self.before: Callable[[], None] = lambda: None
        self.told = "the line is dead"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def open(self, run: Run) -> Any:
        if self._opening:
            self._fail()
        session = self._real.open(run)
        return self if self._opening else Asked(session, self._fail)

    def _fail(self) -> None:
        self.asked += 1
        self.before()
        if self.left:
            self.left -= 1
            raise ExecutionError(self.told, failure=self._failure)


class Asked:
    def __init__(self, session: Any, ask: Callable[[], None]) -> None:
        self._session, self._ask = session, ask

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def execute(self, *asked: Any) -> Any:
        self._ask()
        return self._session.execute(*asked)


def failing(ctx: wf.Context, times: int) -> tuple[Environment, Failing]:
    environment = ctx.environment
    platform = Failing(environment.platforms["duckdb"], Failure.TRANSIENT, times)
    return replace(environment, platforms={"duckdb": platform}), platform


@pytest.fixture
def numbers(ctx: wf.Context) -> wf.Dataset:
    return ctx.read({"n": [1, 2, 3]}).filter("n > 1")


def test_a_fragment_that_fails_in_a_way_that_passes_is_tried_again(ctx, numbers):
    environment, platform = failing(ctx, 1)

    with execute(plan(numbers.relation, environment), environment) as execution:
        assert execution.stream.read_all().to_pydict() == {"n": [2, 3]}

    (told,) = execution.report.recoveries
    assert (told.fragment, told.platform, told.action) == ("f1", "duckdb", "retried")
    assert told.error == "the line is dead"
    assert platform.asked == 2


def test_what_a_run_got_over_is_told_without_passwords(ctx, numbers):
    environment, platform = failing(ctx, 1)
    platform.told = "no answer from postgresql://ada:c0untess@host/core"

    with execute(plan(numbers.relation, environment), environment) as execution:
        assert execution.stream.read_all().num_rows == 2

    (told,) = execution.report.recoveries
    assert told.error == "no answer from postgresql://ada:***@host/core"


def test_a_run_begins_anew_where_trying_a_fragment_again_is_of_no_use(ctx, numbers):
    environment, _ = failing(ctx, len(AGAIN) + 1)

    with execute(plan(numbers.relation, environment), environment) as execution:
        assert execution.stream.read_all().to_pydict() == {"n": [2, 3]}

    actions = [told.action for told in execution.report.recoveries]
    assert actions == ["retried"] * len(AGAIN) + ["restarted"]


def test_what_fails_again_and_again_is_told_with_how_often_it_was_tried(ctx, numbers, monkeypatch):
    monkeypatch.setattr("wayfed.execution.executor.pause", lambda seconds, token: None)
    environment, platform = failing(ctx, 1_000)

    with pytest.raises(ExecutionError, match=rf"dead \(tried {len(ANEW) + 1} times\)"):
        execute(plan(numbers.relation, environment), environment)

    assert platform.asked == (len(AGAIN) + 1) * (len(ANEW) + 1)


def test_who_stops_a_run_does_not_wait_for_another_try(ctx, numbers):
    token = CancellationToken()
    environment, platform = failing(ctx, 1_000)
    platform.before = lambda: threading.Thread(target=token.cancel, args=("enough",)).start()

    with pytest.raises(Cancelled, match="enough"):
        execute(plan(numbers.relation, environment), environment, token=token)

    assert platform.asked <= len(AGAIN) + 1


def test_who_stops_a_run_that_begins_anew_stops_the_attempt_that_is_being_made(
    ctx, numbers, monkeypatch
):
    token = CancellationToken()
    environment, _ = failing(ctx, 1_000)
    made: list[Attempt] = []

    def attempt(*given: Any) -> Attempt:
        made.append(Attempt(*given))
        if len(made) == 2:
            threading.Thread(target=token.cancel, args=("enough",)).start()
            assert token.wait(120)
        return made[-1]

    monkeypatch.setattr("wayfed.execution.executor.Attempt", attempt)
    with pytest.raises(Cancelled, match="enough"):
        execute(plan(numbers.relation, environment), environment, token=token)

    assert [each.token.cancelled for each in made] == [True, True]


def test_ctrl_c_ends_the_wait_for_another_try(ctx, numbers, monkeypatch):
    waited: list[float] = []

    def interrupted(seconds: float, token: CancellationToken) -> None:
        waited.append(seconds)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("wayfed.execution.executor.pause", interrupted)
    environment, _ = failing(ctx, 1_000)
    with pytest.raises(KeyboardInterrupt):
        execute(plan(numbers.relation, environment), environment)

    assert waited == [ANEW[0]]


def test_what_a_function_of_the_users_raises_is_not_tried_again(ctx: wf.Context):
    calls = 0

    def fail(batch: pa.RecordBatch) -> pa.RecordBatch:
        nonlocal calls
        calls += 1
        raise ConnectionResetError("a service of hers")

    with pytest.raises(ExecutionError, match="a service of hers"):
        ctx.read({"n": [1]}).map_batches(fail, schema={"n": "int64"}).to_arrow()

    assert calls == 1


@pytest.fixture
def preferring_fast(ctx: wf.Context) -> Callable[[], Environment]:
    """Make environments with a platform that is cheap, and cannot be had."""

    def made() -> Environment:
        environment = ctx.environment
        duckdb = environment.platforms["duckdb"]
        dear = replace(duckdb.costs, per_fragment=10.0)
        lost = Failing(duckdb, Failure.LOST, 9, opening=True)
        lost.name = "fast"
        return replace(
            environment,
            platforms={**environment.platforms, "fast": lost},
            costs={"duckdb": dear, "fast": replace(duckdb.costs, startup=0.0)},
        )

    return made


def test_a_platform_that_cannot_be_had_is_done_without(ctx, numbers, preferring_fast):
    environment = preferring_fast()
    stages = plan(numbers.relation, environment)
    assert {fragment.platform for fragment in stages.physical.fragments} == {"fast"}

    with pytest.warns(PlacedElsewhere, match="fast cannot be had: the line is dead. Ran on duckdb"):
        execution = execute(stages, environment)
    with execution:
        assert execution.stream.read_all().to_pydict() == {"n": [2, 3]}

    (told,) = execution.report.recoveries
    assert (told.action, told.platform) == ("placed elsewhere", "fast")
    assert {each.platform for each in told.after} == {"duckdb"}
    assert {f.platform for f in execution.stages.physical.fragments} == {"duckdb"}


def test_a_platform_that_was_lost_is_done_without_for_a_while(ctx, numbers, monkeypatch):
    duckdb = ctx.environment.platforms["duckdb"]
    fast = Failing(duckdb, Failure.LOST, 9, opening=True)
    fast.name, fast.costs = "fast", replace(duckdb.costs, per_fragment=0.0, startup=0.0)
    now = [0.0]
    monkeypatch.setattr(ctx, "_losses", Losses(clock=lambda: now[0]))
    monkeypatch.setitem(ctx._platforms, "fast", fast)

    with pytest.warns(PlacedElsewhere, match="fast cannot be had: the line is dead"):
        assert numbers.count() == 2
    with pytest.warns(PlacedElsewhere, match="fast could not be had lately: the line is dead"):
        assert numbers.count() == 2
    assert fast.asked == 1
    with pytest.raises(ExecutionError, match="the line is dead"):
        numbers.on("fast").to_arrow()
    now[0] += 61.0
    with pytest.warns(PlacedElsewhere, match="fast cannot be had: the line is dead"):
        assert numbers.count() == 2


def test_a_platform_that_was_asked_for_is_not_replaced(ctx, numbers, preferring_fast):
    environment = preferring_fast()

    with pytest.raises(ExecutionError, match="the line is dead"):
        execute(plan(Hint(numbers.relation, "fast"), environment), environment)


# pyspark leaves the pipe of a JVM open that has not started.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.spark
def test_a_spark_that_does_not_start_is_done_without(tmp_path: Path, monkeypatch):
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'Error: this Java is broken' >&2\nexit 1\n")
    java.chmod(0o755)
    (tmp_path / "release").write_text('JAVA_VERSION="17.0.1"\nMODULES="jdk.incubator.vector"\n')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with wf.context(spark={}) as ctx:
        pq.write_table(pa.table({"n": [1, 2, 3]}), tmp_path / "numbers.parquet")
        numbers = ctx.read(str(tmp_path / "numbers.parquet")).filter("n > 1")
        environment = ctx.environment
        spark, duckdb = (environment.platforms[name].costs for name in ("spark", "duckdb"))
        environment = replace(
            environment,
            costs={
                "duckdb": replace(duckdb, per_fragment=30.0),
                "spark": replace(spark, startup=0.0),
            },
        )
        stages = plan(numbers.relation, environment)
        assert {fragment.platform for fragment in stages.physical.fragments} == {"spark"}
        with pytest.warns(PlacedElsewhere, match="spark cannot be had"):
            execution = execute(stages, environment)
        with execution:
            assert execution.stream.read_all().to_pydict() == {"n": [2, 3]}
    del execution
    gc.collect()


def test_no_other_try_is_made_of_what_is_wrong_in_itself(ctx, numbers):
    environment = ctx.environment
    recoveries = Recoveries(plan(numbers.relation, environment), environment)

    with pytest.raises(ExecutionError, match="division by zero"):
        recoveries.recover(ExecutionError("division by zero"), "duckdb", CancellationToken())


def test_an_engine_without_enough_memory_says_its_limit_and_the_fragment():
    with wf.context(duckdb={"memory_limit": "10MB", "temp_directory": ""}) as ctx:
        # Of so few rows nobody says beforehand that there is not enough for them.
        numbers = ctx.read(pa.table({"n": pa.array(range(2_000_000))})).hint(rows=1_000)
        lists = numbers.group_by("n").agg(c=wf.count()).sort("c")
        with pytest.raises(ExecutionError, match="duckdb, f1: ") as caught:
            lists.to_arrow()

    assert "more than memory_limit='9.5 MiB'" in str(caught.value)
