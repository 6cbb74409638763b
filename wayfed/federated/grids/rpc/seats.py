"""Where what a requester is told goes: to mailboxes in this process, or over its connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wayfed.federated.grids.rpc.exchange import LOG
from wayfed.federated.grids.rpc.frames import CONNECTED_ANEW, PART_BYTES, Assembler, Frame, bundled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grpc import aio

    from wayfed.federated.grids.rpc.desk import Mailbox, Presence

_AHEAD_BYTES: Final = 8 * PART_BYTES
"""Bytes of answers that wait for a requester to read them; then their party waits."""

_TOGETHER: Final = 1000
"""The most frames that are sent as one."""


class LocalSeat:
    """A requester in the hub's process.

    Parameters
    ----------
    name, fingerprint
        Who it is.
    limit
        The most bytes of an answer.
    """

    def __init__(self, name: str, fingerprint: str, limit: int) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self._mailboxes: dict[str, Mailbox] = {}
        self._listed: tuple[str, ...] = ()
        self._present: Mapping[str, Presence] = {}
        self._limit = limit
        self._assemblers: dict[str, Assembler] = {}

    def open(self, session: str, mailbox: Mailbox) -> None:
        """Begin a session."""
        self._mailboxes[session] = mailbox
        self._assemblers[session] = Assembler(self._limit)
        mailbox.see(self._present)

    def end(self, session: str) -> None:
        """End a session."""
        self._mailboxes.pop(session, None)
        self._assemblers.pop(session, None)

    async def take(self, frame: Frame) -> None:
        """Put an answer that is whole into its session's mailbox."""
        session = frame.header["session"]
        if session not in self._mailboxes:
            return
        whole = self._assemblers[session].take(frame)
        if whole is not None:
            self._mailboxes[session].deliver(frame.header["number"], whole[1])

    def undelivered(self, session: str, number: int, reason: str) -> None:
        """Put in the reason why there is no answer."""
        if session in self._mailboxes:
            self._assemblers[session].drop((session, number))
            self._mailboxes[session].deliver(number, reason)

    def see(self, listed: tuple[str, ...], present: Mapping[str, Presence]) -> None:
        """Tell all sessions who is connected."""
        self._present = present
        for mailbox in self._mailboxes.values():
            mailbox.see(present)


@dataclass(slots=True, eq=False)
class Outlet:
    """One connection of a requester.

    Parameters
    ----------
    call
        What serves it.
    first
        Whether it is the requester's first.
    """

    call: asyncio.Task[None]
    first: bool
    closed: bool = False
    ended: str = ""
    _frames: asyncio.Queue[Frame] = field(default_factory=asyncio.Queue)
    _waiting: int = 0
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, reason: str) -> None:
        """End the connection, and tell who is at its other end why."""
        self.ended = reason
        self.call.cancel()

    def tell(self, frame: Frame) -> None:
        """Send a frame that is small."""
        self._waiting += len(frame.payload)
        self._frames.put_nowait(frame)

    async def put(self, frame: Frame, patience: float) -> None:
        """Send a frame of an answer when there is room for it."""
        while self._waiting > _AHEAD_BYTES and not self.closed:
            self._room.clear()
            try:
                await asyncio.wait_for(self._room.wait(), patience)
            except TimeoutError:
                LOG.warning("a requester reads nothing for %g s: its connection ends", patience)
                self.end(f"nothing was read for {patience:g} s")
                return
        if not self.closed:
            self.tell(frame)

    async def write(self, call: aio.ServicerContext[bytes, bytes]) -> None:
        """Write what is put in; what is small goes together."""
        while True:
            frames = [await self._frames.get()]
            size = len(frames[0].payload)
            while size < PART_BYTES and len(frames) < _TOGETHER and not self._frames.empty():
                frames.append(self._frames.get_nowait())
                size += len(frames[-1].payload)
            await call.write(bundled(frames).encode())
            self._waiting -= size
            self._room.set()

    def close(self) -> None:
        """Let go of who waits."""
        self.closed = True
        self._room.set()


class RemoteSeat:
    """A requester elsewhere, which may lose its connection and come back.

    Parameters
    ----------
    name, fingerprint
        Who it is, by its certificate.
    boot
        Names the life of its process; who comes back with the same has lost nothing.
    patience
        How many seconds it may take to read a part of an answer.
    """

    def __init__(self, name: str, fingerprint: str, boot: str, patience: float) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.boot = boot
        self._patience = patience
        self._outlet: Outlet | None = None
        self._known = False
        self.revoked = False

    @property
    def is_away(self) -> bool:
        """Whether it has no connection."""
        return self._outlet is None

    def attach(self, call: asyncio.Task[None]) -> Outlet:
        """Take a connection; an earlier one ends."""
        if self._outlet is not None:
            self._outlet.end(f"this requester {CONNECTED_ANEW}")
            self._outlet.close()
        self._outlet = Outlet(call, first=not self._known)
        self._known = True
        return self._outlet

    def detach(self, outlet: Outlet) -> bool:
        """Let go of a connection; say whether it was the latest."""
        outlet.close()
        if self._outlet is not outlet:
            return False
        self._outlet = None
        return True

    def close(self) -> None:
        """End the connection: the requester is not listed any more."""
        self.revoked = True
        if self._outlet is not None:
            self._outlet.end("this certificate is not listed any more")

    async def take(self, frame: Frame) -> None:
        """Pass on a frame of an answer; where there is no connection, it is asked for again."""
        if self._outlet is not None:
            await self._outlet.put(frame, self._patience)

    def undelivered(self, session: str, number: int, reason: str) -> None:
        """Tell the reason why there is no answer."""
        if self._outlet is not None:
            header = {"session": session, "number": number, "reason": reason}
            self._outlet.tell(Frame("undelivered", header))

    def see(self, listed: tuple[str, ...], present: Mapping[str, Presence]) -> None:
        """Tell who is listed and connected."""
        if self._outlet is not None:
            told = {
                name: [each.boot, list(each.tables), each.min_rows]
                for name, each in present.items()
            }
            self._outlet.tell(Frame("parties", {"listed": list(listed), "present": told}))
