"""Private runs that are gone on with: what they tell is paid for, and nothing is paid for twice."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from flwr.app import Message

import wayfed as wf
from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.context import FederatedContext
from wayfed.federated.features.fitting import FittedFeatures, Number
from wayfed.federated.parties.policy import Policy
from wayfed.federated.parties.question import Question
from wayfed.federated.parties.rules import Rules
from wayfed.federated.privacy.account import Account, PrivacyPolicy
from wayfed.federated.privacy.accounting import cost_of
from wayfed.federated.privacy.charges import UNLIMITED, Budget, Charge
from wayfed.federated.privacy.ledger import Ledger
from wayfed.federated.privacy.party import PrivateRun
from wayfed.federated.runs.archive import read_archive, replace_archive
from wayfed.federated.runs.results import FederatedRun
from wayfed.federated.wire import flower_process, question, record_of
from wayfed_optimizer.errors import (
    InvalidOption,
    PartyError,
    PolicyViolation,
    SourceError,
    WayfedError,
)

Federation = Callable[..., FederatedContext]
PRIVATE = wf.dp(epsilon=1.0, delta=1e-6, clip=1.0)
BANKS = ("ash", "birch")
_LEDGER = "wayfed.federated.privacy.ledger.Ledger"
ROUNDS = 5


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    """Make a context of two banks, each with a ledger of its own."""

    def make(epsilon: float = 2.0, *, unit: str = "example") -> FederatedContext:
        parties = {}
        for place, bank in enumerate(BANKS):
            path = tmp_path / f"{bank}.csv"
            if not path.exists():
                chance = np.random.default_rng(place)
                x = chance.normal(size=400)
                late = x + chance.logistic(size=400) > 0
                lines = [f"{a!r},{b}\n" for a, b in zip(x.tolist(), late, strict=True)]
                path.write_text("x,late\n" + "".join(lines))
            privacy = {
                "epsilon": epsilon,
                "delta": 1e-4,
                "ledger": str(tmp_path / f"{bank}.ledger"),
                "unit": unit,
            }
            parties[bank] = {
                "tables": {"tx": {"source": str(path)}},
                "policy": {"privacy": privacy},
            }
        schema = {"tx": {"x": "float64", "late": "bool"}}
        runs = {"store": str(tmp_path / "runs.db")}
        return wf.context(
            env="federated", parties={"schema": schema, "party": parties, "runs": runs}
        )

    return make


def train(ctx: FederatedContext, checkpoint: Path, **options: Any) -> FederatedRun:
    asked: dict[str, Any] = {
        "label": "late",
        "classes": [False, True],
        "model": models.logistic_regression(learning_rate=0.5),
        "rounds": ROUNDS,
        "privacy": PRIVATE,
        **options,
    }
    return ctx.run_federated(ctx.read("tx").to_numpy(), checkpoint=checkpoint, **asked)


def stop_after(rounds: int) -> Callable[[FederatedRun], None]:
    def stop(run: FederatedRun) -> None:
        if len(run.history) == rounds:
            run.stop()

    return stop


def charges_of(directory: Path, bank: str = "ash") -> tuple[Charge, ...]:
    return Ledger(directory / f"{bank}.ledger").charges()


def told_by(directory: Path, bank: str = "ash") -> list[tuple[int, dict[str, int]]]:
    """Return of each run in a ledger the rounds that are paid for, and what was told."""
    runs = Ledger(directory / f"{bank}.ledger").read().runs.values()
    return [(each.rounds, dict(each.told)) for each in runs]


def lose_round(path: Path, rounds: int) -> None:
    """Make a checkpoint one of an earlier round, as where a crash came before it was written."""
    arrays, documents = read_archive(path)
    documents["state"]["history"] = documents["state"]["history"][:rounds]
    replace_archive(path, arrays, documents)


def test_a_private_run_goes_on_with_what_it_has_paid_for(
    federation: Federation, tmp_path: Path
) -> None:
    with federation() as ctx:
        weighed = {"class_weight": {True: 2.0}}  # of which a checkpoint names all
        stopped = train(ctx, tmp_path, on_round=stop_after(2), **weighed)
    with federation() as ctx:
        resumed = ctx.resume(stopped.id)

    assert (stopped.status, resumed.status, len(resumed.history)) == ("stopped", "finished", ROUNDS)
    assert resumed.privacy_spent == stopped.privacy_spent
    for bank in BANKS:
        assert [each.epsilon for each in charges_of(tmp_path, bank)] == [1.0]
        assert told_by(tmp_path, bank) == [(ROUNDS, {"train": ROUNDS, "evaluate": ROUNDS})]
    assert {each.rows for each in resumed.parties.values()} == {
        each.rows for each in stopped.parties.values()
    }


def test_a_round_that_is_told_again_is_paid_for_again(
    federation: Federation, tmp_path: Path
) -> None:
    with federation() as ctx:
        stopped = train(ctx, tmp_path, on_round=stop_after(3))
    lose_round(tmp_path / f"{stopped.id}.checkpoint", 2)
    with federation() as ctx:
        resumed = ctx.resume(stopped.id)

    (charge,) = charges_of(tmp_path)
    assert resumed.privacy_spent is not None
    assert stopped.privacy_spent is not None
    assert len(resumed.history) == ROUNDS
    assert told_by(tmp_path) == [(ROUNDS + 1, {"train": ROUNDS + 1, "evaluate": ROUNDS + 1})]
    assert {each.times for side in charge.sides for each in side} == {1, ROUNDS + 1}
    released = max(cost_of(side, PRIVATE.delta) for side in charge.sides)
    assert resumed.privacy_spent["ash"].epsilon == pytest.approx(released)
    assert charge.epsilon == pytest.approx(released)
    assert released > stopped.privacy_spent["ash"].epsilon


def test_a_round_that_cannot_be_paid_for_again_is_refused(
    federation: Federation, tmp_path: Path
) -> None:
    with federation(epsilon=1.0) as ctx:
        stopped = train(ctx, tmp_path, on_round=stop_after(3))
    before = [each.epsilon for each in charges_of(tmp_path)], told_by(tmp_path)
    lose_round(tmp_path / f"{stopped.id}.checkpoint", 2)
    with (
        federation(epsilon=1.0) as ctx,
        pytest.raises(PartyError, match=r"'ash': table 'tx' has spent epsilon=1 of 1") as refused,
    ):
        ctx.resume(stopped.id)

    assert str(tmp_path) not in str(refused.value)
    assert ([each.epsilon for each in charges_of(tmp_path)], told_by(tmp_path)) == before


def test_a_run_that_nobody_can_pay_for_any_more_goes_on(
    federation: Federation, tmp_path: Path
) -> None:
    with federation(epsilon=1.0) as ctx:
        stopped = train(ctx, tmp_path, on_round=stop_after(1))
        with pytest.raises(PolicyViolation, match="has spent epsilon=1 of 1"):
            train(ctx, tmp_path)
        assert ctx.resume(stopped.id).status == "finished"


def test_another_question_under_the_name_of_a_run_is_another_run(
    federation: Federation, tmp_path: Path
) -> None:
    with federation() as ctx:
        stopped = train(ctx, tmp_path, on_round=stop_after(1))
    path = tmp_path / f"{stopped.id}.checkpoint"
    arrays, documents = read_archive(path)
    documents["state"]["request"]["question"]["seed"] = 7
    replace_archive(path, arrays, documents)
    with federation() as ctx:
        resumed = ctx.resume(stopped.id)

    assert [each.epsilon for each in charges_of(tmp_path)] == [1.0, 1.0]
    assert resumed.privacy_spent is not None
    assert stopped.privacy_spent is not None
    spent, before = resumed.privacy_spent["ash"], stopped.privacy_spent["ash"]
    assert spent.epsilon == pytest.approx(2 * before.epsilon, rel=0.01)
    assert spent.delta == 2 * PRIVATE.delta


def test_whole_parties_are_hidden_in_a_run_that_goes_on(
    federation: Federation, tmp_path: Path
) -> None:
    private = wf.dp(epsilon=1.0, delta=1e-6, clip=1.0, unit="client")
    with federation(unit="client") as ctx:
        stopped = train(ctx, tmp_path, privacy=private, test=None, on_round=stop_after(2))
        resumed = ctx.resume(stopped.id)

    assert (resumed.status, len(resumed.history)) == ("finished", ROUNDS)
    assert told_by(tmp_path) == [(ROUNDS, {"train": ROUNDS})]


def test_a_table_that_has_grown_leaves_a_run_that_goes_on_without_rows(
    federation: Federation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with federation() as ctx:
        stopped = train(ctx, tmp_path, on_round=stop_after(2))
    with (tmp_path / "ash.csv").open("a") as table:
        table.writelines(f"{n % 7 - 3},{n % 2 > 0}\n" for n in range(2000))
    with federation() as ctx:
        resumed = ctx.resume(stopped.id)

    assert (resumed.status, len(resumed.history)) == ("finished", ROUNDS)
    assert resumed.parties["ash"].rows == stopped.parties["ash"].rows
    silent = [each for each in caplog.records if "goes on without rows" in each.message]
    assert len(silent) == 1  # birch has what it had
    assert "its rows are many more than when the run began" in str(silent[0].exc_info)


@pytest.mark.parametrize("rule", ["min_rows", "max_matrix"])
def test_who_takes_no_part_keeps_no_rows(tmp_path: Path, rule: str) -> None:
    asked = Question(
        label="late",
        features=("a",),
        sample_weight=None,
        split=None,
        model=models.logistic_regression(),
        recipe=wf.features(),
        classes=(False, True),
        seed=0,
        rounds=2,
        privacy=PRIVATE,
    )
    account = Account({"tx": 1.0}, PrivacyPolicy(UNLIMITED, tmp_path / "ash.ledger"))
    is_told = rule == "min_rows"  # and else refused
    rules = Rules(10**6 if is_told else 1, policy=Policy(max_matrix=100), account=account)
    held: list[weakref.ref[Any]] = []

    def rows() -> Arrays:
        table = pa.table({"a": np.arange(1000.0), "late": np.arange(1000) % 2 > 0})
        arrays = Arrays.from_table(table)
        held.append(weakref.ref(arrays["a"]))
        return arrays

    run = PrivateRun(rows, rules, asked, 0)
    with nullcontext() if is_told else pytest.raises(PolicyViolation, match="max_matrix"):
        run.begin(FittedFeatures((Number("a"),)), [False, True])

    gc.collect()
    assert [each() is None for each in held] == [True]


def test_updates_that_nobody_reads_are_told_as_often_as_was_paid_for(
    federation: Federation, tmp_path: Path, unequal_parties: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {
        "label": "late",
        "features": ["a"],
        "classes": [False, True],
        "model": models.logistic_regression(),
        "rounds": 3,
        "privacy": PRIVATE,
        "secure_aggregation": True,
        "test": None,
    }
    with wf.context({"runs": {"store": str(tmp_path / "runs.db")}}) as ctx:
        stopped = ctx.run_federated(
            unequal_parties, **asked, checkpoint=tmp_path, on_round=stop_after(1)
        )
        resumed = ctx.resume(stopped.id, unequal_parties)

    book = Ledger(tmp_path / f"{stopped.id}.ledger").read()
    assert resumed.status == "finished"
    assert {(each.rounds, each.told["train"]) for each in book.runs.values()} == {(3, 3)}
    assert {each.table for each in book.charges} == set(unequal_parties)
    assert resumed.privacy_spent == stopped.privacy_spent


def test_arrays_whose_account_is_gone_pay_once_more(
    tmp_path: Path, unequal_parties: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {
        "label": "late",
        "features": ["a"],
        "classes": [False, True],
        "model": models.logistic_regression(),
        "rounds": 3,
        "privacy": PRIVATE,
    }
    with wf.context({"runs": {"store": str(tmp_path / "runs.db")}}) as ctx:
        stopped = ctx.run_federated(
            unequal_parties, **asked, checkpoint=tmp_path, on_round=stop_after(1)
        )
        for path in tmp_path.glob("*.ledger*"):
            path.unlink()
        resumed = ctx.resume(stopped.id, unequal_parties)

    assert resumed.privacy_spent is not None
    assert stopped.privacy_spent is not None
    for name, before in stopped.privacy_spent.items():
        assert resumed.privacy_spent[name].epsilon > 1.9 * before.epsilon


def test_who_began_a_run_before_tells_nothing_once_it_is_gone_on_with(
    tmp_path: Path, unequal_parties: dict[str, Any]
) -> None:
    asked = Question(
        label="late",
        features=("a",),
        sample_weight=None,
        split=None,
        model=models.logistic_regression(),
        recipe=wf.features(),
        classes=(False, True),
        seed=0,
        rounds=2,
        privacy=PRIVATE,
    )
    policy = PrivacyPolicy(UNLIMITED, tmp_path / "ash.ledger")
    rules = Rules(account=Account({"tx": 1.0}, policy))
    party = unequal_parties["ash"]
    weights = record_of({"coefficients": np.zeros(1), "intercept": np.zeros(1)})

    def begun(after: int) -> PrivateRun:
        run = PrivateRun(lambda: party, rules, asked, 0, "the key")
        run.begin(FittedFeatures((Number("a"),)), [False, True], after=after)
        return run

    first = begun(after=0)
    first.train(weights, {"server-round": 1})
    second = begun(after=1)
    with pytest.raises(PolicyViolation, match="begun again by somebody else"):
        first.train(weights, {"server-round": 2})
    second.train(weights, {"server-round": 2})
    with pytest.raises(PolicyViolation, match="paid for 2 rounds, and they are over"):
        second.train(weights, {"server-round": 3})

    assert told_by(tmp_path) == [(2, {"train": 2})]


@pytest.mark.parametrize("refused", [False, True], ids=["it cannot be written", "it is refused"])
def test_a_run_that_was_charged_and_never_began_pays_once_unless_it_was_told_why(
    tmp_path: Path,
    unequal_parties: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    refused: bool,
) -> None:
    asked = Question(
        label="late",
        features=("a",),
        sample_weight=None,
        split=None,
        model=models.logistic_regression(),
        recipe=wf.features(),
        classes=(False, True),
        seed=0,
        rounds=2,
        privacy=PRIVATE,
    )
    ledger = Ledger(tmp_path / "ash.ledger")
    policy = PrivacyPolicy(Budget(1.0 if refused else 1.5, 1e-4), ledger.path)
    rules = Rules(account=Account({"tx": 1.0}, policy))
    party = unequal_parties["ash"]

    def begin() -> None:
        run = PrivateRun(lambda: party, rules, asked, 0, "the key")
        run.begin(FittedFeatures((Number("a"),)), [False, True])

    failure: Exception = InvalidOption("no noise") if refused else SourceError("the disk is full")
    with monkeypatch.context() as patched:
        fails = "wayfed.federated.privacy.party.settle" if refused else f"{_LEDGER}.settle"

        def fail(*_: Any, **__: Any) -> None:
            raise failure

        patched.setattr(fails, fail)
        with pytest.raises(
            WayfedError, match="no noise" if refused else "its privacy ledger cannot be used"
        ):
            begin()
    assert [charge.epsilon for charge in ledger.charges()] == [1.0]

    if refused:
        with pytest.raises(PolicyViolation, match="has spent epsilon=1 of 1"):
            begin()
    else:
        begin()
        assert ledger.read().runs["the key"].rounds == 2
    assert [charge.epsilon for charge in ledger.charges()] == [1.0]


def test_a_party_without_a_ledger_is_named_before_anybody_pays(tmp_path: Path) -> None:
    parties: dict[str, Any] = {}
    for bank in BANKS:
        path = tmp_path / f"{bank}.csv"
        path.write_text("x,late\n" + "".join(f"{n / 10},{n % 3 > 1}\n" for n in range(60)))
        parties[bank] = {"tables": {"tx": {"source": str(path)}}}
    budget = {"epsilon": 2.0, "delta": 1e-4, "ledger": str(tmp_path / "ash.ledger")}
    parties["ash"]["policy"] = {"privacy": budget}
    schema = {"tx": {"x": "float64", "late": "bool"}}
    with (
        wf.context(env="federated", parties={"schema": schema, "party": parties}) as ctx,
        pytest.raises(PolicyViolation, match=r"'birch': it keeps no ledger.*leave checkpoint out"),
    ):
        train(ctx, tmp_path)

    assert charges_of(tmp_path) == ()


def test_a_private_run_is_not_prolonged(federation: Federation, tmp_path: Path) -> None:
    with federation() as ctx:
        run = train(ctx, tmp_path)

        with pytest.raises(InvalidOption, match="the noise of its 5 rounds was settled"):
            ctx.resume(run.id, rounds=9)
        assert ctx.resume(run.id).arrays.keys() == run.arrays.keys()
    assert told_by(tmp_path) == [(ROUNDS, {"train": ROUNDS, "evaluate": ROUNDS})]


def test_a_checkpoint_tells_of_a_party_what_was_told_and_paid_for(
    federation: Federation, tmp_path: Path
) -> None:
    with federation() as ctx:
        run = train(ctx, tmp_path, on_round=stop_after(1))

    arrays, documents = read_archive(tmp_path / f"{run.id}.checkpoint")
    assert {name.split("/")[0] for name in arrays} == {"model"}
    assert {each["digest"] for each in documents["state"]["parties"].values()} == {None}
    assert set(documents["state"]["privacy_spent"]) == set(BANKS)
    assert "noise" not in json.dumps(documents)


HOSTILE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no name": ({"kept": 7}, {}, "a run's name is of letters"),
    "a path": ({"kept": "../../etc/passwd"}, {}, "a run's name is of letters"),
    "a terminal's": ({"kept": "r"}, {"run": "\x1b[2J"}, "a run's name is of letters"),
    "long": ({"kept": "r" * 101}, {}, "a run's name is of letters"),
    "before": ({"kept": "r"}, {"after": -1}, "'after' is a number of rounds up to 5"),
    "beyond": ({"kept": "r"}, {"after": 6}, "'after' is a number of rounds up to 5"),
    "a fraction": ({"kept": "r"}, {"after": 1.5}, "'after' is a number of rounds up to 5"),
}


@pytest.mark.parametrize(("bind", "begin", "words"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_name_of_a_run_and_no_round_is_refused_and_costs_nothing(
    bind: dict[str, Any],
    begin: dict[str, Any],
    words: str,
    federation: Federation,
    tmp_path: Path,
) -> None:
    asked = Question(
        label="late",
        features=("x",),
        sample_weight=None,
        split=None,
        model=models.logistic_regression(),
        recipe=wf.features(),
        classes=(False, True),
        seed=0,
        rounds=ROUNDS,
        privacy=PRIVATE,
    )
    number = {"number": "x", "fill": None, "shift": 0.0, "scale": 1.0}
    fitted = {"features": [number], "classes": [False, True], "class_weight": None}
    with federation() as ctx, flower_process():
        grid = ctx.read("tx").to_numpy().grid("local", threads=None, features=1)
        node = next(iter(grid.parties))
        replies = [
            grid.send_and_receive([Message(question(content), node, kind)])[0]
            for kind, content in (
                ("query.bind", {**asked.to_dict(), **bind}),
                ("query.begin", {**fitted, **begin}),
            )
        ]

    reasons = [reply.error.reason for reply in replies if reply.has_error()]
    assert words in reasons[0]
    assert charges_of(tmp_path) == ()
