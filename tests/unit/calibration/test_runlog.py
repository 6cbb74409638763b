"""Runs are noted without what they were about, and refine costs a little at a time."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import wayfed as wf
from wayfed.calibration import Measured, Observation, load
from wayfed.calibration.refining import refined
from wayfed.calibration.runlog import MOST_BYTES, RunLog, log_file, runs, take_runs
from wayfed_optimizer.cost import CostProfile


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of its own for what is measured, which is used here."""
    monkeypatch.setenv("WAYFED_CACHE", str(tmp_path))
    monkeypatch.setenv("WAYFED_CALIBRATION", "on")
    return tmp_path


def _large() -> pa.Table:
    return pa.table({"secret_name": pa.array(range(3_000_000))})


def test_a_run_leaves_a_line_without_names_and_values(cache: Path):
    with wf.context() as ctx:
        ctx.read(_large()).select(more=wf.col("secret_name") + 271828).to_arrow()

    ((key, (seen, *_)),) = runs().items()
    assert key == ("duckdb", "")
    assert seen.work["read.arrow.table"] == 3_000_000
    assert seen.seconds > 0
    text = log_file().read_text()
    assert "secret" not in text
    assert "271828" not in text


def test_nothing_is_noted_where_that_is_switched_off(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WAYFED_CALIBRATION", "off")
    with wf.context() as ctx:
        ctx.read(_large()).count()

    assert not log_file().exists()


def test_a_log_that_cannot_be_written_is_said_once_and_stops_no_run(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    log = RunLog(blocked / "runs.jsonl")
    with wf.context() as ctx:
        execution = ctx.run(ctx.read(_large()).relation)
        for _ in execution.stream:
            pass
        for _ in range(2):
            log.note(execution.stages.physical, execution.report, {})

    assert capsys.readouterr().err.count("runs are not noted") == 1


def test_a_line_that_was_cut_off_is_left_out_and_a_broken_log_is_set_aside(tmp_path: Path):
    file = tmp_path / "runs.jsonl"
    line = '[{"platform":"duckdb","place":"","seconds":1.0,"work":{"read":5}}]\n'
    file.write_text(line + line[:20])
    assert runs(file) == {("duckdb", ""): [Observation({"read": 5.0}, 1.0)]}

    file.write_text(line + "nonsense\n" + line)
    assert runs(file) == {}
    assert not file.exists()


def test_the_log_does_not_grow_without_end(tmp_path: Path, cache: Path):
    log_file().parent.mkdir(parents=True)
    log_file().write_text('["x"]\n' * (MOST_BYTES // 5))
    with wf.context() as ctx:
        ctx.read(_large()).to_arrow()

    assert log_file().stat().st_size < MOST_BYTES


def test_runs_change_what_the_next_context_plans_with(cache: Path):
    line = '[{"platform":"duckdb","place":"","seconds":0.9,"work":{"read.arrow.table":1e7}}]\n'
    log_file().parent.mkdir(parents=True)
    log_file().write_text(line * 1000)
    with wf.context() as ctx:
        assumed = ctx.environment.platforms["duckdb"].costs.rate("read.arrow.table")
        learned = ctx.environment.costs_of("duckdb").rate("read.arrow.table")

    assert assumed < learned <= 2 * assumed
    assert [each.platform for each in load()] == ["duckdb"]
    assert take_runs() == {}


def test_runs_of_a_busy_machine_move_no_rate_far_from_what_was_measured():
    seen = {("duckdb", ""): [Observation({"read.arrow.table": 1e7}, 60.0)] * 50}
    measured = Measured("duckdb", "", {"read.arrow.table": 1e-9})
    known = [measured]
    for _ in range(8):
        known = refined(known, seen)

    assert known[0].rates["read.arrow.table"] == pytest.approx(4e-9)
    assert known[0].unrefined == measured.rates


def test_few_runs_change_nothing():
    seen = {("duckdb", ""): [Observation({"read": 1e6}, 1.0)] * 5}

    assert refined([], seen) == []


def test_rates_of_another_version_are_not_used_and_that_is_said(
    cache: Path, capsys: pytest.CaptureFixture[str]
):
    from wayfed.calibration import save

    save([Measured("duckdb", "0.1", {"read": 1.0})])
    with wf.context() as ctx:
        costs = ctx.environment.costs_of("duckdb")

    assert isinstance(costs, CostProfile)
    assert costs.rate("read") < 1.0
    assert "duckdb 0.1 was measured" in capsys.readouterr().err
