"""Who may ask a guarded SuperLink what, and who waits."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from flwr.proto.fleet_pb2 import PullMessagesRequest
from flwr.proto.message_pb2 import Message, Metadata, ObjectTree, PushObjectRequest
from flwr.proto.node_pb2 import Node
from flwr.proto.runtime_pb2 import PushAppMessagesRequest, PushAppMessagesResponse

from wayfed.federated.grids.superlink import guard as guard_module
from wayfed.federated.grids.superlink.guard import Guard as AnyGuard

REQUESTERS, ASH, BIRCH = 1, 7, 8
FLEET, RUNTIME = "/v1/fleet/", "/v1/runtime/"


class Roll:
    """Who left, and who came back."""

    def __init__(self):
        self.written = []

    def left(self, node):
        self.written.append(("left", node))

    def returned(self, node):
        self.written.append(("returned", node))


class SuperLink:
    """An application that answers with its path, and parties with what was brought for them."""

    def __init__(self):
        self.waiting = {}
        self.asked = []
        self.lacking = []

    async def __call__(self, scope, receive, send):
        body = (await receive())["body"]
        path = scope["path"]
        self.asked.append(path)
        answer = path.encode()
        if path == RUNTIME + "push-messages":
            for message in PushAppMessagesRequest.FromString(body).messages_list:
                self.waiting[message.metadata.dst_node_id] = b"a message"
            answer = PushAppMessagesResponse(objects_to_push=self.lacking).SerializeToString()
        if path == FLEET + "pull-messages":
            node = PullMessagesRequest.FromString(body).node.node_id
            answer = self.waiting.pop(node, b"")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer})


Guard = partial(AnyGuard, roll=Roll(), requesters=REQUESTERS)


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Let nothing happen because a slow machine took its time."""
    monkeypatch.setattr(guard_module, "_WAIT_SECONDS", 600.0)
    monkeypatch.setattr(guard_module, "_AWAY_SECONDS", 600.0)


async def ask(guard, path, *, host="127.0.0.1", body=b"", breaks=None):
    """Give the status and body with which a request is answered; nothing where it breaks off."""
    events = []
    received = []

    async def receive():
        if received:
            await (breaks or asyncio.Event()).wait()
            return {"type": "http.disconnect"}
        received.append(path)
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event):
        events.append(event)

    await guard({"type": "http", "path": path, "client": (host, 4242)}, receive, send)
    if not events:
        return None
    return events[0]["status"], b"".join(event.get("body", b"") for event in events)


def pull(guard, node, **options):
    body = PullMessagesRequest(node=Node(node_id=node)).SerializeToString()
    return asyncio.create_task(ask(guard, FLEET + "pull-messages", body=body, **options))


async def push(guard, node, *objects):
    """Bring the head of a message that has these objects."""
    tree = ObjectTree(object_id="head", children=[ObjectTree(object_id=each) for each in objects])
    message = Message(metadata=Metadata(dst_node_id=node))
    request = PushAppMessagesRequest(messages_list=[message], message_object_trees=[tree])
    await ask(guard, RUNTIME + "push-messages", body=request.SerializeToString())


async def bring(guard, name):
    body = PushObjectRequest(object_id=name).SerializeToString()
    await ask(guard, RUNTIME + "push-object", body=body)


async def pulls(superlink, count):
    """Wait until the SuperLink was asked for messages so often."""
    while superlink.asked.count(FLEET + "pull-messages") < count:
        await asyncio.sleep(0)


@pytest.mark.parametrize("path", ["/v1/control/list-nodes", "/v1/runtime/push-messages", "/docs"])
def test_only_this_machine_reaches_what_is_not_for_parties(path):
    superlink = SuperLink()
    assert asyncio.run(ask(Guard(superlink), path, host="192.0.2.7"))[0] == 403
    assert superlink.asked == []
    assert asyncio.run(ask(Guard(superlink), path))[0] == 200


def test_parties_elsewhere_reach_what_is_for_them():
    answered = asyncio.run(ask(Guard(SuperLink()), "/v1/fleet/activate-node", host="192.0.2.7"))
    assert answered == (200, b"/v1/fleet/activate-node")


@pytest.mark.parametrize("path", ["/v1/fleet/../control/stop-run", "/v1/fleet", "//v1/fleet/x", ""])
def test_no_other_spelling_of_a_path_passes(path):
    superlink = SuperLink()
    status, _ = asyncio.run(ask(Guard(superlink), path, host="192.0.2.7"))
    assert (status, superlink.asked) == (403, [])


def test_who_asks_for_messages_gets_one_that_is_brought_while_it_waits():
    async def play():
        superlink = SuperLink()
        guard = Guard(superlink)
        waiting = pull(guard, ASH)
        await pulls(superlink, 1)
        await push(guard, ASH)
        return await waiting

    assert asyncio.run(play()) == (200, b"a message")


def test_who_waits_is_woken_by_the_last_part_of_its_message_and_of_no_other():
    async def play():
        superlink = SuperLink()
        superlink.lacking = ["records", "data"]
        guard = Guard(superlink)
        ash, birch = pull(guard, ASH), pull(guard, BIRCH)
        await pulls(superlink, 2)
        await push(guard, ASH, "records", "data")
        await bring(guard, "records")
        await bring(guard, "data")
        answered = await ash
        asked = superlink.asked.count(FLEET + "pull-messages")
        birch.cancel()
        return answered, asked

    assert asyncio.run(play()) == ((200, b"a message"), 3)


def test_a_party_whose_request_breaks_off_is_away_until_it_asks_again(monkeypatch):
    monkeypatch.setattr(guard_module, "_AWAY_SECONDS", 0.0)

    async def play():
        superlink, roll, breaks = SuperLink(), Roll(), asyncio.Event()
        guard = AnyGuard(superlink, roll, REQUESTERS)
        first = pull(guard, ASH, breaks=breaks)
        await pulls(superlink, 1)
        breaks.set()
        answered = await first
        while not roll.written:
            await asyncio.sleep(0)
        again = pull(guard, ASH)
        while len(roll.written) < 2:
            await asyncio.sleep(0)
        again.cancel()
        return answered, roll.written

    assert asyncio.run(play()) == (None, [("left", ASH), ("returned", ASH)])


def test_a_party_that_asks_again_soon_was_never_away():
    async def play():
        superlink, roll, breaks = SuperLink(), Roll(), asyncio.Event()
        guard = AnyGuard(superlink, roll, REQUESTERS)
        first = pull(guard, ASH, breaks=breaks)
        await pulls(superlink, 1)
        breaks.set()
        await first
        again = pull(guard, ASH)
        await pulls(superlink, 2)
        await push(guard, ASH)
        answered = await again
        return answered, roll.written, guard._breaking

    assert asyncio.run(play()) == ((200, b"a message"), [], {})


def test_a_request_for_messages_that_is_too_large_is_refused():
    superlink = SuperLink()
    huge = ask(Guard(superlink), "/v1/fleet/pull-messages", body=bytes(2 << 20))
    assert asyncio.run(huge)[0] == 403
    assert superlink.asked == []
