"""Who is stuck is named though its connection stands; what waits is bounded; what ends is told."""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flwr.app import Message

import wayfed as wf
from tests.integration.rpc_parties import (
    FIRST,
    NAMES,
    QUICK,
    Echo,
    Federation,
    ask,
    federation,
)
from tests.waiting import wait_until
from wayfed.federated.grids.base import node_id_of
from wayfed.federated.grids.processes import Nursery
from wayfed.federated.grids.rpc import requester
from wayfed.federated.grids.rpc.channel import PARTY_METHOD, SERVICE, open_channel
from wayfed.federated.grids.rpc.frames import VERSION, Frame
from wayfed.federated.grids.rpc.grid import RpcGrid
from wayfed.federated.grids.rpc.hosting import Ask, Hosting
from wayfed.federated.grids.rpc.identity import make_identity
from wayfed.federated.grids.rpc.messages import content_bytes, from_bytes, to_bytes
from wayfed.federated.grids.rpc.outgoing import Outgoing
from wayfed.federated.grids.rpc.pulse import Pulse
from wayfed.federated.parties.audit import Asker
from wayfed.federated.parties.configuration import PartyConfiguration
from wayfed.federated.parties.member import Member
from wayfed.federated.parties.opening import open_session
from wayfed.federated.rounds.guard import GuardedGrid
from wayfed.federated.wire import flower_process, question
from wayfed_optimizer.errors import InvalidOption, PartyError
from wayfed_optimizer.platform import PLATFORM_ENTRY_POINTS


@pytest.fixture(autouse=True)
def _messages() -> Iterator[None]:
    with flower_process():
        yield


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="wayfed.federated")


def grids_of_one_desk(fed: Federation, number: int) -> list[RpcGrid]:
    """Open several sessions over one connection."""
    desk = fed.hub.desk("analyst", fed.analyst.fingerprint)
    return [RpcGrid(desk, fed.hub.names) for _ in range(number)]


def described(directory: Path, rows: int = 2) -> dict[str, Any]:
    """Describe a party with rows of one key."""
    path = directory / "tx.csv"
    path.write_text("k,x\n" + "".join(f"1,{number}.5\n" for number in range(rows)))
    return {
        "schema": {"tx": {"k": "int64", "x": "float64"}},
        "party": {"ash": {"tables": {"tx": {"source": str(path)}}}},
    }


@contextmanager
def mute(fed: Federation, name: str) -> Iterator[None]:
    """Be connected as a party, and say nothing after the first frame."""
    told: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    hello = Frame("hello", {"version": VERSION, "boot": name, "tables": [], "min_rows": 1})
    told.put(hello.encode())
    with open_channel(
        fed.coordinator.address, fed.hub_identity.certificate, fed.identities[name]
    ) as channel:
        call = channel.stream_stream(f"/{SERVICE}/{PARTY_METHOD}")(iter(told.get, None))
        yield
        told.put(None)
        call.cancel()


def test_a_party_that_is_connected_and_says_nothing_is_named_though_nobody_set_a_deadline(caplog):
    limits = replace(QUICK, silence_seconds=1.0, settle_seconds=600.0, hello_seconds=600.0)
    told: dict[str, str] = {}
    with federation(limits=limits, identities={"birch": make_identity("birch")}) as fed:
        grid = fed.grid()
        waits = threading.Thread(target=lambda: told.update(ask(grid, timeout=None)), daemon=True)
        waits.start()
        wait_until(lambda: fed.hub._exchange._pending)
        with mute(fed, "birch"):
            waits.join(120)

    assert told == {"birch": "was silent for 1 s, and was not back within 0.3 s"}
    assert "party 'birch' was silent for 1 s" in caplog.text


def test_a_party_says_that_it_runs_as_often_as_its_coordinator_asks_for_it():
    heard: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
    pulse = Pulse(lambda: heard.put(threading.current_thread()))
    pulse.start(0.0)
    (own,) = {heard.get(timeout=120) for _ in range(3)}
    pulse.stop()

    own.join(120)
    assert not own.is_alive()


def test_a_party_tells_that_it_is_connected_when_the_coordinator_has_let_it_in(caplog):
    with federation() as fed:
        fed.party("ash")
        wait_until(lambda: f"connected to {fed.coordinator.address}" in caplog.text)


def test_no_question_waits_for_ever_and_the_remedy_is_told():
    class Hurried(RpcGrid):
        def patience(self, message_type: str) -> float:
            return super().patience(message_type) / 1000

    with federation() as fed:
        fed.parties()
        desk = fed.hub.desk("analyst", fed.analyst.fingerprint)
        grid = GuardedGrid(Hurried(desk, fed.hub.names))
        with pytest.raises(PartyError, match=r"no answer within 0.3 s(.|\n)*deadline="):
            grid.ask(question({"do": "wait"}), FIRST)


def test_a_deadline_that_is_none_is_refused(tmp_path):
    with wf.context(env="federated", parties=described(tmp_path)) as ctx:
        rows = ctx.read("tx")
        assert rows.count(deadline=600) == 2
        for ask_for in (rows.count, rows.describe):
            with pytest.raises(InvalidOption, match="deadline is a number of seconds above 0"):
                ask_for(deadline=0)


def test_a_requester_may_have_so_many_messages_waiting_and_no_more(caplog):
    with federation(limits=replace(QUICK, waiting_messages=4)) as fed:
        fed.parties()
        grids = grids_of_one_desk(fed, 2)
        waits = threading.Thread(target=ask, args=(grids[0],), kwargs={"do": "wait"})
        waits.start()
        wait_until(lambda: len(fed.hub._exchange._pending) == len(NAMES))

        refused = set(ask(grids[1]).values())
        Echo.release.set()
        waits.join()
        assert set(ask(grids[1]).values()) == {"echo"}
    assert refused == {"more than 4 messages would wait at the coordinator"}
    assert "requester 'analyst'" in caplog.text


def test_heads_of_messages_count_as_what_waits():
    size = len(content_bytes(question({})))
    with federation(limits=replace(QUICK, waiting_bytes=size + 10)) as fed:
        fed.parties()
        told = set(ask(fed.grid()).values())
    assert told == {f"more than {size + 10} bytes would wait at the coordinator"}


def test_a_requester_may_have_so_many_sessions_at_a_hub_and_no_more():
    with federation(limits=replace(QUICK, sessions=2)) as fed:
        fed.parties()
        grids = grids_of_one_desk(fed, 3)
        answers = [set(ask(grid).values()) for grid in grids]
        grids[0].close()
        again = set(ask(grids[2]).values())
    assert answers == [{"echo"}, {"echo"}, {"more than 2 sessions"}]
    assert again == {"echo"}


def test_what_waits_for_a_party_that_does_not_read_is_the_latest_of_each_session():
    outgoing = Outgoing()
    for number in range(9):
        header = {"fingerprint": "f", "session": f"s{number % 2}", "number": number}
        outgoing.put("ask", header, (b"head", b"x" * 10))
    assert len(outgoing) == 2


def test_a_requester_that_is_revoked_while_it_waits_learns_it(monkeypatch):
    monkeypatch.setattr(requester, "_AWAY_SECONDS", 600)
    with federation() as fed:
        fed.parties()
        desk = fed.desk()
        grid = RpcGrid(desk, desk.names())
        told: dict[str, str] = {}
        waits = threading.Thread(
            target=lambda: told.update(ask(grid, timeout=None, do="wait")), daemon=True
        )
        waits.start()
        wait_until(lambda: len(fed.hub._exchange._pending) == len(NAMES))
        fed.roster.roster = replace(fed.roster.roster, requesters={})
        waits.join(120)
        is_back = not waits.is_alive()
    assert is_back
    assert set(told) == set(NAMES)
    assert all("is not listed" in reason for reason in told.values())


def test_what_is_asked_while_the_coordinator_is_away_is_given_up_each_time(monkeypatch):
    monkeypatch.setattr(requester, "_AWAY_SECONDS", 0.05)
    with federation() as fed:
        desk = fed.desk()
        grid = RpcGrid(desk, desk.names())
        fed.hub.close()
        for _ in range(2):
            told = ask(grid)
            assert set(told) == set(NAMES)
            assert all("no connection to the coordinator" in each for each in told.values())


def test_a_coordinator_that_comes_back_as_the_wait_for_it_ends_has_come_back(monkeypatch):
    ended = threading.Event()

    class Ended(threading.Timer):
        def run(self) -> None:
            ended.set()
            self.function()

    with federation() as fed:
        desk = fed.desk()
        mailbox = desk.open("session")
        mailbox.expected.add(1)
        monkeypatch.setattr(threading, "Timer", Ended)
        with desk._changed:
            desk._lost("it is gone")
            timer = desk._away
            assert ended.wait(120)
            desk._see([], {})
        timer.join(120)
        assert not timer.is_alive()
    assert mailbox.expected == {1}


def test_a_party_whose_interpreter_is_stuck_is_named_though_its_machine_answers(tmp_path):
    with federation(limits=replace(QUICK, silence_seconds=3.0)) as fed:
        own = fed.identities["birch"]
        for name, content in (
            ("hub.pem", fed.hub_identity.certificate),
            ("birch.pem", own.certificate),
            ("birch.key", own.key),
        ):
            (tmp_path / name).write_bytes(content)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.integration.stuck_party"),
                *(str(tmp_path), fed.coordinator.address, fed.analyst.fingerprint),
            ],
            cwd=Path(__file__).parents[2],
        )
        try:
            wait_until(lambda: "birch" in fed.hub.present)
            grid = fed.grid()
            wait_until(lambda: ask(grid, timeout=None)["birch"].startswith("was silent for 3 s"))
        finally:
            process.kill()
            process.wait()


def forever(directory: Path) -> tuple[Member, bytes]:
    """Give a party, and a plan that takes it hours."""
    files = described(directory, rows=20_000)
    with wf.context(env="federated", parties=files) as ctx:
        plan = ctx._plan(
            ctx.sql(
                "SELECT a.x FROM tx a JOIN tx b ON a.k = b.k JOIN tx c ON b.k = c.k "
                "WHERE abs(a.x - b.x + c.x) > 7"
            ).relation
        )
        published = dict(ctx._federation.published)
    party = PartyConfiguration.model_validate(files["party"]["ash"])
    return Member.of("ash", party, published), plan


def running(member: Member) -> bool:
    """Say whether a plan runs that nobody has stopped."""
    return any(not run._token.cancelled for run in tuple(member.context._executions))


def test_what_a_session_works_at_ends_with_it(tmp_path):
    member, plan = forever(tmp_path)
    answers: dict[tuple[str, int], bytes] = {}

    def session(asker: Asker):
        return open_session(member, asker)

    def reply(name: str, number: int, data: bytes) -> None:
        answers[name, number] = data

    hosting = Hosting("ash", session, lambda: {"f"}, reply, FIRST, sessions=1)

    def send(name: str, number: int, kind: str, **told: object) -> None:
        message = Message(question(told), node_id_of("ash"), kind)
        message.metadata.__dict__["_message_id"] = str(number)
        hosting.ask(Ask("analyst", "f", name, number, to_bytes(message)))

    try:
        for name in ("evicted", "ended"):
            send(name, 1, FIRST, plan=plan.decode(), purpose="count")
            wait_until(lambda name=name: (name, 1) in answers)
            send(name, 2, "query.describe", numbers=[], categories=[], histograms={})
            wait_until(lambda: running(member))
        hosted = hosting._sessions["f", "ended"]
        assert hosted.works
        wait_until(lambda: ("evicted", 2) in answers)
        hosting.end("f", "ended")
        wait_until(lambda: not hosted.works)
    finally:
        hosting.close()
        member.context.close()

    reason = from_bytes(answers["evicted", 2]).error.reason
    assert "the requester has begun more than 1 sessions here" in reason
    assert ("ended", 2) not in answers


@pytest.fixture
def _a_package_that_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a connector for processes that are started, which prints when it is imported."""
    (tmp_path / "talkative.py").write_text(
        "from wayfed_files import CONNECTOR\nprint('welcome', flush=True)\n"
    )
    told = tmp_path / "talkative-1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.4\nName: talkative\nVersion: 1\n")
    (told / "entry_points.txt").write_text(
        f"[{PLATFORM_ENTRY_POINTS}]\ntalkative = talkative:CONNECTOR\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)


@pytest.mark.usefixtures("_a_package_that_prints")
def test_parties_that_end_while_they_start_are_named_at_once_with_how_and_without_values(capfd):
    made = Nursery(("ash", "birch"), "rpc")
    right = {"source": "tx.csv"}
    wrong = {"source": "postgresql://user:hidden@host/loans", "surce": "tx"}
    told = [""]

    def look() -> bool:
        try:
            made.check(0.1)
        except PartyError as error:
            told[0] = error.message
        if "birch" in made.pids and "party 'ash'" in told[0]:
            with suppress(ProcessLookupError):
                os.kill(made.pids["birch"], signal.SIGKILL)
        return "party 'birch'" in told[0]

    try:
        for name, table in (("ash", wrong), ("birch", right)):
            party = {"tables": {"tx": table}}
            schema = {"published": {"tx": {"x": "float64"}}, "optimize_for": "time"}
            made.tell(name, {"name": name, "party": party, **schema})
        wait_until(look, seconds=300)
    finally:
        made.close()

    assert "party 'ash': its process ended with status 1, and said last: " in told[0]
    assert "party 'birch': its process ended by SIGKILL" in told[0]
    assert "hidden" not in told[0]
    assert "welcome" in capfd.readouterr().err  # it is no news
