"""A ledger charges before anything is told, refuses what is spent, and never forgets."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wayfed.federated.privacy.accounting import Gaussian
from wayfed.federated.privacy.ledger import Budget, Charge, Ledger, Spending, Standing
from wayfed_optimizer.errors import PolicyViolation, SourceError

BUDGET = Budget(epsilon=1.0, delta=1e-4)
HALF = [Charge("core#tx", "example", 0.5, 1e-5)]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "bank.ledger")


def test_what_was_spent_is_known_to_the_next_process(ledger: Ledger) -> None:
    ledger.charge(HALF, BUDGET)

    assert Ledger(ledger.path).spent("core#tx", "example") == Spending(0.5, 1e-5)
    assert Ledger(ledger.path).spent("core#tx", "client") == Spending()
    assert Ledger(ledger.path).spent("core#other", "example") == Spending()


def test_a_spent_budget_pays_no_more_and_says_what_is_left(ledger: Ledger) -> None:
    ledger.charge(HALF, BUDGET)
    ledger.charge(HALF, BUDGET)

    with pytest.raises(PolicyViolation, match=r"core#tx has spent epsilon=1 of 1, delta=2e-05"):
        ledger.charge(HALF, BUDGET)

    assert len(ledger.charges()) == 2


def test_delta_is_a_budget_too(ledger: Ledger) -> None:
    with pytest.raises(PolicyViolation, match=r"delta=0 of 0\.0001"):
        ledger.charge([Charge("core#tx", "example", 0.1, 1e-3)], BUDGET)


def test_several_tables_are_charged_together_or_not_at_all(ledger: Ledger) -> None:
    ledger.charge([Charge("a", "example", 0.8, 1e-5)], BUDGET)

    with pytest.raises(PolicyViolation, match=r"^a has spent"):
        ledger.charge(
            [Charge("b", "example", 0.5, 1e-5), Charge("a", "example", 0.5, 1e-5)], BUDGET
        )

    assert ledger.spent("b", "example") == Spending()


def test_one_table_twice_in_a_charge_is_spent_twice(ledger: Ledger) -> None:
    with pytest.raises(PolicyViolation):
        ledger.charge([*HALF, *HALF, *HALF], BUDGET)


def test_charges_at_the_same_time_add_up(ledger: Ledger) -> None:
    def charge(_: int) -> bool:
        try:
            Ledger(ledger.path).charge([Charge("t", "example", 0.1, 1e-6)], BUDGET)
        except PolicyViolation:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        paid = list(threads.map(charge, range(30)))

    assert sum(paid) == 10
    assert ledger.spent("t", "example").epsilon == pytest.approx(1.0)


BROKEN = {
    "empty": "",
    "half": '{"version": 1, "char',
    "another thing": "[]",
    "a later version": '{"version": 3, "charges": [], "runs": {}, "seal": ""}',
    "no seal": '{"version": 1, "charges": []}',
    "unknown": '{"version": 1, "charges": [{"what": 1}], "seal": ""}',
    "negative": (
        '{"version": 1, "charges": [{"table": "t", "unit": "example", "epsilon": -5, "delta": 0}],'
        ' "seal": ""}'
    ),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_ledger_pays_for_nothing_and_says_how_to_repair_it(
    ledger: Ledger, text: str
) -> None:
    ledger.path.write_text(text)

    with pytest.raises(SourceError, match="cannot be used") as refused:
        ledger.charge(HALF, BUDGET)

    assert "party ledger seal" in str(refused.value.hint)
    assert ledger.path.read_text() == text


def test_a_charge_that_was_made_smaller_is_noticed(ledger: Ledger) -> None:
    ledger.charge(HALF, BUDGET)
    ledger.path.write_text(ledger.path.read_text().replace("0.5", "0.1"))

    with pytest.raises(SourceError, match="seal does not fit"):
        ledger.spent("core#tx", "example")


def test_a_ledger_that_is_gone_is_noticed(ledger: Ledger) -> None:
    ledger.charge(HALF, BUDGET)
    ledger.path.unlink()

    with pytest.raises(SourceError, match="it is gone"):
        ledger.charge(HALF, BUDGET)


def test_a_repaired_ledger_is_sealed_by_a_person(ledger: Ledger) -> None:
    ledger.charge(HALF, BUDGET)
    plain = json.loads(ledger.path.read_text())
    plain["charges"].append({"table": "core#tx", "unit": "example", "epsilon": 0.25, "delta": 0})
    ledger.path.write_text(json.dumps(plain))

    ledger.seal()

    assert ledger.spent("core#tx", "example") == Spending(0.75, 1e-5)


def test_a_ledger_that_cannot_be_written_pays_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SourceError, match="cannot be used"):
        Ledger(tmp_path / "file" / "bank.ledger").charge(HALF, BUDGET)


CHARGING = """
import sys
from wayfed.federated.privacy.ledger import Budget, Charge, Ledger
ledger, budget = Ledger(sys.argv[1]), Budget(1e9, 0.5)
print("ready", flush=True)
while True:
    ledger.charge([Charge("t", "example", 1.0, 1e-9)], budget)
    print("told", flush=True)
"""


def kill_while_charging(path: Path, seconds: float) -> int:
    """Charge and tell in two processes, kill both at once; return how often something was told."""
    told = 0
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CHARGING, str(path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    with contextlib.suppress(subprocess.TimeoutExpired):
        started[0].wait(seconds)
    for process in started:
        os.kill(process.pid, signal.SIGKILL)
    for process in started:
        assert process.stdout is not None
        told += process.stdout.read().count("told\n")
        process.stdout.close()
        process.wait()
    return told


def check_kills(path: Path, times: int) -> None:
    told = 0
    for _ in range(times):
        told += kill_while_charging(path, random.uniform(0.0, 0.15))
        assert Ledger(path).spent("t", "example").epsilon >= told
        if len(Ledger(path).charges()) > 500:
            path.unlink()
            Path(f"{path}.lock").unlink()
            told = 0


def test_a_killed_process_has_charged_for_all_that_it_told(tmp_path: Path) -> None:
    check_kills(tmp_path / "bank.ledger", times=10)  # two processes each


@pytest.mark.soak
def test_two_hundred_killed_processes_have_charged_for_all_that_they_told(tmp_path: Path) -> None:
    check_kills(tmp_path / "bank.ledger", times=100)


def a_run(ledger: Ledger, rounds: int = 3) -> Standing:
    """Begin a run of so many rounds."""
    standing = Standing(rounds, {"training": 2.0}, run="r1")
    ledger.charge([Charge("core#tx", "example", 0.5, 1e-5, key="k")], BUDGET)
    assert ledger.settle("k", ((Gaussian(9.0),),), BUDGET, standing=standing)
    return standing


def test_a_run_tells_as_often_as_it_has_paid_for_in_whatever_process(ledger: Ledger) -> None:
    a_run(ledger, rounds=2)

    for _ in range(2):
        Ledger(ledger.path).note("k", "train", 1)
    ledger.note("k", "evaluate", 1)

    with pytest.raises(PolicyViolation, match="paid for 2 rounds, and they are over"):
        ledger.note("k", "train", 1)
    assert ledger.standing("k") == Standing(
        2, {"training": 2.0}, {"train": 2, "evaluate": 1}, run="r1"
    )
    with pytest.raises(SourceError, match="a run that has begun does not stand in it"):
        ledger.note("another", "train", 1)


def test_whoever_began_a_run_before_tells_nothing_more(ledger: Ledger) -> None:
    first = a_run(ledger)
    again = dataclasses.replace(first, begun=2)

    assert not ledger.settle("k", (), BUDGET, standing=again)  # as if nobody had begun it
    assert ledger.settle("k", ((Gaussian(9.0),),), BUDGET, standing=again, before=first)
    assert not ledger.settle("k", (), BUDGET, standing=again, before=first)

    with pytest.raises(PolicyViolation, match="begun again by somebody else"):
        ledger.note("k", "train", 1)
    ledger.note("k", "train", 2)


def test_a_charge_of_a_run_that_never_began_is_not_made_again(ledger: Ledger) -> None:
    asked = [Charge("core#tx", "example", 0.7, 1e-5, key="k")]
    ledger.charge(asked, BUDGET)

    ledger.charge(asked, BUDGET)  # as if it had died in between

    assert ledger.spent("core#tx", "example") == Spending(0.7, 1e-5)
    with pytest.raises(PolicyViolation, match=r"core#tx has spent epsilon=0\.7 of 1"):
        ledger.charge([dataclasses.replace(asked[0], key="another")], BUDGET)
    with pytest.raises(PolicyViolation, match=r"core#tx has spent epsilon=0\.7 of 1"):
        ledger.charge([dataclasses.replace(asked[0], epsilon=0.8)], BUDGET)


@pytest.mark.parametrize("how", ["begun", "closed"])
def test_a_charge_of_which_something_was_told_pays_for_no_other_beginning(
    ledger: Ledger, how: str
) -> None:
    asked = [Charge("core#tx", "example", 0.5, 1e-5, key="k")]
    ledger.charge(asked, BUDGET)
    if how == "begun":
        standing = Standing(3, {"training": 2.0})
        assert ledger.settle("k", ((Gaussian(9.0),),), BUDGET, standing=standing)
    ledger.close("k")  # of a run that has begun it changes nothing

    ledger.charge(asked, BUDGET)

    assert ledger.spent("core#tx", "example") == Spending(1.0, 2e-5)
    assert (ledger.standing("k") is not None) is (how == "begun")


def test_a_run_that_costs_more_than_there_is_changes_nothing(ledger: Ledger) -> None:
    first = a_run(ledger)
    before = ledger.path.read_text()

    with pytest.raises(PolicyViolation, match=r"core#tx has spent epsilon=0\.5 of 1"):
        ledger.settle(
            "k",
            ((Gaussian(0.1),),),
            BUDGET,
            epsilon=7.0,
            standing=dataclasses.replace(first, rounds=4),
            before=first,
        )

    assert ledger.path.read_text() == before


def test_what_costs_more_beside_earlier_runs_than_it_was_charged_for_is_not_told(
    ledger: Ledger,
) -> None:
    budget, like_one = Budget(epsilon=1.0, delta=1e-4), ((Gaussian(9.0),),)
    for key in ("a", "b"):
        asked = Charge("core#tx", "example", 0.7, 1e-6, key=key, sides=like_one)
        ledger.charge([asked], budget)

    with pytest.raises(PolicyViolation, match="costs more beside earlier runs"):
        ledger.settle("b", ((Gaussian(2.0),),), budget)

    assert [charge.sides for charge in ledger.charges()] == [like_one, like_one]
    assert [charge.key for charge in ledger.charges()] == ["a", ""]


def test_a_ledger_of_the_version_before_is_read_and_goes_on(ledger: Ledger) -> None:
    charges = [
        {"table": "core#tx", "unit": "example", "epsilon": 0.75, "delta": 1e-5, "at": "2026-11-21"}
    ]
    seal = hashlib.sha256(json.dumps(charges, sort_keys=True).encode()).hexdigest()
    ledger.path.write_text(json.dumps({"version": 1, "charges": charges, "seal": seal}))

    assert ledger.spent("core#tx", "example") == Spending(0.75, 1e-5)
    with pytest.raises(PolicyViolation, match=r"has spent epsilon=0\.75 of 1"):
        ledger.charge(HALF, BUDGET)
    ledger.charge([Charge("core#tx", "example", 0.25, 1e-5)], BUDGET)

    assert json.loads(ledger.path.read_text())["version"] == 2
    assert ledger.spent("core#tx", "example") == Spending(1.0, 2e-5)
    ledger.path.write_text(
        json.dumps({"version": 1, "charges": [{**charges[0], "epsilon": 0.1}], "seal": seal})
    )
    with pytest.raises(SourceError, match="seal does not fit"):
        ledger.charges()


@pytest.mark.parametrize("change", ["told", "rounds", "sides"])
def test_what_a_run_has_told_cannot_be_made_smaller(ledger: Ledger, change: str) -> None:
    a_run(ledger)
    ledger.note("k", "train", 1)
    plain = json.loads(ledger.path.read_text())
    match change:
        case "told":
            plain["runs"]["k"]["told"] = {}
        case "rounds":
            plain["runs"]["k"]["rounds"] = 30
        case "sides":
            plain["charges"][0]["sides"] = [[[1000.0, 1, 1.0]]]
    ledger.path.write_text(json.dumps(plain))

    with pytest.raises(SourceError, match="seal does not fit"):
        ledger.note("k", "train", 1)
