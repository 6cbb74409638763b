"""Who may ask a guarded SuperLink what, and who waits."""

from __future__ import annotations

import asyncio

import pytest

from wayfed.federated.grids.superlink.guard import Guard


class SuperLink:
    """An application that answers with its path, and parties with what was brought for them."""

    def __init__(self):
        self.waiting = []
        self.asked = []

    async def __call__(self, scope, receive, send):
        body = (await receive())["body"]
        path = scope["path"]
        self.asked.append(path)
        if path.endswith("push-messages"):
            self.waiting.append(body)
        answer = path.encode()
        if path == "/v1/fleet/pull-messages":
            answer = self.waiting.pop() if self.waiting else b""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer})


async def ask(guard, path, *, host="127.0.0.1", body=b""):
    """Give the status and body with which a request is answered."""
    events = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event):
        events.append(event)

    await guard({"type": "http", "path": path, "client": (host, 4242)}, receive, send)
    return events[0]["status"], b"".join(event.get("body", b"") for event in events)


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
        guard = Guard(SuperLink())
        waiting = asyncio.create_task(ask(guard, "/v1/fleet/pull-messages"))
        await asyncio.sleep(0)
        await ask(guard, "/v1/runtime/push-messages", body=b"a message")
        # Whoever brought it asks for answers when all of it is there.
        answers = asyncio.create_task(ask(guard, "/v1/runtime/pull-messages"))
        answered = await waiting
        answers.cancel()
        return answered

    assert asyncio.run(play()) == (200, b"a message")


def test_a_request_for_messages_that_is_too_large_is_refused():
    superlink = SuperLink()
    huge = ask(Guard(superlink), "/v1/fleet/pull-messages", body=bytes(2 << 20))
    assert asyncio.run(huge)[0] == 403
    assert superlink.asked == []
