"""What a party's policy asks of runs, and what is refused before training."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.serverapp.strategy import FedAvg

import wayfed as wf
from wayfed import models
from wayfed.federated.context import FederatedContext
from wayfed.federated.parties.question import Question
from wayfed.federated.parties.session import Session
from wayfed.federated.privacy.ledger import Ledger
from wayfed.federated.runs.results import FederatedRun
from wayfed_optimizer.errors import InvalidOption, PartyError, PolicyViolation

Federation = Callable[..., FederatedContext]
PRIVATE = wf.dp(epsilon=1.0, delta=1e-6, clip=1.0)


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    """Make a context of two banks with customers and transactions; `policy` is ash's own."""

    def make(*, transactions: int = 1500, **policy: Any) -> FederatedContext:
        parties = {}
        for place, bank in enumerate(("ash", "birch")):
            random = np.random.default_rng(place)
            ages = random.integers(20, 80, 600).tolist()
            _write(tmp_path / f"{bank}_customers.csv", ("customer_id", "age"), enumerate(ages))
            amounts = zip(
                random.integers(0, 600, 1500).tolist(),
                random.normal(size=1500).tolist(),
                (random.normal(size=1500) > 0).astype(int).tolist(),
                strict=True,
            )
            _write(
                tmp_path / f"{bank}_tx.csv",
                ("customer_id", "amount", "fraud"),
                [*amounts][:transactions],
            )
            tables = {
                "customers": {
                    "source": str(tmp_path / f"{bank}_customers.csv"),
                    "key": ["customer_id"],
                },
                "tx": {"source": str(tmp_path / f"{bank}_tx.csv")},
            }
            parties[bank] = {"tables": tables, "policy": policy if bank == "ash" else {}}
        schema = {
            "customers": {"customer_id": "int64", "age": "int64"},
            "tx": {"customer_id": "int64", "amount": "float64", "fraud": "int64"},
        }
        return wf.context(env="federated", parties={"schema": schema, "party": parties})

    return make


def _write(path: Path, names: tuple[str, ...], rows: Any) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)


@pytest.fixture
def budget(tmp_path: Path) -> dict[str, Any]:
    return {"epsilon": 2.5, "delta": 1e-4, "ledger": str(tmp_path / "ash.ledger")}


def train(ctx: FederatedContext, **options: Any) -> FederatedRun:
    arrays = options.pop("arrays", None) or ctx.read("tx").select("amount", "fraud").to_numpy()
    chosen: dict[str, Any] = {
        "label": "fraud",
        "model": models.logistic_regression(),
        "rounds": 2,
        "classes": [0, 1],
        **options,
    }
    return ctx.run_federated(arrays, **chosen)


REFUSED = {
    "a model": ({"models": ["mlp"]}, {}, "model 'logistic_regression' is not among"),
    "a strategy": ({"strategies": ["krum"]}, {}, "strategy 'fedavg' is not among .* one of krum"),
    "no masks": ({"secure_aggregation": True}, {}, "its updates are summed in secret only"),
    "rounds": ({"max_rounds": 1}, {}, "2 rounds are more than its max_rounds=1; rounds=1"),
}


@pytest.mark.parametrize(("policy", "options", "words"), REFUSED.values(), ids=REFUSED)
def test_what_a_policy_does_not_allow_is_refused_with_the_party_and_the_remedy(
    federation: Federation, policy: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    with federation(**policy) as ctx, pytest.raises(PolicyViolation, match=f"'ash': {words}"):
        train(ctx, **options)


def test_what_a_policy_allows_is_trained(federation: Federation) -> None:
    policy = {"models": ["logistic_regression"], "strategies": ["fedavg"], "max_rounds": 2}
    with federation(**policy) as ctx:
        assert train(ctx).status == "finished"


def test_a_strategy_that_nobody_knows_is_an_error_of_the_file(federation: Federation) -> None:
    with pytest.raises(InvalidOption, match="fedavgg"):
        federation(strategies=["fedavgg"])


def test_required_privacy_is_asked_for(federation: Federation, budget: dict[str, Any]) -> None:
    with (
        federation(privacy=budget) as ctx,
        pytest.raises(PolicyViolation, match=r"'ash': its policy requires privacy; privacy=wf\.dp"),
    ):
        train(ctx)


def test_a_policy_that_does_not_require_privacy_answers_without(
    federation: Federation, budget: dict[str, Any]
) -> None:
    with federation(privacy={**budget, "required": False}) as ctx:
        assert train(ctx).privacy_spent is None


def test_plans_are_not_explained_where_privacy_is_required(
    federation: Federation, budget: dict[str, Any]
) -> None:
    with federation(privacy=budget) as ctx:
        arrays = ctx.read("tx").to_numpy()
        with pytest.raises(PartyError, match=r"requires privacy, and 'query.explain' has none"):
            arrays.explain("ash", analyze=True)


def test_rows_are_not_lent_to_code_of_ones_own_where_privacy_is_required(
    federation: Federation, budget: dict[str, Any]
) -> None:
    with (
        federation(privacy=budget) as ctx,
        pytest.raises(PolicyViolation, match="party 'ash' requires privacy"),
    ):
        ctx.runFlower(ctx.read("tx").to_numpy(), server={"num_rounds": 1}, client=lambda rows: rows)


def test_each_run_is_charged_until_nothing_is_left(
    federation: Federation, budget: dict[str, Any]
) -> None:
    with federation(privacy=budget) as ctx:
        for _ in range(2):
            assert train(ctx, privacy=PRIVATE).privacy_spent is not None
        with pytest.raises(
            PolicyViolation, match=r"'ash': table 'tx' has spent epsilon=2 of 2.5.*ask for less"
        ):
            train(ctx, privacy=wf.dp(epsilon=2.0, delta=1e-6, clip=1.0))
        train(ctx, privacy=wf.dp(epsilon=0.5, delta=1e-6, clip=1.0))

    charges = Ledger(budget["ledger"]).charges()
    assert [charge.epsilon for charge in charges] == [1.0, 1.0, 0.5]
    assert all(charge.table.endswith("ash_tx.csv#") for charge in charges)


def test_runs_whose_sum_is_too_much_are_paid_for_by_composition(
    federation: Federation, budget: dict[str, Any]
) -> None:
    with federation(privacy=budget) as ctx:
        for _ in range(3):
            train(ctx, privacy=PRIVATE)
        with pytest.raises(PolicyViolation, match=r"epsilon=3 of 2\.5 \(1\.\d+ by composition\)"):
            train(ctx, privacy=wf.dp(epsilon=2.0, delta=1e-6, clip=1.0))

    told = [charge.sides for charge in Ledger(budget["ledger"]).charges()]
    assert [len(sides) for sides in told] == [2, 2, 2]  # learned from, or measured on


def test_what_one_party_refuses_costs_the_others_nothing(
    federation: Federation, budget: dict[str, Any]
) -> None:
    with federation(privacy=budget, max_rounds=1) as ctx, pytest.raises(PolicyViolation):
        train(ctx, privacy=PRIVATE)

    assert Ledger(budget["ledger"]).charges() == ()


TOO_FEW = {
    "a quorum": ({"quorum": 3}, "quorum=3 is more than the 2 parties"),
    "a quorum of those asked": (
        {"quorum": 2, "strategy": {"name": "fedavg", "fraction_train": 0.5}},
        "fraction_train=0.5 asks 1",
    ),
    "a minimum": ({"strategy": FedAvg(min_train_nodes=3)}, "waits for more than the 2 parties"),
    "a choice": (
        {"strategy": {"name": "krum", "num_malicious_nodes": 1}},
        "tells 1 of at least 5 parties apart",
    ),
    "a sum in secret": ({"secure_aggregation": True}, "takes 3 parties, and here are 2"),
    "nothing measured": (
        {"test": None, "early_stopping": "log_loss"},
        "early_stopping= measures held-out rows",
    ),
}


@pytest.mark.parametrize(("options", "words"), TOO_FEW.values(), ids=TOO_FEW)
def test_a_run_that_cannot_be_played_costs_nobody_anything(
    federation: Federation, budget: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    with federation(privacy=budget) as ctx, pytest.raises(InvalidOption, match=words):
        train(ctx, privacy=PRIVATE, **options)

    assert Ledger(budget["ledger"]).charges() == ()


def test_who_goes_before_the_others_have_paid_makes_nobody_pay(
    federation: Federation, budget: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = Session.answer

    def answer(self: Session, message: Message, context: Context) -> Message:
        if self._member.name == "birch" and message.metadata.message_type == "query.bind":
            raise PartyError("gone")
        return answered(self, message, context)

    monkeypatch.setattr(Session, "answer", answer)
    with (
        federation(privacy=budget) as ctx,
        pytest.raises(InvalidOption, match="than the 1 parties"),
    ):
        train(ctx, privacy=PRIVATE, quorum=2)

    assert Ledger(budget["ledger"]).charges() == ()


def test_a_broken_ledger_refuses_and_tells_the_requester_no_path(
    federation: Federation, budget: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    Path(budget["ledger"]).write_text("torn")

    with federation(privacy=budget) as ctx, pytest.raises(PolicyViolation) as refused:
        train(ctx, privacy=PRIVATE)

    assert "ledger cannot be used" in str(refused.value)
    assert budget["ledger"] not in str(refused.value)
    assert budget["ledger"] in caplog.text


def test_another_unit_than_the_policys_is_refused(
    federation: Federation, budget: dict[str, Any]
) -> None:
    with (
        federation(privacy=budget) as ctx,
        pytest.raises(PolicyViolation, match="its policy hides each example, and unit='client'"),
    ):
        train(ctx, test=None, privacy=wf.dp(epsilon=1, delta=1e-6, clip=1, unit="client"))


def joined(ctx: FederatedContext) -> Any:
    return ctx.read("customers").join(ctx.read("tx"), on="customer_id")


def test_a_table_whose_rows_reach_anywhere_is_refused(federation: Federation) -> None:
    with (
        federation() as ctx,
        pytest.raises(PolicyViolation, match="'ash': a row of 'customers' may change any number"),
    ):
        arrays = joined(ctx).select("age", "amount", "fraud").to_numpy()
        train(ctx, arrays=arrays, privacy=PRIVATE)


def test_a_public_table_hides_nobody_and_costs_nothing(
    federation: Federation, budget: dict[str, Any]
) -> None:
    with federation(privacy={**budget, "public": ["customers"]}) as ctx:
        arrays = joined(ctx).select("age", "amount", "fraud").to_numpy()
        with pytest.raises(PolicyViolation) as refused:
            train(ctx, arrays=arrays, privacy=PRIVATE)

    assert "'birch': a row of 'customers'" in str(refused.value)
    assert "'ash'" not in str(refused.value)


def test_rows_of_groups_have_noise_for_two_changed_rows(federation: Federation) -> None:
    with federation() as ctx:
        grouped = ctx.read("tx").group_by("customer_id")
        arrays = grouped.agg(amount=wf.mean("amount"), fraud=wf.max("fraud")).to_numpy()
        run = train(ctx, arrays=arrays, features=["amount"], privacy=PRIVATE)

    assert run.privacy_spent is not None
    # A row's group may be on either side, so that training and measuring share the budget.
    assert run.privacy_spent["ash"].multiplier == pytest.approx(
        np.sqrt(2) * train_alone(federation), rel=0.01
    )


def train_alone(federation: Federation) -> float:
    with federation() as ctx:
        spent = train(ctx, privacy=PRIVATE).privacy_spent
    assert spent is not None
    return spent["ash"].multiplier


def test_more_rounds_than_were_paid_for_are_refused(federation: Federation) -> None:
    from wayfed.federated.wire import flower_process, question, record_of

    with federation() as ctx, flower_process():
        arrays = ctx.read("tx").select("amount", "fraud").to_numpy()
        grid = arrays.grid("local", threads=None, features=1)
        asked = Question(
            label="fraud",
            features=("amount",),
            sample_weight=None,
            split=None,
            model=models.logistic_regression(),
            recipe=wf.features(),
            classes=(0, 1),
            seed=0,
            rounds=2,
            privacy=PRIVATE,
        )
        node = next(iter(grid.parties))

        def send(content: RecordDict, kind: str) -> Message:
            (reply,) = grid.send_and_receive([Message(content, node, kind)])
            return reply

        def step(number: int, value: float) -> Message:
            weights = record_of({"coefficients": np.full(1, value), "intercept": np.zeros(1)})
            config = ConfigRecord({"server-round": number})
            return send(RecordDict({"arrays": weights, "config": config}), "train")

        send(question(asked.to_dict()), "query.bind")
        fitted = [{"number": "amount", "fill": None, "shift": 0.0, "scale": 1.0}]
        send(question({"features": fitted, "classes": [0, 1]}), "query.begin")
        first, again, second, third = step(1, 0.0), step(1, 0.0), step(2, 0.5), step(3, 0.7)

    told = [reply.content["update"]["coefficients"].numpy() for reply in (first, again, second)]
    assert told[0] == told[1]
    assert told[0] != told[2]
    assert "paid for 2 rounds" in third.error.reason


@pytest.mark.parametrize(
    "failing",
    [
        "cast(concat('no ', customer_id) as bigint)",
        "amount + cast(case when customer_id = 17 then 'x' else '0' end as double)",
        "customer_id * 1000000000000",
    ],
)
def test_a_plan_that_may_fail_on_a_row_is_refused(federation: Federation, failing: str) -> None:
    with federation() as ctx:
        arrays = ctx.sql(f"select fraud, {failing} as x from tx").to_numpy()

        with pytest.raises(PolicyViolation, match="so that no noise hides it"):
            train(ctx, arrays=arrays, privacy=PRIVATE)


def test_a_party_whose_rows_cannot_be_read_tells_nobody(
    federation: Federation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with federation() as ctx:
        arrays = ctx.read("tx").select("amount", "fraud").to_numpy()
        (tmp_path / "birch_tx.csv").unlink()
        run = train(ctx, arrays=arrays, privacy=PRIVATE)

    assert "goes on without rows" in caplog.text
    assert run.status == "finished"
    assert run.failures == []
    assert run.left_out == {}


def answers_of(
    ctx: FederatedContext, *messages: tuple[str, dict[str, Any] | RecordDict]
) -> list[Any]:
    """Send messages of a coordinator that keeps to no order to the first party."""
    from wayfed.federated.wire import flower_process, question

    with flower_process():
        grid = ctx.read("tx").to_numpy().grid("local", threads=None, features=1)
        node = next(iter(grid.parties))
        return [
            grid.send_and_receive(
                [
                    Message(
                        content if isinstance(content, RecordDict) else question(content),
                        node,
                        kind,
                    )
                ]
            )[0]
            for kind, content in messages
        ]


def asked(**changes: Any) -> dict[str, Any]:
    plain = Question(
        label="fraud",
        features=("amount",),
        sample_weight=None,
        split=None,
        model=models.logistic_regression(),
        recipe=wf.features(),
        classes=(0, 1),
        seed=0,
    ).to_dict()
    return {**plain, **changes}


AMOUNT = {"number": "amount", "fill": None, "shift": 0.0, "scale": 1.0}
BEGIN = {"features": [AMOUNT], "classes": [0, 1]}


def test_who_was_refused_is_not_begun_with(federation: Federation) -> None:
    for policy in ({"max_rounds": 1}, {"min_rows": 10_000}):
        with federation(**policy) as ctx:
            _, begun, told = answers_of(
                ctx,
                ("query.bind", asked(rounds=2)),
                ("query.begin", BEGIN),
                ("query.statistics", {}),
            )

        assert "no question was accepted" in begun.error.reason
        assert "no question was accepted" in told.error.reason


def test_features_that_were_not_agreed_to_are_not_read(federation: Federation) -> None:
    with federation() as ctx:
        begin = {"features": [{**AMOUNT, "number": "fraud"}], "classes": [0, 1]}
        _, begun = answers_of(ctx, ("query.bind", asked()), ("query.begin", begin))

    assert "fraud were not among the features" in begun.error.reason


@pytest.mark.parametrize("private", [False, True])
def test_categories_that_somebody_names_make_no_larger_matrix_than_the_party_allows(
    federation: Federation, budget: dict[str, Any], private: bool
) -> None:
    question = asked(
        features=["customer_id"],
        recipe=wf.features(one_hot={"customer_id": list(range(1000))}).to_dict(),
        privacy=PRIVATE.to_dict() if private else None,
    )
    begin = {
        "features": [{"one_hot": "customer_id", "categories": list(range(1000))}],
        "classes": [0, 1],
    }
    policy = {"privacy": budget} if private else {}
    with federation(max_matrix=999, **policy) as ctx:
        _, refused = answers_of(ctx, ("query.bind", question), ("query.begin", begin))

    assert "1,000 columns of features" in refused.error.reason
    assert "max_matrix=999 numbers" in refused.error.reason
    assert not Path(budget["ledger"]).exists()


def test_a_matrix_is_rows_times_columns(federation: Federation) -> None:
    with federation(max_matrix=1499) as ctx:
        _, refused = answers_of(ctx, ("query.bind", asked()), ("query.begin", BEGIN))
    with federation(max_matrix=1500) as ctx:
        _, begun = answers_of(ctx, ("query.bind", asked()), ("query.begin", BEGIN))

    assert "1 columns of features" in refused.error.reason
    assert not begun.has_error()


@pytest.mark.parametrize(("limit", "left_out"), [(1499, True), (2500, False)])
def test_a_row_more_does_not_decide_under_privacy_whether_a_matrix_is_too_large(
    federation: Federation, budget: dict[str, Any], limit: int, left_out: bool
) -> None:
    parties = []
    for rows in (1499, 1500):
        with federation(transactions=rows, max_matrix=limit, privacy=budget) as ctx:
            parties.append(train(ctx, privacy=PRIVATE, test=None).parties["ash"])

    if left_out:
        assert all(f"max_matrix={limit:,} numbers" in str(party.left_out) for party in parties)
    else:
        assert all(1300 < party.rows < 1700 for party in parties)


@pytest.mark.parametrize(("limit", "learns"), [(1499, False), (1500, True)])
def test_a_matrix_that_is_too_large_leaves_a_whole_party_in_its_noise(
    federation: Federation,
    budget: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    limit: int,
    learns: bool,
) -> None:
    from wayfed.federated.wire import record_of

    whole = wf.dp(epsilon=1.0, delta=1e-6, clip=1.0, unit="client")
    question = asked(privacy=whole.to_dict(), rounds=2)
    weights = record_of({"coefficients": np.full(1, 0.5), "intercept": np.zeros(1)})
    step = RecordDict({"arrays": weights, "config": ConfigRecord({"server-round": 1})})
    with federation(max_matrix=limit, privacy={**budget, "unit": "client"}) as ctx:
        _, begun, trained = answers_of(
            ctx, ("query.bind", question), ("query.begin", BEGIN), ("train", step)
        )

    assert not begun.has_error()
    assert (trained.content["update"]["coefficients"].numpy() != 0.5).all() == learns
    assert (f"max_matrix={limit:,}" in caplog.text) is not learns


@pytest.mark.parametrize("rounds", [0, -1, 1.5, True, "2", 1_000_001, 10**30])
def test_rounds_are_whole_numbers(federation: Federation, rounds: object) -> None:
    with federation() as ctx:
        (bound,) = answers_of(ctx, ("query.bind", asked(rounds=rounds)))

    assert "rounds is a whole number" in bound.error.reason


def test_a_join_key_is_no_label(federation: Federation) -> None:
    columns = {"customer_id": "join_key", "amount": "feature", "fraud": "label"}
    with (
        federation(columns=columns) as ctx,
        pytest.raises(PolicyViolation, match="'customer_id' is a join_key, and no label"),
    ):
        arrays = ctx.read("tx").to_numpy()
        train(ctx, arrays=arrays, label="customer_id", features=["amount"], classes=None)


def test_weights_of_another_shape_are_refused_under_privacy(federation: Federation) -> None:
    from flwr.app import Message, RecordDict

    from wayfed.federated.wire import flower_process, question, record_of

    with federation() as ctx, flower_process():
        grid = ctx.read("tx").to_numpy().grid("local", threads=None, features=1)
        node = next(iter(grid.parties))
        private = asked(rounds=2, privacy=PRIVATE.to_dict())
        for kind, content in (("query.bind", private), ("query.begin", BEGIN)):
            grid.send_and_receive([Message(question(content), node, kind)])
        wide = record_of({"coefficients": np.zeros(1), "intercept": np.zeros(1500)})
        (reply,) = grid.send_and_receive([Message(RecordDict({"arrays": wide}), node, "train")])

    assert "no weights of logistic_regression" in reply.error.reason


def test_a_party_that_hides_itself_charges_itself(
    federation: Federation, budget: dict[str, Any]
) -> None:
    private = wf.dp(epsilon=1.0, delta=1e-6, clip=1.0, unit="client")
    with federation(privacy={**budget, "unit": "client"}) as ctx:
        train(ctx, privacy=private, test=None)

    assert [charge.unit for charge in Ledger(budget["ledger"]).charges()] == ["client"]


def test_two_names_of_one_table_share_a_budget(tmp_path: Path, budget: dict[str, Any]) -> None:
    _write(tmp_path / "tx.csv", ("amount", "fraud"), [(n / 50, n % 2) for n in range(100)])
    source = {"source": str(tmp_path / "tx.csv")}
    schema = {"amount": "float64", "fraud": "int64"}
    federation = {
        "schema": {"tx": schema, "again": schema},
        "party": {
            "ash": {"tables": {"tx": source, "again": source}, "policy": {"privacy": budget}}
        },
    }
    with wf.context(env="federated", parties=federation) as ctx:
        train(ctx, privacy=PRIVATE)
        train(ctx, arrays=ctx.read("again").to_numpy(), privacy=PRIVATE)
        with pytest.raises(PolicyViolation, match=r"has spent epsilon=2 of 2\.5"):
            train(ctx, privacy=wf.dp(epsilon=2.0, delta=1e-6, clip=1.0))


def test_a_function_that_the_policy_does_not_name_is_not_called() -> None:
    from wayfed.federated.parties.policy import Policy
    from wayfed_optimizer.relations import MapBatches, MapKind, Read
    from wayfed_optimizer.types import Schema

    schema = Schema.of(x="int64")
    plan = MapBatches(Read("tx", schema), "clean", "bank.clean", MapKind.ROW, schema)

    assert Policy().violations(plan) == (
        "function 'bank.clean' is not among its policy's opaque functions; it allows none",
    )
    assert Policy(opaque=("bank.clean",)).violations(plan) == ()
