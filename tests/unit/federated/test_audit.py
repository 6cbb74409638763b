"""The audit log: what a party was asked and what left it, in lines that cannot change unnoticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import wayfed as wf
from wayfed.federated.context import FederatedContext
from wayfed.federated.parties.audit import AuditLog
from wayfed_optimizer.errors import PartyError, PolicyViolation, SourceError

Federation = Callable[..., FederatedContext]


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    """Make a context of one bank with an audit log; `policy` is the bank's."""

    def make(**policy: Any) -> FederatedContext:
        path = tmp_path / "ash.csv"
        rows = "".join(f"{n},{n / 2},{n % 2}\n" for n in range(20))
        path.write_text(f"id,amount,late\n{rows}")
        party = {
            "tables": {"tx": {"source": str(path)}},
            "policy": policy,
            "audit": {"path": str(tmp_path / "audit.jsonl")},
        }
        schema = {"tx": {"id": "int64", "amount": "float64", "late": "int64"}}
        return wf.context(env="federated", parties={"schema": schema, "party": {"ash": party}})

    return make


def written(tmp_path: Path) -> list[dict[str, Any]]:
    return list(AuditLog(tmp_path / "audit.jsonl").entries())


def a_log(path: Path, lines: int = 3) -> AuditLog:
    log = AuditLog(path / "log")
    for number in range(lines):
        log.append({"stage": f"s{number}"})
    return log


def rewrite(log: AuditLog, change: Callable[[list[bytes]], list[bytes]]) -> None:
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(change(lines)))


def test_a_run_leaves_a_line_for_each_message_with_who_asked_and_which_plan(
    federation: Federation, tmp_path: Path
):
    with federation() as ctx:
        arrays = ctx.read("tx").to_numpy()
        model = wf.models.logistic_regression()
        ctx.run_federated(arrays, label="late", features=["amount"], model=model, rounds=2)

    lines = written(tmp_path)
    assert [line["stage"] for line in lines] == [
        "query.plan",
        "query.bind",
        "query.statistics",
        "query.begin",
        *["train", "evaluate"] * 2,
    ]
    assert {(line["requester"], line["plan"], line["decision"]) for line in lines} == {
        ("here", lines[0]["plan"], "allowed")
    }
    train = next(line for line in lines if line["stage"] == "train")
    assert [each["kind"] for each in train["releases"]] == ["update", "training"]
    assert all(each["values"] and each["sha256"] for each in train["releases"])
    assert AuditLog(tmp_path / "audit.jsonl").verify().faults == ()


def test_a_refused_plan_is_recorded_with_the_rule(federation: Federation, tmp_path: Path):
    with federation(columns={"amount": "feature"}) as ctx, pytest.raises(PolicyViolation):
        ctx.read("tx").to_numpy()

    (line,) = written(tmp_path)
    assert line["decision"] == "refused"
    assert line["reasons"][0].startswith("column 'id' is not listed, so it is 'never'")
    assert "tx" in json.loads(line["asked"])["plan"]


def test_a_party_whose_log_cannot_be_written_answers_nothing(
    federation: Federation, tmp_path: Path
):
    (tmp_path / "audit.jsonl").mkdir()

    with federation() as ctx, pytest.raises(PartyError, match="its audit log cannot be written"):
        ctx.read("tx").to_numpy()


def test_without_a_path_a_simulated_party_keeps_no_log(tmp_path: Path):
    (tmp_path / "a.csv").write_text("id\n1\n")
    parties = {
        "schema": {"tx": {"id": "int64"}},
        "party": {"ash": {"tables": {"tx": {"source": str(tmp_path / "a.csv")}}}},
    }
    with wf.context(env="federated", parties=parties) as ctx:
        ctx.read("tx").to_numpy()

    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_line_that_was_changed_is_named(tmp_path: Path):
    log = a_log(tmp_path)
    rewrite(log, lambda lines: [lines[0], lines[1].replace(b"s1", b"s9"), lines[2]])

    assert log.verify().faults == ("line 2 was changed: its hash is another",)


def test_a_line_that_was_taken_out_is_named(tmp_path: Path):
    log = a_log(tmp_path)
    rewrite(log, lambda lines: [lines[0], lines[2]])

    (fault,) = log.verify().faults
    assert fault.startswith("line 2 is number 3, and number 2 was expected")


def test_lines_that_changed_places_are_named(tmp_path: Path):
    log = a_log(tmp_path)
    rewrite(log, lambda lines: [lines[1], lines[0], lines[2]])

    assert [fault.split(" is ")[0] for fault in log.verify().faults] == [
        "line 1",
        "line 2",
        "line 3",
    ]


def test_a_line_that_was_put_in_is_named(tmp_path: Path):
    log = a_log(tmp_path)
    other = AuditLog(tmp_path / "other")
    other.append({"stage": "forged"})
    forged = other.path.read_bytes()
    rewrite(log, lambda lines: [forged, *lines[1:]])

    assert log.verify().faults == ("line 2 follows another line than the one before it",)


def test_an_end_that_was_cut_off_shows_by_a_hash_that_was_kept(tmp_path: Path):
    log = a_log(tmp_path)
    kept = log.verify().head
    rewrite(log, lambda lines: lines[:2])

    assert log.verify().faults == ()
    (fault,) = log.verify(known=kept).faults
    assert kept in fault


def test_a_log_that_lost_lines_while_its_party_lives_takes_no_more(tmp_path: Path):
    log = a_log(tmp_path)
    rewrite(log, lambda lines: lines[:1])

    with pytest.raises(SourceError, match="it has 1 lines, and had 3"):
        log.append({"stage": "train"})


@pytest.mark.parametrize("kept", [1, 30, -1])
def test_a_line_that_a_dying_process_left_unfinished_is_told_and_the_log_goes_on(
    tmp_path: Path, kept: int
):
    log = a_log(tmp_path)
    rewrite(log, lambda lines: [*lines[:2], lines[2][:kept]])

    AuditLog(log.path).append({"stage": "train"})

    assert log.verify().faults == ()
    assert [line.get("stage", line.get("event")) for line in log.entries()][-2:] == (
        ["s2", "train"] if kept == -1 else ["mended", "train"]
    )


def test_two_writers_share_one_chain(tmp_path: Path):
    logs = AuditLog(tmp_path / "log"), AuditLog(tmp_path / "log")
    for number in range(6):
        logs[number % 2].append({"stage": str(number), "filler": "x" * 70_000})

    assert logs[0].verify().faults == ()
    assert logs[0].verify().lines == 6


def run_cli(*arguments: str) -> tuple[int, str]:
    from typer.testing import CliRunner

    from wayfed.cli.app import app

    result = CliRunner().invoke(app, ["party", "audit", *arguments])
    return result.exit_code, result.output


def test_the_command_shows_who_asked_what_and_why_it_was_refused(
    federation: Federation, tmp_path: Path
):
    with federation(columns={"amount": "feature"}) as ctx, pytest.raises(PolicyViolation):
        ctx.read("tx").to_numpy()

    code, told = run_cli(str(tmp_path / "audit.jsonl"))
    assert code == 0
    assert "query.plan" in told
    assert "1: refused: column 'id' is not listed, so it is 'never'" in told


def test_the_command_ends_with_1_where_a_line_was_changed(tmp_path: Path):
    log = a_log(tmp_path)
    (tmp_path / "party.toml").write_text('[audit]\npath = "log"\n')
    whole = run_cli("--config", str(tmp_path / "party.toml"), "--verify")
    rewrite(log, lambda lines: [lines[0], lines[1].replace(b"s1", b"s9"), lines[2]])
    broken = run_cli("--config", str(tmp_path / "party.toml"), "--verify")

    assert (whole[0], "is whole: 3 lines" in whole[1]) == (0, True)
    assert (broken[0], "line 2 was changed" in broken[1]) == (1, True)


def test_the_command_takes_a_party_file_for_the_log_that_it_names(tmp_path: Path):
    (tmp_path / "party.toml").write_text('[audit]\npath = "log"\n')
    a_log(tmp_path)

    assert "3 lines of 3" in run_cli(str(tmp_path / "party.toml"))[1]


def test_a_log_that_is_not_there_yet_is_said_to_be_written_by_the_party(tmp_path: Path):
    with pytest.raises(SourceError) as raised:
        list(AuditLog(tmp_path / "log").entries())

    assert raised.value.hint == "a party writes it from the first message that it answers"
