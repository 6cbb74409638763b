"""Messages of somebody hostile to a party of a federation."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import pytest
from flwr.app import ConfigRecord, Message, RecordDict

import wayfed as wf
from wayfed.federated.context import FederatedContext
from wayfed.federated.dataset import FederatedDataset
from wayfed.federated.features.recipe import features
from wayfed.federated.grids.base import node_id_of
from wayfed.federated.models.adapter import Task, resolve_model
from wayfed.federated.parties.audit import Asker
from wayfed.federated.parties.opening import open_session
from wayfed.federated.parties.party import Answering
from wayfed.federated.parties.question import Question
from wayfed.federated.wire import question, record_of
from wayfed_optimizer.errors import PartyError, PlanError, PolicyViolation
from wayfed_optimizer.wire import to_wire

THIEF: Final = Asker("thief", "sha256:0", "s")
REFUSALS: Final = (PlanError, PartyError, PolicyViolation)
AMOUNT: Final = [{"number": "amount", "fill": None, "shift": 0.0, "scale": 1.0}]
BEGIN: Final = {"features": AMOUNT, "classes": [0, 1]}
LONGEST: Final = 2_000
"""Characters that a refusal may have: it does not give back all that was sent."""


def plan_of(ctx: FederatedContext, query: str | None = None) -> str:
    dataset = ctx.read("tx") if query is None else ctx.sql(query)
    assert isinstance(dataset, FederatedDataset)
    return to_wire(dataset.relation, names=("tx",)).decode()


def a_question(**changed: Any) -> dict[str, Any]:
    asked = Question(
        label="late",
        features=("amount",),
        sample_weight=None,
        split=None,
        model=wf.models.logistic_regression(),
        recipe=features(),
        classes=None,
        seed=0,
    )
    return asked.to_dict() | changed


def send(session: Answering, kind: str, content: RecordDict | dict[str, Any]) -> RecordDict:
    whole = content if isinstance(content, RecordDict) else question(content)
    message = Message(whole, node_id_of("ash"), kind)
    return session.answer(message, None).content  # type: ignore[arg-type]  # no app needs it


def session_of(ctx: FederatedContext, *, until: str = "plan") -> Answering:
    """Open a session, and go on with it until it has a plan, a question, or has begun."""
    session = open_session(ctx._members[0], THIEF)
    for stage, content in (
        ("plan", {"plan": plan_of(ctx)}),
        ("bind", a_question()),
        ("begin", BEGIN),
    ):
        send(session, f"query.{stage}", content)
        if stage == until:
            break
    return session


def weights() -> dict[str, Any]:
    return dict(resolve_model(wf.models.logistic_regression(), Task(1, 2)).initial_weights(0))


def training(arrays: dict[str, Any], **config: Any) -> RecordDict:
    record = record_of({name: np.asarray(value) for name, value in arrays.items()})
    return RecordDict({"arrays": record, "config": ConfigRecord(config)})


def refuse(session: Answering, kind: str, content: RecordDict | dict[str, Any]) -> str:
    """Send what must be refused, and return the words; the session must go on afterwards."""
    with pytest.raises(REFUSALS) as raised:
        send(session, kind, content)
    assert len(str(raised.value)) < LONGEST
    return str(raised.value)


def told_of(content: RecordDict, kind: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(content[kind]["json"])
    return told
