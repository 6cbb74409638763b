"""The grid `flower`: a SuperLink of Flower's, guarded, with parties in processes of their own."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from flwr.app import ConfigRecord, Message, RecordDict

import wayfed as wf
from wayfed.federated.wire import flower_process

PARTIES = ("ash", "birch", "cedar")


@pytest.fixture(scope="module")
def federation(tmp_path_factory):
    """A federation of three parties with 40 rows each."""
    directory = tmp_path_factory.mktemp("parties")
    random = np.random.default_rng(3)
    for name in PARTIES:
        rows = random.integers(-4, 5, size=(40, 3))
        lines = [f"{a},{b},{int(a + b + c > 0)}" for a, b, c in rows]
        (directory / f"{name}.csv").write_text("\n".join(["a,b,late", *lines]))
    described = {
        "schema": {"trips": {"a": "int64", "b": "int64", "late": "int64"}},
        "party": {
            name: {"tables": {"trips": {"source": str(directory / f"{name}.csv")}}}
            for name in PARTIES
        },
    }
    with wf.context(env="federated", parties=described) as ctx:
        yield ctx


def train(ctx, runner, **options):
    return ctx.run_federated(
        ctx.read("trips").to_numpy(),
        label="late",
        model=wf.models.logistic_regression(),
        rounds=2,
        runner=runner,
        **options,
    )


@pytest.fixture
def door(federation):
    """Where the parties of the runner `flower` meet; it is opened by the first run."""
    train(federation, "flower")
    return federation._runners["flower"]._started[1]


def test_the_model_is_that_of_one_process_bit_for_bit(federation):
    here, there = train(federation, "local"), train(federation, "flower")
    assert here.metrics == there.metrics
    for name, weights in here.model.weights.items():
        assert np.array_equal(weights, there.model.weights[name])


def test_parties_answer_no_messages_but_ours(door):
    with flower_process():
        foreign = Message(
            RecordDict({"config": ConfigRecord({"lr": 0.1})}), door._run.nodes["ash"], "train"
        )
        waiting = door._run.push([foreign])
        answered = []
        while not answered:
            answered = door._run.pull(waiting)
    assert answered[0].reason.endswith("runs no code that arrives")


def test_a_party_that_was_killed_is_left_out_and_named(federation, door):
    grid = door.open()
    os.kill(federation._runners["flower"].pids["birch"], signal.SIGKILL)
    with flower_process():
        content = RecordDict({"question": ConfigRecord({"json": "{}"})})
        replies = grid.send_and_receive(
            [Message(content, node, "query.plan") for node in grid.parties], timeout=2
        )
        grid.close()
    assert [grid.parties[reply.metadata.src_node_id] for reply in replies] == ["ash", "cedar"]
