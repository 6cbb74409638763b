"""The guard before a SuperLink's application: who may ask what, and who waits for messages."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from wayfed.federated.grids.superlink.news import News
from wayfed.federated.grids.superlink.requests import PULLS, PUSHES, receiver_of, take_note

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

Scope: TypeAlias = "MutableMapping[str, Any]"
Event: TypeAlias = "MutableMapping[str, Any]"
Receive: TypeAlias = "Callable[[], Awaitable[Event]]"
Send: TypeAlias = "Callable[[Event], Awaitable[None]]"
Application: TypeAlias = "Callable[[Scope, Receive, Send], Awaitable[None]]"

_FOR_PARTIES: Final = re.compile(r"/v1/fleet/[a-z-]+")
_HERE: Final = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
_OK: Final = 200
_WAIT_SECONDS: Final = 2.0
_AWAY_SECONDS: Final = 2.0
"""How long a party whose connection broke has to ask again."""
_LARGEST_PULL: Final = 1 << 20


class Roll(Protocol):
    """Where it is written which nodes are there."""

    def left(self, node: int) -> None:
        """Strike a node off."""
        ...

    def returned(self, node: int) -> None:
        """Write a node down that was struck off."""
        ...


class Guard:
    """Lets other machines reach nothing but what parties need.

    A request for messages that finds none is answered when there is one, or after two seconds.
    A party whose request breaks off meanwhile, and that does not ask again within two seconds, is
    away: its connection ends when its process does, long before its heartbeats are missed.

    Parameters
    ----------
    app
        What is guarded.
    roll
        Is told of parties that are away, and of those who are back.
    requesters
        The number by which those who ask parties are known here.
    """

    def __init__(self, app: Application, roll: Roll, requesters: int) -> None:
        self._app = app
        self._roll = roll
        self._requesters = requesters
        self._news = News()
        self._breaking: dict[int, asyncio.TimerHandle] = {}
        self._away: set[int] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, answer it later, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        path = scope.get("path", "")
        host = (scope.get("client") or ("",))[0]
        if scope["type"] != "http" or not (_FOR_PARTIES.fullmatch(path) or host in _HERE):
            await _refuse(scope, send)
        elif path in PULLS:
            await self._pull(path, scope, receive, send)
        elif path in PUSHES:
            await self._push(path, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _push(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on something that is brought, and wake whom it is for."""
        request, events = bytearray(), []

        async def receive_and_keep() -> Event:
            event = await receive()
            request.extend(event.get("body", b""))
            return event

        async def keep(event: Event) -> None:
            events.append(event)

        await self._app(scope, receive_and_keep, keep)
        # Noted before it is answered: what is brought next may be a part of this.
        if _status(events) == _OK:
            take_note(self._news, path, bytes(request), _content(events))
        for event in events:
            await send(event)

    async def _pull(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        receiver = None if body is None else receiver_of(path, body, self._requesters)
        if body is None or receiver is None:
            await _refuse(scope, send)
            return
        loop = asyncio.get_running_loop()
        end = loop.time() + _WAIT_SECONDS
        broken: asyncio.Task[Event] | None = None
        try:
            while True:
                told = self._news.told(receiver)
                events = await self._ask(scope, body)
                left = end - loop.time()
                if _status(events) == _OK:
                    self._is_there(receiver)
                if _status(events) != _OK or _content(events) or left <= 0:
                    for event in events:
                        await send(event)
                    return
                if broken is None:
                    broken = asyncio.ensure_future(_disconnect(receive))
                news = asyncio.ensure_future(self._news.awaited(receiver, told).wait())
                await asyncio.wait({news, broken}, timeout=left, return_when="FIRST_COMPLETED")
                news.cancel()
                if broken.done():
                    self._broke_off(receiver)
                    return
        finally:
            if broken is not None:
                broken.cancel()

    async def _ask(self, scope: Scope, body: bytes) -> list[Event]:
        """Give what the application answers."""
        events: list[Event] = []

        async def keep(event: Event) -> None:
            events.append(event)

        await self._app(dict(scope), _replayed(body), keep)
        return events

    def _is_there(self, node: int) -> None:
        breaking = self._breaking.pop(node, None)
        if breaking is not None:
            breaking.cancel()
        if node in self._away:
            self._away.discard(node)
            self._roll.returned(node)

    def _broke_off(self, node: int) -> None:
        """Count a party as away, unless it asks again soon; its signature was looked at before."""
        if node == self._requesters:
            return
        before = self._breaking.pop(node, None)
        if before is not None:
            before.cancel()
        loop = asyncio.get_running_loop()
        self._breaking[node] = loop.call_later(_AWAY_SECONDS, self._is_away, node)

    def _is_away(self, node: int) -> None:
        self._breaking.pop(node, None)
        self._away.add(node)
        self._roll.left(node)
        self._news.tell(self._requesters)  # what it was asked will not be answered


def _status(events: list[Event]) -> int:
    return int(events[0].get("status", 0)) if events else 0


def _content(events: list[Event]) -> bytes:
    return b"".join(event.get("body", b"") for event in events)


def _replayed(body: bytes) -> Receive:
    told = False

    async def receive() -> Event:
        nonlocal told
        if told:  # whoever asks whether its client has left, learns nothing until it is answered
            await asyncio.get_running_loop().create_future()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _disconnect(receive: Receive) -> Event:
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return event


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
