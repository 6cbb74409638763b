"""Questions that are of few rows, or of one: told in no answer, however they are put."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import wayfed as wf
from tests.acceptance.hostile import (
    AMOUNT,
    BEGIN,
    THIEF,
    a_question,
    plan_of,
    refuse,
    send,
    session_of,
    told_of,
    training,
)
from wayfed.federated.context import FederatedContext
from wayfed.federated.features.recipe import features
from wayfed.federated.features.split import split_to_dict
from wayfed.federated.models.adapter import Task, resolve_model
from wayfed.federated.parties.opening import open_session
from wayfed.federated.parties.policy import Role
from wayfed.federated.parties.question import Question
from wayfed.federated.parties.rules import Rules
from wayfed.federated.wire import flower_process


@pytest.fixture
def few(tmp_path: Path) -> Iterator[FederatedContext]:
    """A federation of one party that tells of no fewer than ten of its forty rows."""
    rows = "".join(f"{n},{n / 2},{n % 2},{int(n == 7)}\n" for n in range(39)) + "39,99.5,2,0\n"
    (tmp_path / "a.csv").write_text(f"id,amount,late,one\n{rows}")
    schema = {"id": "int64", "amount": "float64", "late": "int64", "one": "int64"}
    party = {
        "ash": {
            "tables": {"tx": {"source": str(tmp_path / "a.csv")}},
            "policy": {"min_rows": 10},
        }
    }
    with (
        wf.context(env="federated", parties={"schema": {"tx": schema}, "party": party}) as made,
        flower_process(),
    ):
        yield made


def test_a_label_that_few_rows_have_is_not_told(few: FederatedContext) -> None:
    session = session_of(few)
    told = told_of(send(session, "query.bind", a_question()), "labels")
    begun = told_of(send(session, "query.begin", BEGIN), "binding")

    # With either of the others counted, the number of rows would tell of the third.
    assert sorted(value for value, _ in told["counts"]) == [0, 1]
    assert [count for _, count in told["counts"]].count(None) == 1
    assert "classes=[…] names all its values" in begun["problems"][0]["hint"]


def test_no_text_of_a_row_leaves_as_a_class(few: FederatedContext) -> None:
    session = open_session(few._members[0], THIEF)
    dump = "select amount, cast(amount as text) as late from tx"
    send(session, "query.plan", {"plan": plan_of(few, dump)})

    assert told_of(send(session, "query.bind", a_question()), "labels") == {"counts": []}


def test_a_rare_class_is_not_balanced_as_if_nobody_had_it(few: FederatedContext) -> None:
    session = session_of(few)
    send(session, "query.bind", a_question(class_weight="balanced"))

    begin = {"features": AMOUNT, "classes": [0, 1, 2], "class_weight": [1.0, 1.0, 1.0]}
    assert (
        "not told"
        in told_of(send(session, "query.begin", begin), "binding")["problems"][0]["message"]
    )


def test_weights_that_pick_out_one_row_are_refused(few: FederatedContext) -> None:
    session = session_of(few)
    send(session, "query.bind", a_question(sample_weight="one", classes=[0, 1, 2]))

    begin = {"features": AMOUNT, "classes": [0, 1, 2]}
    assert "fewer training rows than its min_rows=10" in refuse(session, "query.begin", begin)


def test_a_split_that_holds_out_few_rows_measures_nothing(few: FederatedContext) -> None:
    session = session_of(few)
    by_time = wf.by_time("id", 38)
    asked = a_question(split=split_to_dict(by_time), classes=[0, 1, 2])
    bound = told_of(send(session, "query.bind", asked), "binding")
    send(session, "query.begin", {"features": AMOUNT, "classes": [0, 1, 2]})
    shapes = resolve_model(wf.models.logistic_regression(), Task(1, 3)).initial_weights(0)
    measured = send(session, "evaluate", training(dict(shapes)))

    assert (bound["testing"], measured["metrics"]["num-examples"]) == (0, 0)
    # Nor is their number what is missing of those that are learned from.
    assert bound["training"] == bound["rows"]


def test_a_column_that_must_not_decide_on_rows_splits_none() -> None:
    rules = Rules(roles={"owner": Role.JOIN_KEY})
    by_time = Question.from_dict(a_question(split=split_to_dict(wf.by_time("owner", 1017))))
    by_hash = Question.from_dict(a_question(split=split_to_dict(wf.by_hash("owner"))))

    assert rules.violations(by_time) == (
        "'owner' is a join_key, and does not decide which rows are held out",
    )
    assert rules.violations(by_hash) == ()


COPIES: Final = {
    "copies": " union all ".join(["select * from tx where id = 7"] * 12),
    "a join with other rows": "select a.* from tx a cross join tx b where a.id = 7",
    "a join without a key": "select a.* from tx a join tx b on a.late = b.late where a.id = 7",
    "a window": "select id, sum(amount) over () as amount, late, one from tx",
    "a subquery": "select * from tx where amount < (select max(amount) from tx where id = 7)",
}


@pytest.mark.parametrize("query", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("purpose", ["count", "describe"])
def test_copies_of_a_row_are_not_enough_rows(
    few: FederatedContext, query: str, purpose: str
) -> None:
    session = open_session(few._members[0], THIEF)
    asked = {"plan": plan_of(few, query), "purpose": purpose}
    bound = told_of(send(session, "query.plan", asked), "binding")
    if bound["violations"]:
        assert "may be in any number of rows" in bound["violations"][0]
        return

    told = send(session, "query.describe", {"numbers": ["amount"]} if purpose != "count" else {})
    assert "fewer rows than its min_rows=10" in told_of(told, "binding")["left_out"]


def test_copies_of_a_row_tell_no_text_of_it(few: FederatedContext) -> None:
    row = "select cast(amount as text) as amount, late from tx where id = 7"
    copies = " union all ".join([row] * 12)
    session = open_session(few._members[0], THIEF)
    send(session, "query.plan", {"plan": plan_of(few, copies)})
    recipe = features(one_hot=True).to_dict()
    send(session, "query.bind", a_question(recipe=recipe, classes=[0, 1, 2]))

    told = send(session, "query.statistics", {})

    assert told_of(told, "vocabulary") == {"amount": []}


def test_all_rows_but_one_are_not_described(few: FederatedContext) -> None:
    session = open_session(few._members[0], THIEF)
    rest = "select amount as a, case when id <> 7 then amount end as b from tx"
    send(session, "query.plan", {"plan": plan_of(few, rest), "purpose": "describe"})

    told = send(session, "query.describe", {"numbers": ["a", "b"]})

    assert told_of(told, "count")["values"] == {"a": 40, "b": None}
    assert list(told_of(told, "statistics")) == ["a"]


def explanation_of(ctx: FederatedContext, query: str, *, trained: bool = False) -> dict[str, Any]:
    """Explain a query at the party; with `trained`, after somebody's run over its rows."""
    session = open_session(ctx._members[0], THIEF)
    send(session, "query.plan", {"plan": plan_of(ctx, query)})
    if trained:
        send(session, "query.bind", a_question())
    return told_of(send(session, "query.explain", {"alternatives": True}), "explanation")


def test_an_explanation_is_the_same_whatever_rows_there_are(few: FederatedContext) -> None:
    query = "select amount, late from tx where id > {} union all select amount, late from tx"
    # What was counted in a run would be the estimate of the next explanation.
    some = explanation_of(few, query.format(38), trained=True)
    again, none = explanation_of(few, query.format(38)), explanation_of(few, query.format(39))

    def estimates(plain: Any) -> list[Any]:
        if isinstance(plain, dict) and "provenance" in plain:
            return [plain]
        parts = plain.values() if isinstance(plain, dict) else plain
        return [e for p in parts for e in estimates(p)] if isinstance(plain, dict | list) else []

    assert len(estimates(some)) > 1
    assert estimates(some) == estimates(again) == estimates(none)
    told = str([each["provenance"] for each in estimates(some)]).lower()
    assert not [word for word in ("exact", "footer", "observed") if word in told]


def test_how_a_plan_ran_is_not_explained(few: FederatedContext) -> None:
    session = session_of(few)
    for asked in ({"analyze": True}, {"stage": "executed"}):
        assert "keeps it from telling" in refuse(session, "query.explain", asked)
