"""The grid over grpcio: what arrives, what is refused, and what happens when somebody goes."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import replace
from datetime import timedelta

import grpc
import numpy as np
import pytest
from flwr.app import Message, RecordDict

from tests.integration.rpc_parties import (
    FIRST,
    NAMES,
    QUICK,
    Echo,
    Federation,
    ask,
    echoed,
    federation,
)
from tests.waiting import wait_until
from wayfed.federated.grids.rpc import requester
from wayfed.federated.grids.rpc.channel import PARTY_METHOD, REQUESTER_METHOD, SERVICE, open_channel
from wayfed.federated.grids.rpc.desk import Batch
from wayfed.federated.grids.rpc.exchange import Limits
from wayfed.federated.grids.rpc.frames import PART_BYTES, VERSION, Frame, decode, framed
from wayfed.federated.grids.rpc.grid import RpcGrid
from wayfed.federated.grids.rpc.identity import Identity, make_identity
from wayfed.federated.grids.rpc.messages import from_bytes, to_bytes
from wayfed.federated.grids.rpc.outbound import Coordinator
from wayfed.federated.grids.rpc.requester import RemoteDesk
from wayfed.federated.wire import flower_process, question, record_of
from wayfed_optimizer.errors import PartyError

REASONS = dict.fromkeys(NAMES, "echo")


@pytest.fixture(autouse=True)
def _messages():
    with flower_process():
        yield


def as_party(fed: Federation, identity: Identity, *frames: Frame) -> grpc.StatusCode:
    """Connect by hand, send frames, and give the status with which the hub ends the call."""
    return _call(fed, identity, PARTY_METHOD, frames)


def as_requester(fed: Federation, identity: Identity, *frames: Frame) -> grpc.StatusCode:
    return _call(fed, identity, REQUESTER_METHOD, frames)


def _call(fed, identity, method, frames):
    with open_channel(fed.coordinator.address, fed.hub_identity.certificate, identity) as channel:
        call = channel.stream_stream(f"/{SERVICE}/{method}")(
            iter([frame if isinstance(frame, bytes) else frame.encode() for frame in frames]),
            timeout=120,
        )
        with pytest.raises(grpc.RpcError):
            list(call)
        return call.code()


def hello(**changed: object) -> Frame:
    return Frame("hello", {"version": VERSION, "boot": "b", "tables": [], "min_rows": 1, **changed})


@pytest.mark.parametrize("elsewhere", [False, True])
def test_answers_come_in_the_order_of_the_parties_names(elsewhere):
    with federation() as fed:
        fed.parties()
        grid = fed.grid()
        if elsewhere:
            desk = fed.desk()
            grid = RpcGrid(desk, desk.names())

        assert list(ask(grid)) == list(NAMES)
        assert ask(grid, "train") == REASONS


@pytest.mark.parametrize("elsewhere", [False, True])
def test_arrays_larger_than_a_frame_arrive_bit_for_bit(elsewhere):
    numbers = np.random.default_rng(0).normal(size=PART_BYTES // 8 * 3 + 7)
    with federation() as fed:
        fed.parties()
        desk = fed.desk() if elsewhere else fed.hub.desk("analyst", fed.analyst.fingerprint)
        grid = RpcGrid(desk, fed.hub.names)
        content = RecordDict({"arrays": record_of({"w": numbers})})

        for answer in echoed(grid, content):
            assert answer["arrays"]["w"].numpy().tobytes() == numbers.tobytes()


def test_a_party_that_fails_says_why_and_the_others_answer():
    with federation() as fed:
        fed.parties()

        assert set(ask(fed.grid(), do="fail").values()) == {"ValueError: no"}


def test_an_answer_that_cannot_be_written_is_said_to_be_so():
    with federation() as fed:
        fed.parties()
        grid = fed.grid()

        told = set(ask(grid, do="fail in no words").values())
        assert told == {"its answer cannot be written as a message"}
        assert set(ask(grid, do="fail").values()) == {"ValueError: no"}


def test_a_party_that_is_not_connected_is_named_at_once():
    with federation() as fed:
        fed.party("ash")
        wait_until(lambda: "ash" in fed.hub.present)

        assert ask(fed.grid(), timeout=None) == {
            "ash": "echo",
            "birch": "is not connected",
            "cedar": "is not connected",
        }


def test_a_party_that_goes_in_the_middle_of_its_work_is_named_before_the_deadline():
    with federation() as fed:
        links = fed.parties()
        grid = fed.grid()
        ask(grid)
        content = question({"do": "wait"})
        messages = [
            Message(content if name == "birch" else question({}), node, "train")
            for node, name in grid.parties.items()
        ]

        def stop() -> None:
            assert Echo.waiting.wait(120)
            links["birch"].stop()

        stopping = threading.Thread(target=stop)
        stopping.start()
        replies = grid.send_and_receive(messages, timeout=120)
        stopping.join()

        reasons = {grid.parties[r.metadata.src_node_id]: r for r in replies}
        assert not reasons["ash"].has_error()
        assert reasons["birch"].error.reason == (
            "its connection broke, and was not back within 0.3 s"
        )


def test_a_party_that_was_started_anew_has_lost_its_session_and_is_an_arrival():
    with federation() as fed:
        links = fed.parties()
        grid = fed.grid()
        assert list(grid.arrivals().values()) == list(NAMES)
        ask(grid)
        assert grid.arrivals() == {}
        links["birch"].stop()
        wait_until(lambda: "birch" not in fed.hub.present)
        fed.party("birch")
        wait_until(lambda: "birch" in fed.hub.present)

        assert ask(grid, "train") == {**REASONS, "birch": "holds no plan of this session"}
        wait_until(lambda: "birch" in grid._mailbox.present)
        assert list(grid.arrivals().values()) == ["birch"]
        assert grid.arrivals() == {}


def test_a_party_that_joins_late_is_an_arrival_and_is_asked_like_the_others():
    with federation() as fed:
        known = {name: fed.identities[name] for name in ("ash", "birch")}
        fed.roster.roster = fed.listed(known)
        wait_until(lambda: fed.hub.names == ("ash", "birch"))
        for name in known:
            fed.party(name)
        wait_until(lambda: len(fed.hub.present) == 2)
        grid = fed.grid()
        ask(grid)
        fed.roster.roster = fed.listed(fed.identities)
        wait_until(lambda: fed.hub.names == NAMES)
        fed.party("cedar")
        wait_until(lambda: "cedar" in grid._mailbox.present)

        assert list(grid.arrivals().values()) == ["cedar"]
        assert ask(grid) == REASONS


def test_parties_keep_their_sessions_while_the_hub_is_replaced():
    with federation() as fed:
        fed.parties()
        desk = fed.desk()
        grid = RpcGrid(desk, desk.names())
        ask(grid)
        fed.restart_hub()
        wait_until(lambda: set(fed.hub.present) == set(NAMES))
        wait_until(lambda: set(desk.present) == set(NAMES))

        assert ask(grid, "train") == REASONS


def test_what_a_requester_asked_before_the_hub_was_replaced_is_answered_after(monkeypatch):
    monkeypatch.setattr(requester, "_AWAY_SECONDS", 600)
    with federation(limits=Limits(settle_seconds=120, linger_seconds=120)) as fed:
        fed.parties()
        desk = fed.desk()
        grid = RpcGrid(desk, desk.names())
        ask(grid)

        def replace() -> None:
            assert Echo.waiting.wait(120)
            fed.restart_hub()
            wait_until(lambda: set(fed.hub.present) == set(NAMES))
            Echo.release.set()

        replacing = threading.Thread(target=replace)
        replacing.start()

        assert ask(grid, "train", do="wait") == REASONS
        replacing.join()


def test_a_party_that_is_busy_says_so_and_stays():
    with federation() as fed:
        fed.parties()
        grid = fed.grid()
        ask(grid)

        assert ask(grid, "train", timeout=0.2, do="wait") == {}
        wait_until(lambda: len(Echo.waiters) == len(NAMES))  # else what follows takes its place
        assert set(ask(grid, "train").values()) == {"is still busy with an earlier message"}
        Echo.release.set()
        wait_until(lambda: ask(grid, "train") == REASONS)


def test_a_requester_whom_a_party_does_not_serve_is_refused_by_the_party(caplog):
    with federation() as fed:
        fed.parties()
        fed.served.clear()

        answers = ask(fed.grid())

    assert set(answers.values()) == {
        f"the party does not serve the requester {fed.analyst.fingerprint}"
    }
    assert "refused a message of requester 'analyst'" in caplog.text


def test_an_unlisted_requester_is_told_by_the_coordinator(caplog):
    stranger = make_identity("stranger")
    with federation() as fed:
        fed.roster.roster = fed.listed(fed.identities, stranger)
        wait_until(lambda: fed.hub._exchange.roster is fed.roster.roster)
        with pytest.raises(PartyError, match="is not listed as a requester's"):
            fed.desk(stranger)

    assert f"{stranger.fingerprint} is not listed as a requester's" in caplog.text


def test_a_requester_that_is_not_listed_any_more_is_told_so_when_it_looks_who_is_there():
    with federation() as fed:
        desk = fed.desk()
        desk.require_place()
        fed.roster.roster = replace(fed.roster.roster, requesters={})
        wait_until(lambda: desk._outbound.refused)

        with pytest.raises(PartyError, match="is not listed"):
            desk.require_place()


def test_a_party_cannot_ask_and_a_requester_cannot_answer(caplog):
    with federation() as fed:
        knock = Frame("knock", {"version": VERSION, "boot": "b"})
        denied = grpc.StatusCode.PERMISSION_DENIED

        assert as_requester(fed, fed.identities["ash"], knock) is denied
        assert as_party(fed, fed.analyst, hello()) is denied


@pytest.mark.parametrize("kind", ["unlisted", "expired", "another's key"])
def test_a_certificate_that_is_not_right_does_not_get_through_and_the_others_go_on(kind):
    with federation() as fed:
        fed.parties()
        grid = fed.grid()
        if kind == "unlisted":
            identity = make_identity("ash")
        elif kind == "expired":
            identity = make_identity("dahlia", valid=timedelta(minutes=-1))
            fed.roster.roster = fed.listed({**fed.identities, "dahlia": identity})
        else:
            identity = Identity(fed.identities["ash"].certificate, make_identity("x").key)

        try:
            code = as_party(fed, identity, hello())
        except ValueError:  # grpcio itself refuses a key of another certificate
            code = grpc.StatusCode.UNAVAILABLE

        assert code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.PERMISSION_DENIED)
        assert ask(grid) == REASONS


def test_a_revoked_party_is_cut_off_and_cannot_come_back(caplog):
    with federation() as fed:
        fed.parties()
        grid = fed.grid()
        left = {name: each for name, each in fed.identities.items() if name != "birch"}
        fed.roster.roster = fed.listed(left, fed.identities["birch"])
        wait_until(lambda: "birch" not in fed.hub.present)

        assert ask(grid) == {**REASONS, "birch": "is not connected"}
        wait_until(lambda: "is not listed as a party's" in caplog.text)
    assert "party 'birch' is not listed any more" in caplog.text


def test_a_party_changes_its_certificate_while_both_are_listed():
    with federation() as fed:
        links = fed.parties()
        fresh = make_identity("birch")
        both = fed.listed(fed.identities, fresh)
        from wayfed.federated.grids.rpc.roster import Roster

        fed.roster.roster = Roster(
            {**both.parties, fresh.fingerprint: "birch"}, both.requesters, both.certificates
        )
        wait_until(lambda: fed.hub._exchange.roster is fed.roster.roster)
        links["birch"].stop()
        wait_until(lambda: "birch" not in fed.hub.present)
        fed.party("birch", fresh)
        wait_until(lambda: "birch" in fed.hub.present)

        assert ask(fed.grid()) == REASONS


def test_a_coordinator_that_shows_another_certificate_is_told_nothing(caplog):
    with federation() as fed:
        other = Coordinator(fed.coordinator.address, make_identity("x").fingerprint)
        with pytest.raises(PartyError, match="shows the certificate sha256:"):
            RemoteDesk(other, fed.analyst)
    assert "nothing was sent" in caplog.text


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ((b"",), grpc.StatusCode.INVALID_ARGUMENT),
        ((b"\xff" * 40,), grpc.StatusCode.INVALID_ARGUMENT),
        ((hello(version=99),), grpc.StatusCode.FAILED_PRECONDITION),
        ((hello(boot=7),), grpc.StatusCode.INVALID_ARGUMENT),
        ((hello(), Frame("hello", {})), grpc.StatusCode.INVALID_ARGUMENT),
        (
            (hello(), Frame("end", {"session": "s", "fingerprint": "f"})),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        ((b"\0" * (17 << 20),), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_bytes_that_are_no_frames_end_their_connection_and_no_other(frames, code, caplog):
    with federation() as fed:
        fed.party("ash")
        fed.party("cedar")
        wait_until(lambda: len(fed.hub.present) == 2)

        assert as_party(fed, fed.identities["birch"], *frames) is code
        wait_until(lambda: "birch" not in fed.hub.present)
        answers = ask(fed.grid())
        assert (answers["ash"], answers["cedar"]) == ("echo", "echo")
        assert "connect" in answers["birch"]


def test_an_answer_to_what_a_party_was_not_asked_is_refused(caplog):
    with federation() as fed:
        for name in ("ash", "cedar"):
            fed.party(name)
        wait_until(lambda: len(fed.hub.present) == 2)
        grid = fed.grid()
        ask(grid)
        node = next(node for node, name in grid.parties.items() if name == "ash")
        message = Message(question({}), node, FIRST)
        header = {"session": grid._session, "number": 4}
        stolen = [
            f for f in framed("answer", header, to_bytes(Message(question({}), reply_to=message)))
        ]
        with open_channel(
            fed.coordinator.address, fed.hub_identity.certificate, fed.identities["birch"]
        ) as channel:
            going = iter([hello(boot="birch").encode(), *[f.encode() for f in stolen * 2]])
            call = channel.stream_stream(f"/{SERVICE}/{PARTY_METHOD}")(going)
            wait_until(lambda: caplog.text.count("refused an answer of party 'birch'") == 2)
            call.cancel()

        assert ask(grid)["ash"] == "echo"


def test_an_answer_that_was_altered_is_refused_and_its_party_named(caplog):
    with federation() as fed:
        for name in ("ash", "cedar"):
            fed.party(name)
        wait_until(lambda: len(fed.hub.present) == 2)
        grid = fed.grid()

        def answers(call_frames):
            """Answer what is asked with the answer to another message."""

        import queue

        outgoing: queue.SimpleQueue = queue.SimpleQueue()
        outgoing.put(hello(boot="birch").encode())
        with open_channel(
            fed.coordinator.address, fed.hub_identity.certificate, fed.identities["birch"]
        ) as channel:
            call = channel.stream_stream(f"/{SERVICE}/{PARTY_METHOD}")(iter(outgoing.get, None))
            wait_until(lambda: "birch" in fed.hub.present)

            def answer() -> None:
                next(call)  # the welcome
                asked = decode(next(call))
                wrong = Message(question({}), next(iter(grid.parties)), "train")
                wrong.metadata.__dict__["_message_id"] = "77"
                reply = to_bytes(Message(question({}), reply_to=wrong))
                header = {"session": asked.header["session"], "number": asked.header["number"]}
                for frame in framed("answer", header, reply):
                    outgoing.put(frame.encode())

            threading.Thread(target=answer, daemon=True).start()

            assert ask(grid) == {**REASONS, "birch": "answered another message than it was asked"}
            outgoing.put(None)
            call.cancel()


def test_a_message_that_is_replayed_to_a_party_is_refused_or_answered_as_before(caplog):
    from wayfed.federated.grids.base import node_id_of
    from wayfed.federated.grids.rpc.hosting import Ask, Hosting

    answers: list[tuple[str, int, bytes]] = []
    hosting = Hosting("ash", Echo, lambda: {"f"}, lambda *each: answers.append(each), FIRST)

    def send(number: int, *, node: int = node_id_of("ash")) -> None:
        message = Message(question({}), node, FIRST)
        message.metadata.__dict__["_message_id"] = str(number)
        hosting.ask(Ask("analyst", "f", "s", number, to_bytes(message)))

    send(1)
    wait_until(lambda: len(answers) == 1)
    send(2)
    wait_until(lambda: len(answers) == 2)
    send(2)
    wait_until(lambda: len(answers) == 3)
    send(1)
    send(3, node=node_id_of("birch"))
    hosting.close()

    assert answers[1] == answers[2]
    assert len(answers) == 4
    assert "older than the latest" in caplog.text
    assert "the message is for another party" in caplog.text


def test_the_session_that_was_used_least_lately_ends_where_there_are_too_many():
    from wayfed.federated.grids.rpc.hosting import SESSIONS

    with federation() as fed:
        fed.parties()
        grids = [fed.grid() for _ in range(SESSIONS + 1)]
        for grid in grids[:-1]:
            ask(grid)
        assert ask(grids[0], "train") == REASONS
        ask(grids[-1])

        assert ask(grids[0], "train") == REASONS
        assert set(ask(grids[1], "train").values()) == {"holds no plan of this session"}
        assert list(grids[1].arrivals().values()) == list(NAMES)


def test_the_sessions_of_a_requester_that_went_end_at_the_parties():
    with federation(limits=replace(QUICK, linger_seconds=0.5)) as fed:
        links = fed.parties()
        desk = fed.desk()
        ask(RpcGrid(desk, desk.names()))
        assert all(link._hosting._sessions for link in links.values())
        desk.close()

        wait_until(lambda: not any(link._hosting._sessions for link in links.values()))


def test_a_session_belongs_to_who_began_it(caplog):
    other = make_identity("other")
    with federation() as fed:
        fed.parties()
        grid = fed.grid()
        ask(grid)
        thief = fed.hub.desk("other", other.fingerprint)
        fed.served.add(other.fingerprint)
        stolen = RpcGrid(thief, fed.hub.names)
        stolen._session, real = grid._session, stolen._session
        stolen._mailbox = thief.open(grid._session)

        assert set(ask(stolen, "train").values()) == {"this session is another requester's"}
        stolen._session = real
        assert ask(grid, "train") == REASONS
    assert "this session is another requester's" in caplog.text


def test_a_flood_of_connections_leaves_the_others_alone():
    stranger = make_identity("stranger")
    with federation() as fed:
        fed.parties()
        grid = fed.grid()
        ask(grid)
        channels = [
            open_channel(fed.coordinator.address, fed.hub_identity.certificate, identity)
            for identity in (stranger, fed.identities["ash"])
            for _ in range(30)
        ]
        calls = [
            channel.stream_stream(f"/{SERVICE}/{REQUESTER_METHOD}")(iter([b"x"]), timeout=5)
            for channel in channels
        ]

        assert ask(grid, "train") == REASONS
        for call in calls:
            with pytest.raises(grpc.RpcError):
                list(call)
        for channel in channels:
            channel.close()
        assert ask(grid, "train") == REASONS


def test_who_says_nothing_is_let_go(caplog):
    import queue

    with federation(limits=replace(QUICK, hello_seconds=0.5)) as fed:
        silent: queue.SimpleQueue = queue.SimpleQueue()
        with open_channel(
            fed.coordinator.address, fed.hub_identity.certificate, fed.identities["ash"]
        ) as channel:
            call = channel.stream_stream(f"/{SERVICE}/{PARTY_METHOD}")(iter(silent.get, None))
            with pytest.raises(grpc.RpcError):
                list(call)
            assert call.code() is grpc.StatusCode.INVALID_ARGUMENT
            silent.put(None)


def test_a_party_that_cannot_read_a_message_says_so_at_once():
    with federation() as fed:
        fed.parties()
        desk = fed.hub.desk("analyst", fed.analyst.fingerprint)
        mailbox = desk.open("s")
        mailbox.expected.update((1, 2, 3))
        heads = {name: (number, b"\xff" * 40) for number, name in enumerate(NAMES, 1)}
        desk.post(Batch("s", heads, b""))
        wait_until(lambda: len(mailbox.answers) == 3)

        for number, answer in mailbox.answers.items():
            read = from_bytes(answer)
            assert read.metadata.reply_to_message_id == str(number)
            assert read.error.reason.startswith("cannot read bytes that are no message")


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("party", r"cannot read a message of [\d,]+ bytes, beyond 65,536"),
        ("hub", r"answered [\d,]+ bytes, beyond 65,536"),
        ("hub, elsewhere", r"a message of [\d,]+ bytes, beyond 65,536"),
        ("requester", r"answered a message of [\d,]+ bytes, beyond 65,536"),
    ],
)
def test_a_message_beyond_a_limit_is_answered_for_and_all_stay(limit, reason):
    least, most = 1 << 16, 1 << 30
    limits = replace(QUICK, message_bytes=least if limit.startswith("hub") else most)
    with federation(limits=limits, message_bytes=least if limit == "party" else most) as fed:
        fed.parties()
        grid = fed.grid()
        if "elsewhere" in limit or limit == "requester":
            size = least if limit == "requester" else most
            desk = RemoteDesk(fed.coordinator, fed.analyst, message_bytes=size)
            fed.stack.callback(desk.close)
            grid = RpcGrid(desk, desk.names())
        assert ask(grid) == REASONS
        numbers = np.zeros(PART_BYTES // 8 + 7)  # in two parts
        large = RecordDict({"arrays": record_of({"w": numbers})})
        messages = [Message(large, node, "train") for node in grid.parties]

        replies = grid.send_and_receive(messages, timeout=120)

        assert len(replies) == len(NAMES)
        assert all(re.fullmatch(reason, reply.error.reason) for reply in replies)
        assert ask(grid, "train") == REASONS


@pytest.fixture(autouse=True)
def _log(caplog):
    caplog.set_level(logging.INFO, logger="wayfed.federated")
