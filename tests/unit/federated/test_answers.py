"""A party whose answers make no sense is left out by name; the others train."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import pytest
from flwr.app import Message

from wayfed.federated.features.recipe import features
from wayfed.federated.grids.base import PartyGrid
from wayfed.federated.models.spec import ModelSpec
from wayfed.federated.parties.question import Question
from wayfed.federated.rounds.binding import bind, bind_plan
from wayfed.federated.rounds.guard import GuardedGrid
from wayfed.federated.wire import answer, flower_process
from wayfed_optimizer.errors import PartyError

QUESTION = Question(
    label="y",
    features=("x",),
    sample_weight=None,
    split=None,
    model=ModelSpec.of("logistic_regression", "classification"),
    recipe=features(standardize=True),
    classes=None,
    seed=0,
)
GOOD: dict[str, dict[str, Any]] = {
    "query.plan": {"binding": {"problems": [], "violations": [], "roles": {"x": "feature"}}},
    "query.bind": {
        "binding": {"rows": 10, "training": 10, "testing": 0, "digest": "d"},
        "labels": {"counts": [[0, 5], [1, 5]]},
    },
    "query.statistics": {"statistics": {"x": [10, 1.0, 2.0]}, "vocabulary": {}},
    "query.begin": {"binding": {"features": 1}},
}


class Told(PartyGrid):
    """Two parties that answer as told: ash well, oak with something else to one question."""

    def __init__(self, stage: str, content: dict[str, Any]) -> None:
        super().__init__({1: "ash", 2: "oak"})
        self._oak = {**GOOD, stage: content}

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        replies = []
        for message in messages:
            said = GOOD if message.metadata.dst_node_id == 1 else self._oak
            content = answer(copy.deepcopy(said[message.metadata.message_type]))
            replies.append(Message(content, reply_to=message))
        return replies


def bound(**changes: Any) -> dict[str, Any]:
    return {**GOOD["query.bind"], "binding": {**GOOD["query.bind"]["binding"], **changes}}


@pytest.mark.parametrize(
    ("stage", "content"),
    [
        ("query.bind", {}),
        ("query.bind", {"binding": {"problems": []}}),
        ("query.bind", {"binding": {"problems": [{"x": 1}]}}),
        ("query.bind", bound(rows="many")),
        ("query.bind", bound(training=-1)),
        ("query.bind", bound(digest=None)),
        ("query.bind", {**bound(), "labels": {"counts": [[[0], 5]]}}),
        ("query.statistics", {"statistics": {"x": [10, 1.0, -2.0]}, "vocabulary": {}}),
        ("query.statistics", {"statistics": {"x": [-9, 1.0, 2.0]}, "vocabulary": {}}),
        ("query.statistics", {"statistics": {"x": [10, 1.0]}, "vocabulary": {}}),
        ("query.statistics", {"statistics": {}, "vocabulary": {"x": [["a", -1]]}}),
        ("query.begin", {"binding": {"problems": "none"}}),
    ],
)
def test_an_answer_that_makes_no_sense_is_a_failure_of_that_party(
    stage: str, content: dict[str, Any]
) -> None:
    with flower_process():
        grid = GuardedGrid(Told(stage, content))
        agreed = bind(grid, QUESTION, bools=())

    assert agreed.features.names == ("x",)
    (failure,) = {(each.party, each.stage, each.reason) for each in grid.failures}
    assert failure[:2] == ("oak", stage)
    assert "makes no sense" in failure[2]


@pytest.mark.parametrize(
    "told", [{}, {"problems": [1]}, {"problems": [], "violations": [], "roles": {"x": "king"}}]
)
def test_an_answer_to_a_plan_that_makes_no_sense_leaves_its_party_out(told: dict[str, Any]) -> None:
    with flower_process():
        agreed = bind_plan(GuardedGrid(Told("query.plan", {"binding": told})), b"{}")

    assert agreed.parties == ("ash",)
    assert "makes no sense" in agreed.left_out["oak"]


def test_where_nobody_makes_sense_the_run_ends_by_name() -> None:
    class Nonsense(Told):
        def send_and_receive(
            self, messages: Iterable[Message], *, timeout: float | None = None
        ) -> list[Message]:
            return [Message(answer({}), reply_to=message) for message in messages]

    with flower_process(), pytest.raises(PartyError, match=r"party 'oak': answered query\.bind"):
        bind(GuardedGrid(Nonsense("query.bind", {})), QUESTION, bools=())
