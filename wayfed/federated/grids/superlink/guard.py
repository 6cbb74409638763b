"""The guard before a SuperLink's application: who may ask what, and who waits for messages."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

Scope: TypeAlias = "MutableMapping[str, Any]"
Event: TypeAlias = "MutableMapping[str, Any]"
Receive: TypeAlias = "Callable[[], Awaitable[Event]]"
Send: TypeAlias = "Callable[[Event], Awaitable[None]]"
Application: TypeAlias = "Callable[[Scope, Receive, Send], Awaitable[None]]"

_FOR_PARTIES: Final = re.compile(r"/v1/fleet/[a-z-]+")
_HERE: Final = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
_PULLS: Final = {
    "/v1/fleet/pull-messages": "/v1/runtime/pull-messages",
    "/v1/runtime/pull-messages": "/v1/fleet/pull-messages",
}
_PUSHES: Final = {
    "/v1/fleet/push-messages": "/v1/runtime/pull-messages",
    "/v1/runtime/push-messages": "/v1/fleet/pull-messages",
}
_WAIT_SECONDS: Final = 2.0
_LARGEST_PULL: Final = 1 << 20


class Guard:
    """Lets other machines reach nothing but what parties need.

    A request for messages that finds none is answered when the other side has brought some, or
    after two seconds. Whoever asks for messages has nothing more to bring: so the other side is
    told then, and not before the last part of a message is there.

    Parameters
    ----------
    app
        What is guarded.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._brought: dict[str, bool] = dict.fromkeys(_PULLS, False)
        self._news: dict[str, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, answer it later, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        path = scope.get("path", "")
        host = (scope.get("client") or ("",))[0]
        if scope["type"] != "http" or not (_FOR_PARTIES.fullmatch(path) or host in _HERE):
            await _refuse(scope, send)
            return
        if path in _PULLS:
            await self._pull(path, scope, receive, send)
            return
        await self._app(scope, receive, send)
        if path in _PUSHES:
            self._brought[_PUSHES[path]] = True

    async def _pull(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            await _refuse(scope, send)
            return
        other = _PULLS[path]
        if self._brought[other]:
            self._brought[other] = False
            self._news.pop(other, asyncio.Event()).set()
        news = self._news.setdefault(path, asyncio.Event())
        if await self._ask(scope, body, send, may_be_empty=False):
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), _WAIT_SECONDS)
        await self._ask(scope, body, send, may_be_empty=True)

    async def _ask(self, scope: Scope, body: bytes, send: Send, *, may_be_empty: bool) -> bool:
        """Ask the application; say whether it was answered."""
        events: list[Event] = []

        async def keep(event: Event) -> None:
            events.append(event)

        await self._app(dict(scope), _replayed(body), keep)
        content = b"".join(event.get("body", b"") for event in events)
        if not may_be_empty and not content and events and events[0].get("status") == 200:
            return False
        for event in events:
            await send(event)
        return True


def _replayed(body: bytes) -> Receive:
    told = False

    async def receive() -> Event:
        nonlocal told
        if told:  # whoever asks whether its client has left, learns nothing until it is answered
            await asyncio.get_running_loop().create_future()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _body(receive: Receive) -> bytes | None:
    """Read a request; None where it is too large, or its sender gone."""
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        body += event.get("body", b"")
        if len(body) > _LARGEST_PULL:
            return None
        if not event.get("more_body"):
            return bytes(body)


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": b"for this machine only"})
