"""What a SuperLink was brought: for whom it is, and when all of it is there."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMING: Final = 4096
"""How many messages may be on their way; the oldest are those whose senders are gone."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A message of which the head has come.

    Parameters
    ----------
    receiver
        The number of the node that it is for.
    objects
        The names of its parts.
    """

    receiver: int
    objects: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Coming:
    receiver: int
    lacking: set[str]


class News:
    """Wakes those who wait for messages, each when one for it is complete.

    Sooner, whoever waits would have to ask for its parts again and again.
    """

    def __init__(self) -> None:
        self._coming: deque[_Coming] = deque(maxlen=_COMING)
        self._told: dict[int, int] = {}
        self._awaited: dict[int, asyncio.Event] = {}

    def told(self, receiver: int) -> int:
        """Say how often a receiver had news."""
        return self._told.get(receiver, 0)

    def awaited(self, receiver: int, told: int) -> asyncio.Event:
        """Give what is set once a receiver has had news more often than `told` times."""
        if self.told(receiver) != told:
            there = asyncio.Event()
            there.set()
            return there
        return self._awaited.setdefault(receiver, asyncio.Event())

    def announce(self, messages: Iterable[Announced], wanted: Iterable[str]) -> None:
        """Take note of messages, of which these objects are to come yet."""
        outstanding = frozenset(wanted)
        for message in messages:
            lacking = set(message.objects & outstanding)
            if lacking:
                self._coming.append(_Coming(message.receiver, lacking))
            else:
                self.tell(message.receiver)

    def arrived(self, name: str) -> None:
        """Take note of an object."""
        still: list[_Coming] = []
        complete: list[_Coming] = []
        for coming in self._coming:
            coming.lacking.discard(name)
            (still if coming.lacking else complete).append(coming)
        if complete:
            self._coming = deque(still, maxlen=_COMING)
        for coming in complete:
            self.tell(coming.receiver)

    def tell(self, receiver: int) -> None:
        """Wake a receiver."""
        self._told[receiver] = self.told(receiver) + 1
        event = self._awaited.pop(receiver, None)
        if event is not None:
            event.set()
