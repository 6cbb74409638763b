"""The grid `flower`: a SuperLink of Flower's, guarded, with parties in processes of their own."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from flwr.app import ConfigRecord, Message, RecordDict

import wayfed as wf
from tests.integration.served_parties import (
    end,
    free_port,
    identity_lines,
    start,
    write_identity,
)
from tests.waiting import wait_until
from wayfed.federated.parties.audit import AuditLog
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
            name: {
                "tables": {"trips": {"source": str(directory / f"{name}.csv")}},
                "audit": {"path": str(directory / f"{name}.jsonl")},
            }
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


def test_statistics_are_those_of_one_process_and_each_party_wrote_down_who_asked(
    federation, door, monkeypatch
):
    trips = federation.read("trips")
    here = trips.count(), list(trips.describe().values())
    logs = [AuditLog(federation._federation.parties[name].audit.path) for name in PARTIES]
    before = [len(list(log.entries())) for log in logs]

    monkeypatch.setattr(federation, "_default_runner", "flower")
    assert (trips.count(), list(trips.describe().values())) == here
    assert here[0] == 120

    asked = [list(log.entries())[start:] for log, start in zip(logs, before, strict=True)]
    for lines in asked:
        assert [line["stage"] for line in lines] == ["query.plan", "query.describe"] * 2
        assert {line["requester"] for line in lines} == {door._superlink.address}
        assert {line["decision"] for line in lines} == {"allowed"}
        assert "statistics" in {each["kind"] for each in lines[-1]["releases"]}
    assert len({line["plan"] for lines in asked for line in lines}) == 1
    assert [log.verify().faults for log in logs] == [(), (), ()]


def test_a_party_that_was_killed_is_named_long_before_the_deadline(federation, door):
    grid = door.open()
    os.kill(federation._runners["flower"].pids["birch"], signal.SIGKILL)
    with flower_process():
        content = RecordDict({"question": ConfigRecord({"json": "{}"})})
        replies = grid.send_and_receive(
            [Message(content, node, "query.plan") for node in grid.parties], timeout=600
        )
        grid.close()
    reasons = {grid.parties[reply.metadata.src_node_id]: reply.error.reason for reply in replies}
    assert list(reasons) == list(PARTIES)
    answered = "a session begins with a plan and its purpose"
    assert [name for name, reason in reasons.items() if reason != answered] == ["birch"]


def test_organisations_meet_at_a_superlink_that_only_its_machine_controls(tmp_path):
    port = free_port()
    hub = write_identity(tmp_path, "hub")
    (tmp_path / "schema.toml").write_text('[schema.trips]\na = "int64"\nlate = "int64"\n')
    coordinator = f'listen = "0.0.0.0:{port}"\n{identity_lines("hub")}'
    (tmp_path / "coordinator.toml").write_text(coordinator)
    for name in PARTIES:
        write_identity(tmp_path, name)
        rows = [f"{place % 7},{int(place % 7 > 3)}" for place in range(40)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["a,late", *rows]))
        (tmp_path / f"{name}.toml").write_text(
            f"""
name = "{name}"
schema = "schema.toml"
[coordinator]
address = "127.0.0.1:{port}"
fingerprint = "{hub.fingerprint}"
superlink = true
{identity_lines(name)}
[tables.trips]
source = "{name}.csv"
"""
        )
    parties = "".join(f'{name} = "{name}.pem"\n' for name in PARTIES)
    (tmp_path / "federation.toml").write_text(
        f"""
schema = "schema.toml"
[superlink]
address = "127.0.0.1:{port}"
certificate = "hub.pem"
secret = "superlink.secret"
[superlink.parties]
{parties}"""
    )
    log = tmp_path / "log"
    started = [start(log, "coordinator", "serve", tmp_path / "coordinator.toml", "--superlink")]
    try:
        wait_until(lambda: "the SuperLink listens" in log.read_text(), seconds=300)
        with wf.context(env="federated", parties=tmp_path / "federation.toml") as ctx:
            assert len(ctx.parties()) == 0
            started += [start(log, "party", "serve", tmp_path / f"{n}.toml") for n in PARTIES]
            wait_until(lambda: tuple(party.name for party in ctx.parties()) == PARTIES, seconds=300)
            run = ctx.run_federated(
                ctx.read("trips").to_numpy(),
                label="late",
                model=wf.models.logistic_regression(),
                rounds=2,
                secure_aggregation=True,
            )
    finally:
        end(started)
    assert run.status == "finished"
    assert not run.failures
