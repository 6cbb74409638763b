"""What a hub has yet to send to a party: of each session the latest only, so that it is bounded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from wayfed.federated.grids.rpc.frames import Header

Sending: TypeAlias = "tuple[str, Header, tuple[bytes, ...]]"


class Outgoing:
    """A queue in which what is said of a session takes the place of what was said before.

    Whoever asks a party anew in a session waits no more for what it was asked before. So what waits
    for a party that reads slowly is no more than one message a session.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], Sending] = {}
        self._there = asyncio.Event()

    def put(self, kind: str, header: Header, pieces: tuple[bytes, ...] = ()) -> None:
        """Put in a kind of frame, its header, and the pieces of a message.

        Both kinds that parties get name a requester's fingerprint and a session.
        """
        self._waiting[header["fingerprint"], header["session"]] = kind, header, pieces
        self._there.set()

    async def get(self) -> Sending:
        """Take out what has waited longest, as soon as there is something."""
        while not self._waiting:
            self._there.clear()
            await self._there.wait()
        return self._waiting.pop(next(iter(self._waiting)))

    def __len__(self) -> int:
        return len(self._waiting)
