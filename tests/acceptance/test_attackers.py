"""What arrives at a party from elsewhere: refused in clear words, run by nobody, survived."""

from __future__ import annotations

import json
import logging
import pickle
import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wayfed as wf
from tests.acceptance.hostile import (
    AMOUNT,
    BEGIN,
    LONGEST,
    REFUSALS,
    THIEF,
    a_question,
    plan_of,
    refuse,
    send,
    session_of,
    told_of,
    training,
    weights,
)
from wayfed.federated.context import FederatedContext
from wayfed.federated.features.recipe import features
from wayfed.federated.grids.base import node_id_of
from wayfed.federated.grids.rpc.hosting import Ask, Hosting
from wayfed.federated.grids.rpc.messages import from_bytes, to_bytes
from wayfed.federated.parties.configuration import PartyConfiguration
from wayfed.federated.parties.member import Member
from wayfed.federated.parties.opening import open_session
from wayfed.federated.wire import flower_process, question
from wayfed_optimizer.errors import PlanError


class Bomb:
    """What writes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "executed")


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[FederatedContext]:
    """A federation of one party with forty rows."""
    rows = "".join(f"{n},{n / 2},{n % 2},k{n % 3}\n" for n in range(40))
    (tmp_path / "a.csv").write_text(f"id,amount,late,kind\n{rows}")
    schema = {"id": "int64", "amount": "float64", "late": "int64", "kind": "text"}
    party = {"ash": {"tables": {"tx": {"source": str(tmp_path / "a.csv")}}}}
    with (
        wf.context(env="federated", parties={"schema": {"tx": schema}, "party": party}) as made,
        flower_process(),
    ):
        yield made


# Messages


@pytest.mark.parametrize(
    "kind",
    ["query", "query.nope", "train.evil", "system", "query.__class__", "query." + "x" * 10**6],
)
def test_a_message_of_an_unknown_kind_is_refused(ctx: FederatedContext, kind: str) -> None:
    assert "is no message that a party answers" in refuse(session_of(ctx), kind, {})


MALFORMED: Final = {
    "nothing": RecordDict(),
    "no json": RecordDict({"question": ConfigRecord({})}),
    "broken json": RecordDict({"question": ConfigRecord({"json": "{"})}),
    "a number": RecordDict({"question": ConfigRecord({"json": 5})}),
    "bytes": RecordDict({"question": ConfigRecord({"json": pickle.dumps({})})}),
    "metrics": RecordDict({"question": MetricRecord({"a": 1})}),
    "a list": RecordDict({"question": ConfigRecord({"json": "[1]"})}),
    "deep": RecordDict({"question": ConfigRecord({"json": "[" * 100_000})}),
    "an app bundle": RecordDict({"fab": ConfigRecord({"hash": "0", "content": b"PK\x03\x04"})}),
}


@pytest.mark.parametrize("kind", ["plan", "bind", "statistics", "begin", "describe", "explain"])
@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_message_is_refused_and_the_session_goes_on(
    ctx: FederatedContext, kind: str, content: RecordDict
) -> None:
    session = session_of(ctx)

    refuse(session, f"query.{kind}", content)

    assert "binding" in send(session, "query.bind", a_question())


def test_what_comes_before_its_time_is_refused(ctx: FederatedContext) -> None:
    session = open_session(ctx._members[0], THIEF)
    for kind in ("query.bind", "query.statistics", "query.begin", "query.describe", "train"):
        refuse(session, kind, {})
    with pytest.raises(PlanError, match="no plan"):
        session.lend()

    for until, kinds in {
        "plan": ("query.statistics", "query.begin", "train", "evaluate", "query.describe"),
        "bind": ("train", "evaluate"),
    }.items():
        for kind in kinds:
            content = training(weights()) if kind in ("train", "evaluate") else BEGIN
            refuse(session_of(ctx, until=until), kind, content)


# Plans


def test_plans_that_are_too_large_or_too_deep_are_refused(ctx: FederatedContext) -> None:
    session = open_session(ctx._members[0], THIEF)
    plan = json.loads(plan_of(ctx))
    plan["plan"] *= 10_001

    assert "more than 1,000,000" in refuse(session, "query.plan", {"plan": "x" * 2_000_000})
    assert "nested too deeply" in refuse(session, "query.plan", {"plan": "[" * 5_000})
    assert "more than" in refuse(session, "query.plan", {"plan": json.dumps(plan)})
    few = json.dumps({**plan, "plan": [{"node": "Cache", "input": 0}] * 10_001})
    assert "10,001 nodes, more than 10,000" in refuse(session, "query.plan", {"plan": few})
    assert "binding" in send(session, "query.plan", {"plan": plan_of(ctx)})


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "postgresql://u:p@h/db",
        "http://169.254.169.254/",
        "tx; drop table tx",
        "read_csv('/etc/passwd')",
        "../../a.csv",
        "tx\x00\x1b[31m",
    ],
)
def test_a_table_is_a_published_name_and_nothing_else(ctx: FederatedContext, name: str) -> None:
    session = open_session(ctx._members[0], THIEF)
    plan = plan_of(ctx).replace('"tx"', json.dumps(name))

    told = send(session, "query.plan", {"plan": plan})["binding"]["json"]

    assert "is not in its catalog" in json.loads(told)["problems"][0]
    with pytest.raises(PlanError, match="no plan"):
        session.lend()


@pytest.mark.parametrize("version", [0, 99, -1, "1", None, 10**30])
def test_a_plan_of_an_unknown_version_is_refused(ctx: FederatedContext, version: Any) -> None:
    for key in ("wayfed", "functions"):
        plan = json.loads(plan_of(ctx)) | {key: version}

        refuse(open_session(ctx._members[0], THIEF), "query.plan", {"plan": json.dumps(plan)})


# Questions

BAD_QUESTIONS: Final = [
    {"label": 5},
    {"label": None},
    {"label": "x" * 10**6},
    {"features": "amount"},
    {"features": ["amount"] * 100_000},
    {"features": [["amount"]]},
    {"sample_weight": 5},
    {"split": {"x": 1}},
    {"model": 5},
    {"model": {"name": "a", "task": "steal", "parameters": {}}},
    {"model": {"name": "a", "task": "classification", "parameters": {"f": {"__class__": "os"}}}},
    {"model": {"name": "a", "task": "classification", "parameters": {"f": [[1]]}}},
    {"model": {"name": "a", "task": "classification", "parameters": {"f": "x" * 10**6}}},
    {"model": {"name": "a", "task": "classification", "parameters": {"f": [0] * 10**5}}},
    {"model": {"name": "a", "task": "classification", "parameters": {"f": 10**400}}},
    {"recipe": 5},
    {"recipe": {"__class__": "os"}},
    {"recipe": {"impute": {"amount": "exec"}}},
    {"classes": 5},
    {"classes": [[1]]},
    {"classes": list(range(100_000))},
    {"seed": "x"},
    {"seed": 10**400},
    {"rounds": -5},
    {"rounds": 1.5},
    {"strategy": 5},
    {"privacy": {"epsilon": -1}},
    {"privacy": "none"},
    {"evil": 1},
]


@pytest.mark.parametrize("changed", BAD_QUESTIONS, ids=lambda changed: str(changed)[:40])
def test_a_question_that_is_none_is_refused(ctx: FederatedContext, changed: dict[str, Any]) -> None:
    session = session_of(ctx)

    refuse(session, "query.bind", a_question(**changed))

    assert "labels" in send(session, "query.bind", a_question())


MODELS: Final = [
    {"name": "os.system", "parameters": {}},
    {"name": "wayfed.federated.models.mlp:mlp", "parameters": {}},
    {"name": "https://example.org/model.py", "parameters": {}},
    {"name": "mlp", "parameters": {"hidden": [10**9]}},
    {"name": "mlp", "parameters": {"hidden": [10**5] * 5}},
    {"name": "mlp", "parameters": {"hidden": [-1]}},
    {"name": "mlp", "parameters": {"hidden": "32"}},
    {"name": "mlp", "parameters": {"local_epochs": 10**9}},
    {"name": "mlp", "parameters": {"__class__": "x"}},
    {"name": "sklearn", "parameters": {"estimator": "os.system"}},
    {"name": "logistic_regression", "parameters": {"learning_rate": -1}},
]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_model_is_what_is_installed_with_parameters_that_it_takes(
    ctx: FederatedContext, model: dict[str, Any]
) -> None:
    session = session_of(ctx)
    send(session, "query.bind", a_question(model={"task": "classification", **model}))

    refuse(session, "query.begin", BEGIN)


BAD_BEGINNINGS: Final = [
    {},
    {"features": 5},
    {"features": AMOUNT, "classes": 5},
    {"features": AMOUNT, "classes": ["a"]},
    {"features": AMOUNT, "classes": [0]},
    {"features": AMOUNT * 2, "classes": [0, 1]},
    {"features": [{**AMOUNT[0], "scale": 0.0}], "classes": [0, 1]},
    {"features": [{**AMOUNT[0], "scale": "x"}], "classes": [0, 1]},
    {"features": [{**AMOUNT[0], "shift": 10**400}], "classes": [0, 1]},
    {"features": [{**AMOUNT[0], "number": "id"}], "classes": [0, 1]},
    {"features": [{"one_hot": "amount", "categories": [[1]]}], "classes": [0, 1]},
    {"features": [{"one_hot": "amount", "categories": list(range(10**5))}], "classes": [0, 1]},
    {"features": [{"eval": "amount"}], "classes": [0, 1]},
]


@pytest.mark.parametrize("begin", BAD_BEGINNINGS, ids=lambda begin: str(begin)[:60])
def test_features_that_were_not_agreed_to_are_refused(
    ctx: FederatedContext, begin: dict[str, Any]
) -> None:
    session = session_of(ctx, until="bind")

    refuse(session, "query.begin", begin)

    assert "binding" in send(session, "query.begin", BEGIN)


# Weights


def bad_weights() -> dict[str, dict[str, Any]]:
    own = weights()
    first, *_ = own
    like = {name: np.shape(value) for name, value in own.items()}
    return {
        "none": {},
        "one too few": {first: own[first]},
        "one too many": own | {"evil": np.zeros(3)},
        "other shapes": {name: np.zeros((7, 3)) for name in own},
        "no shape": {name: np.float64(1) for name in own},
        "large": {name: np.zeros((1_000, 1_000)) for name in own},
        "text": {name: np.full(shape, "x") for name, shape in like.items()},
        "complex": {name: np.zeros(shape, complex) for name, shape in like.items()},
        "objects": {name: np.full(shape, {1: 2}, dtype=object) for name, shape in like.items()},
    }


@pytest.mark.parametrize("name", bad_weights())
@pytest.mark.parametrize("kind", ["train", "evaluate"])
def test_weights_of_another_model_are_refused(ctx: FederatedContext, kind: str, name: str) -> None:
    session = session_of(ctx, until="begin")

    refuse(session, kind, training(bad_weights()[name]))

    assert "update" in send(session, "train", training(weights()))


@pytest.mark.parametrize(
    "config",
    [
        {"server-round": -1},
        {"server-round": "x"},
        {"proximal-mu": -5.0},
        {"proximal-mu": float("nan")},
        {"proximal-mu": float("inf")},
        {"proximal-mu": b"\x80\x04"},
    ],
    ids=str,
)
def test_a_rounds_settings_are_numbers(ctx: FederatedContext, config: dict[str, Any]) -> None:
    refuse(session_of(ctx, until="begin"), "train", training(weights(), **config))


# Bytes


def npy(head: str, data: bytes = b"") -> bytes:
    padded = head.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + data


def archive() -> bytes:
    file = BytesIO()
    np.savez_compressed(file, a=np.zeros(10**6))
    return file.getvalue()


HEAD: Final = "{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}"


def hostile_arrays(tmp_path: Path) -> dict[str, bytes]:
    bomb = pickle.dumps(Bomb(tmp_path / "bomb"))
    objects = BytesIO()
    np.save(objects, np.array([Bomb(tmp_path / "bomb")], dtype=object), allow_pickle=True)
    return {
        "a pickle": bomb,
        "an array of objects": objects.getvalue(),
        "a pickle behind a head": npy(HEAD.format("|O", "(1,)"), bomb),
        "an archive": archive(),
        "a claim without numbers": npy(HEAD.format("<f8", "(1000000000000,)")),
        "a claim of less than there is": npy(HEAD.format("<f8", "(1,)"), b"0" * 800),
        "a negative shape": npy(HEAD.format("<f8", "(-1,)"), b"0" * 8),
        "a head that is code": npy("__import__('os').system('true')"),
        "a deep head": npy("(" * 9_000),
        "nothing": b"",
        "noise": b"\x93NUMPY\xff\xff" + b"\x00" * 50,
    }


@pytest.fixture
def hosting(ctx: FederatedContext) -> Iterator[tuple[Hosting, dict[str, Message]]]:
    """A party's sessions as they hang on a connection, and its last answer to each session."""
    from threading import Event

    answers: dict[str, Message] = {}
    arrived = Event()

    def reply(session: str, number: int, data: bytes) -> None:
        answers[session] = from_bytes(data)
        arrived.set()

    made = Hosting(
        "ash",
        lambda asker: open_session(ctx._members[0], asker),
        lambda: {"sha256:1", "sha256:2"},
        reply,
        "query.plan",
    )
    answers["waiting"] = arrived  # type: ignore[assignment]  # the test waits on it
    yield made, answers
    made.close()


def ask(
    hosting: tuple[Hosting, dict[str, Any]],
    session: str,
    number: int,
    content: RecordDict,
    kind: str,
    *,
    who: str = "sha256:1",
) -> Message:
    host, answers = hosting
    message = Message(content, node_id_of("ash"), kind)
    message.metadata.__dict__["_message_id"] = str(number)
    answers["waiting"].clear()
    host.ask(Ask("thief", who, session, number, to_bytes(message)))
    assert answers["waiting"].wait(60)
    return answers[session]


@pytest.mark.parametrize("name", hostile_arrays(Path()))
def test_arrays_are_read_as_numbers_only(
    hosting: Any, ctx: FederatedContext, tmp_path: Path, name: str, caplog: Any
) -> None:
    data = hostile_arrays(tmp_path)[name]
    evil = ArrayRecord({"w": Array("float64", (1,), "numpy.ndarray", data)})
    message = Message(RecordDict({"arrays": evil}), node_id_of("ash"), "train")

    with caplog.at_level(logging.WARNING):
        hosting[0].ask(Ask("thief", "sha256:1", "s", 1, to_bytes(message)))

    assert "bytes that are no message" in caplog.text
    assert not (tmp_path / "bomb").exists()
    told = ask(hosting, "s", 1, question({"plan": plan_of(ctx)}), "query.plan")
    assert "binding" in told.content


def test_noise_is_no_message(hosting: Any, ctx: FederatedContext) -> None:
    for data in (b"", b"\x00" * 100, pickle.dumps({"a": 1}), b"PK\x03\x04" + b"\x00" * 30):
        hosting[0].ask(Ask("thief", "sha256:1", "s", 1, data))

    told = ask(hosting, "s", 1, question({"plan": plan_of(ctx)}), "query.plan")
    assert "binding" in told.content


def test_nobody_gets_into_a_session_of_somebody_else(hosting: Any, ctx: FederatedContext) -> None:
    ask(hosting, "s", 1, question({"plan": plan_of(ctx)}), "query.plan")
    ask(hosting, "s", 2, question(a_question()), "query.bind")

    stolen = ask(hosting, "s", 3, question({}), "query.statistics", who="sha256:2")
    unknown = ask(hosting, "s", 4, question({"plan": plan_of(ctx)}), "query.plan", who="sha256:9")

    assert "holds no plan of this session" in stolen.error.reason
    assert "does not serve the requester" in unknown.error.reason
    assert "statistics" in ask(hosting, "s", 3, question({}), "query.statistics").content


# Whatever arrives

JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)
QUESTION: Final = st.sampled_from(sorted(a_question()))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(key=QUESTION, value=JSON, whole=JSON, begin=JSON)
def test_any_json_is_answered_or_refused(
    ctx: FederatedContext, key: str, value: Any, whole: Any, begin: Any
) -> None:
    session = session_of(ctx)
    for kind, content in (
        ("query.bind", a_question() | {key: value}),
        ("query.begin", {"features": begin, "classes": value}),
        ("query.describe", {"numbers": value, "histograms": whole}),
        ("query.plan", {"plan": value, "purpose": whole}),
        ("query.explain", {"stage": value}),
    ):
        try:
            told = RecordDict({"question": ConfigRecord({"json": json.dumps(content)})})
            send(session, kind, told)
        except REFUSALS as error:
            assert len(str(error)) < LONGEST

    assert "binding" in send(session, "query.plan", {"plan": plan_of(ctx)})


# Rounds


@pytest.mark.parametrize("kind", ["train", "evaluate"])
def test_no_more_rounds_are_answered_than_the_question_says(
    ctx: FederatedContext, kind: str
) -> None:
    session = session_of(ctx)
    send(session, "query.bind", a_question(rounds=2))
    send(session, "query.begin", BEGIN)

    def asked(shift: float) -> RecordDict:
        return training({name: value + shift for name, value in weights().items()})

    answers = [send(session, kind, asked(shift)) for shift in (0, 1)]

    assert "all rounds=2 of its question have been answered" in refuse(session, kind, asked(2))
    # What comes again, as after a connection was lost, is answered as before.
    assert str(send(session, kind, asked(1))) == str(answers[1])
    send(session, "query.begin", BEGIN)
    refuse(session, kind, asked(2))


def test_nothing_is_told_that_the_recipe_takes_from_no_rows(ctx: FederatedContext) -> None:
    told = send(session_of(ctx, until="bind"), "query.statistics", {})
    scaled = session_of(ctx)
    send(scaled, "query.bind", a_question(recipe=features(standardize=True).to_dict()))

    assert (told_of(told, "statistics"), told_of(told, "vocabulary")) == ({}, {})
    assert list(told_of(send(scaled, "query.statistics", {}), "statistics")) == ["amount"]


def test_nobody_can_look_up_the_digest_of_rows_that_are_guessed(
    ctx: FederatedContext, tmp_path: Path
) -> None:
    tables = {"tx": {"source": str(tmp_path / "a.csv")}}
    own = PartyConfiguration.model_validate({"tables": tables})
    published = {"tx": ctx.read("tx").schema}

    def digest(key: bytes | None) -> str:
        member = Member.of("ash", own, published, key=key)
        with member.context:
            session = open_session(member, THIEF)
            send(session, "query.plan", {"plan": plan_of(ctx)})
            return str(told_of(send(session, "query.bind", a_question()), "binding")["digest"])

    assert len({digest(None), digest(b"one key"), digest(b"another")}) == 3
    # A party that was started anew knows its rows again.
    assert digest(b"one key") == digest(b"one key")
