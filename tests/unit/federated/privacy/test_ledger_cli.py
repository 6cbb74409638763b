"""`wayfed party ledger`: what was spent, what is left, by which runs; and what was mended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wayfed.cli import main
from wayfed.cli.app import app
from wayfed.federated.privacy.accounting import Gaussian, multiplier_for
from wayfed.federated.privacy.ledger import Budget, Charge, Ledger, Standing

BUDGET = Budget(epsilon=4.0, delta=1e-5)
FILE = """
name = "ash"
[policy.privacy]
epsilon = 4.0
delta = 1e-5
ledger = "bank.ledger"
"""


@pytest.fixture
def party(tmp_path: Path) -> Path:
    """Write the party.toml of a party that has paid for four runs, and told two rounds of one."""
    (tmp_path / "party.toml").write_text(FILE)
    ledger = Ledger(tmp_path / "bank.ledger")
    sides = ((Gaussian(multiplier_for(1.0, 1e-6, times=1)),),)
    for number in range(4):
        key = f"k{number}"
        asked = Charge("core#tx", "example", 1.0, 1e-6, run=f"run-{number}", key=key)
        ledger.charge([asked], BUDGET)
        standing = Standing(5, {}, run=f"run-{number}") if number == 3 else None
        ledger.settle(key, sides, BUDGET, standing=standing)
    for _ in range(2):
        ledger.note("k3", "train", 1)
    return tmp_path / "party.toml"


def typed(*arguments: str, answer: str | None = None) -> tuple[int, str]:
    """Type a command; gives the exit code, and all that was written."""
    result = CliRunner().invoke(app, ["party", "ledger", *arguments], input=answer)
    return result.exit_code, result.output


def test_what_was_spent_is_shown_with_what_is_left_and_by_which_runs(party: Path) -> None:
    code, told = typed("show", "--config", str(party))

    table = next(line for line in told.splitlines() if line.startswith("  core#tx"))
    left = 4.0 - BUDGET.composed(Ledger(party.with_name("bank.ledger")).charges())
    assert code == 0
    assert "1 table in" in told
    assert "4 of 4" in table
    assert f"{left:.4g}" in table
    assert left > 1.0
    assert "4 charges" in told
    assert "run-0" in told
    assert typed("show", str(party)) == (code, told)
    assert "2 of 5" in next(line for line in told.splitlines() if "run-3" in line)


def test_a_file_alone_is_shown_without_a_budget(party: Path) -> None:
    code, told = typed("show", str(party.with_name("bank.ledger")))

    assert code == 0
    assert "core#tx  example  4     4        4e-06" in told


def test_a_party_without_a_budget_is_told_where_one_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "party.toml").write_text('name = "ash"\n')

    with pytest.raises(SystemExit) as ended:
        main(["party", "ledger", "show", "--config", str(tmp_path / "party.toml")])

    assert ended.value.code == 1
    assert "has no [policy.privacy]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("torn", "it is no ledger as one was written"),
        ('{"version": 9}', "it is of version 9"),
        ('{"version": 2, "charges": [], "runs": {}, "seal": "0"}', "its seal does not fit"),
    ],
)
def test_a_damaged_ledger_is_said_to_be_so_with_the_way_to_mend_it(
    party: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    party.with_name("bank.ledger").write_text(text)

    with pytest.raises(SystemExit) as ended:
        main(["party", "ledger", "show", "--config", str(party)])

    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert words in told
    assert "restore it from a backup" in told
    assert "wayfed party ledger seal" in told


def test_a_ledger_that_was_mended_is_sealed_after_a_person_has_looked(party: Path) -> None:
    path = party.with_name("bank.ledger")
    plain = json.loads(path.read_text())
    plain["charges"].append({"table": "core#tx", "unit": "example", "epsilon": 0.5, "delta": 0})
    path.write_text(json.dumps(plain))

    refused, shown = typed("seal", "--config", str(party), answer="n\n")
    was_left = json.loads(path.read_text()) == plain
    sealed, told = typed("seal", "--config", str(party), "--yes")

    assert (refused, was_left) == (1, True)
    assert "5 charges" in shown
    assert sealed == 0
    assert "is sealed, with 5 charges" in told
    assert Ledger(path).spent("core#tx", "example").epsilon == 4.5


def test_what_is_no_ledger_is_not_sealed(party: Path, capsys: pytest.CaptureFixture[str]) -> None:
    party.with_name("bank.ledger").write_text("torn")

    with pytest.raises(SystemExit) as ended:
        main(["party", "ledger", "seal", "--config", str(party), "--yes"])

    assert ended.value.code == 1
    assert "it is no ledger as one was written" in capsys.readouterr().err
    assert party.with_name("bank.ledger").read_text() == "torn"
