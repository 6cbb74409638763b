"""A requester's place at a hub, in the hub's process or elsewhere: what it sends and is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Condition
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Presence:
    """A party that is connected.

    Parameters
    ----------
    boot
        Names the life of its process: another one has lost all sessions.
    tables
        The published tables that it has.
    min_rows
        The least number of training rows with which it takes part.
    """

    boot: str
    tables: tuple[str, ...] = ()
    min_rows: int = 1


@dataclass(slots=True)
class Mailbox:
    """Where a session's answers arrive, from whatever thread, and who is there is known.

    Parameters
    ----------
    present
        The parties that are connected, by name.
    """

    present: dict[str, Presence] = field(default_factory=dict)
    answers: dict[int, bytes | str] = field(default_factory=dict)
    """By number: the bytes of an answer, or in words why there is none."""
    expected: set[int] = field(default_factory=set)
    changed: Condition = field(default_factory=Condition)

    def deliver(self, number: int, answer: bytes | str) -> None:
        """Put in an answer; what is not waited for is dropped."""
        with self.changed:
            if number in self.expected:
                self.expected.discard(number)
                self.answers[number] = answer
                if not self.expected:
                    self.changed.notify_all()

    def see(self, present: Mapping[str, Presence]) -> None:
        """Hear who is connected now."""
        with self.changed:
            self.present = dict(present)
            self.changed.notify_all()


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one content to several parties.

    Parameters
    ----------
    session
        Of which session they are.
    heads
        By party: the message's number in its session, and what it says beside the content.
    content
        What follows each head.
    """

    session: str
    heads: Mapping[str, tuple[int, bytes]]
    content: bytes


class Desk(Protocol):
    """A requester's place at a hub; it may be used from any thread."""

    def open(self, session: str) -> Mailbox:
        """Begin a session, and return where its answers arrive."""
        ...

    def post(self, batch: Batch) -> None:
        """Send messages; each gets an answer, or words that say why there is none."""
        ...

    def end(self, session: str) -> None:
        """End a session at all parties."""
        ...

    def names(self) -> tuple[str, ...]:
        """Return the parties that the hub lists, connected or not."""
        ...
