"""Who is connected, who was asked what, and whom an answer is for: a hub without its server.

All of it is used on the hub's thread only, and looks into no message.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from wayfed.federated.grids.rpc.frames import CONNECTED_ANEW, Frame, Header, MalformedFrame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.federated.grids.rpc.desk import Batch, Presence
    from wayfed.federated.grids.rpc.outgoing import Outgoing
    from wayfed.federated.grids.rpc.roster import Roster

LOG: Final = logging.getLogger("wayfed.federated.hub")
_BEATS: Final = 6.0
"""How often a party may be heard before it counts as silent: a busy machine drops a few."""
_ANY: Final = ""
"""The life of a party that this hub has not seen: whichever it is when it connects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a hub lets others use.

    Parameters
    ----------
    message_bytes
        The largest message.
    waiting_bytes, waiting_messages
        The most bytes of messages, and the most messages, that one requester may have waiting for
        parties.
    sessions
        How many sessions a requester may have.
    connections
        How many calls are served at once; more are turned away.
    desks
        How many connections a requester may have.
    grace_seconds
        How long a party whose connection broke may take to come back before it is given up.
    settle_seconds
        How long after its start a hub waits for parties that it has not seen yet: it may have
        taken the place of another one, to which they were connected.
    linger_seconds
        How long a requester may take to come back before its sessions end.
    hello_seconds
        How long who connects may take to say who it is.
    stall_seconds
        How long a requester may take to read a part of an answer, and a party one of a message.
    silence_seconds
        How long a party may say nothing. Its process says again and again that it runs, whatever
        it works at; one that is stuck says nothing, though its connection stands.
    roster_seconds
        How often the roster is looked at.
    """

    message_bytes: int = 1 << 30
    waiting_bytes: int = 2 << 30
    waiting_messages: int = 1 << 16
    sessions: int = 1 << 12
    connections: int = 4096
    desks: int = 8
    grace_seconds: float = 2.0
    settle_seconds: float = 7.0
    linger_seconds: float = 30.0
    hello_seconds: float = 10.0
    stall_seconds: float = 60.0
    silence_seconds: float = 60.0
    roster_seconds: float = 1.0

    @property
    def beat_seconds(self) -> float:
        """How often a party says that its process runs."""
        return self.silence_seconds / _BEATS


class Sink(Protocol):
    """Where what a requester is told goes."""

    name: str
    fingerprint: str

    async def take(self, frame: Frame) -> None:
        """Take a frame of an answer; returns when there is room for another."""
        ...

    def undelivered(self, session: str, number: int, reason: str) -> None:
        """Hear that a message gets no answer, and why."""
        ...

    def see(self, listed: tuple[str, ...], present: Mapping[str, Presence]) -> None:
        """Hear who is listed, and who of them is connected."""
        ...


@dataclass(slots=True, eq=False)
class PartyLink:
    """A party that is connected.

    Parameters
    ----------
    name, fingerprint, presence
        Who it is.
    call
        What serves its connection.
    outgoing
        What is to be sent to it.
    """

    name: str
    fingerprint: str
    presence: Presence
    call: asyncio.Task[None]
    outgoing: Outgoing
    ended: str = ""
    lost: str = "its connection broke"

    def end(self, reason: str) -> None:
        """End its connection, and tell it why."""
        self.ended = reason
        self.call.cancel()


@dataclass(slots=True, eq=False)
class _Pending:
    """A message that a party has not answered."""

    number: int
    sink: Sink
    boot: str
    header: Header
    pieces: tuple[bytes, ...]
    size: int = -1
    received: int = 0

    def again(self) -> None:
        """Forget what has come of the answer: it will come anew."""
        self.size, self.received = -1, 0


class Exchange:
    """The parties and requesters of a hub, and the messages between them.

    Parameters
    ----------
    roster
        Who may connect.
    limits
        What they may use.
    """

    def __init__(self, roster: Roster, limits: Limits) -> None:
        self.roster = roster
        self.limits = limits
        self._links: dict[str, PartyLink] = {}
        self._pending: dict[tuple[str, str], _Pending] = {}
        self._sessions: dict[str, Sink] = {}
        self._sinks: list[Sink] = []
        self._seen: set[str] = set()
        self._awaited: dict[str, PartyLink] = {}
        self._is_settled = False

    def settled(self) -> None:
        """Wait no more for parties that have not been seen."""
        self._is_settled = True
        for party in sorted({key[1] for key in self._pending} - self._seen):
            self._give_up_all(party, "is not connected")

    @property
    def present(self) -> dict[str, Presence]:
        """The parties that are connected, by name."""
        return {name: link.presence for name, link in sorted(self._links.items())}

    def apply(self, roster: Roster) -> None:
        """Take another roster: connections of those who are not listed any more end."""
        self.roster = roster
        for link in list(self._links.values()):
            if roster.parties.get(link.fingerprint) != link.name:
                LOG.warning("party '%s' is not listed any more: its connection ends", link.name)
                link.end("this certificate is not listed any more")
        self._tell_presence()

    # What parties do.

    def connect(self, link: PartyLink) -> None:
        """Take in a party; an earlier connection of it ends."""
        earlier = self._links.get(link.name)
        self._links[link.name] = link
        self._seen.add(link.name)
        self._awaited.pop(link.name, None)
        if earlier is not None:
            if earlier.presence.boot != link.presence.boot:
                LOG.warning("party '%s' connected anew: its earlier connection ends", link.name)
            earlier.end(f"this party {CONNECTED_ANEW}")
        LOG.info("party '%s' is connected", link.name)
        for session, pending in self._asked_of(link.name):
            if pending.boot in (link.presence.boot, _ANY):
                pending.boot = link.presence.boot
                pending.again()
                link.outgoing.put("ask", pending.header, pending.pieces)
            else:
                self._give_up(session, link.name, "was started anew, and has lost what it held")
        self._tell_presence()

    def disconnect(self, link: PartyLink) -> None:
        """Let a party go; what it was asked waits a little for it to come back."""
        if self._links.get(link.name) is not link:
            return
        del self._links[link.name]
        LOG.info("party '%s' is not connected any more", link.name)
        self._awaited[link.name] = link
        asyncio.get_running_loop().call_later(self.limits.grace_seconds, self._lose, link)
        self._tell_presence()

    async def answered(self, link: PartyLink, frame: Frame) -> None:
        """Hand a party's answer to who asked; what it was not asked is refused.

        Raises
        ------
        MalformedFrame
            What a party must not send.
        """
        if frame.kind == "beat":
            return
        if frame.kind not in ("answer", "part"):
            raise MalformedFrame(f"a frame '{frame.kind}', which no party sends")
        session, number = frame.header["session"], frame.header["number"]
        pending = self._pending.get((session, link.name))
        if pending is None or pending.number != number:
            if frame.kind == "answer":
                LOG.warning(
                    "refused an answer of party '%s': message %d of session %.8s is not one that "
                    "it was asked, or it has answered",
                    *(link.name, number, session),
                )
            return
        if frame.kind == "answer":
            pending.size, pending.received = frame.header["size"], 0
            if pending.size < 0:
                raise MalformedFrame(f"an answer of {pending.size:,} bytes")
            if pending.size > (most := self.limits.message_bytes):
                LOG.warning("refused an answer of party '%s': it is too large", link.name)
                reason = f"answered {pending.size:,} bytes, beyond {most:,}"
                self._give_up(session, link.name, reason)
                return
        elif pending.size < 0:  # of an answer that began before it was asked for again
            return
        pending.received += len(frame.payload)
        if pending.received > pending.size:
            raise MalformedFrame("more of an answer than it said there was")
        if pending.received == pending.size:
            del self._pending[session, link.name]
        await pending.sink.take(frame)

    # What requesters do.

    def seat(self, sink: Sink) -> None:
        """Take in a requester."""
        self._sinks.append(sink)
        sink.see(self.roster.names, self.present)

    def unseat(self, sink: Sink) -> None:
        """Let a requester go, and end all its sessions."""
        if sink in self._sinks:
            self._sinks.remove(sink)
        for session in [session for session, owner in self._sessions.items() if owner is sink]:
            self.end(sink, session)

    def post(self, sink: Sink, batch: Batch) -> None:
        """Send a requester's messages to the parties."""
        reason = self._excess(sink, batch)
        if self._sessions.get(batch.session, sink) is not sink:
            reason = "this session is another requester's"
        if reason is not None:
            LOG.warning(
                "refused a message of requester '%s' to session %.8s: %s",
                *(sink.name, batch.session, reason),
            )
            for number, _ in batch.heads.values():
                sink.undelivered(batch.session, number, reason)
            return
        self._sessions[batch.session] = sink
        for party, (number, head) in batch.heads.items():
            self._ask(sink, batch, party, number, head)

    def end(self, sink: Sink, session: str) -> None:
        """End a session of a requester at all parties."""
        if self._sessions.get(session) is not sink:
            return
        del self._sessions[session]
        for key in [key for key in self._pending if key[0] == session]:
            del self._pending[key]
        for link in self._links.values():
            header = {"session": session, "fingerprint": sink.fingerprint}
            link.outgoing.put("end", header)

    def _ask(self, sink: Sink, batch: Batch, party: str, number: int, head: bytes) -> None:
        link = self._links.get(party)
        boot = self._boot_of(party) if link is None else link.presence.boot
        if boot is None:
            sink.undelivered(batch.session, number, "is not connected")
            return
        header: Header = {
            "session": batch.session,
            "number": number,
            "requester": sink.name,
            "fingerprint": sink.fingerprint,
        }
        pieces = (head, batch.content)
        self._pending[batch.session, party] = _Pending(number, sink, boot, header, pieces)
        if link is not None:
            link.outgoing.put("ask", header, pieces)

    def _boot_of(self, party: str) -> str | None:
        """Return as which life a party that is not connected may come back; None if it may not."""
        if party not in self.roster.parties.values():
            return None
        if party in self._awaited:
            return self._awaited[party].presence.boot
        return None if self._is_settled or party in self._seen else _ANY

    def _excess(self, sink: Sink, batch: Batch) -> str | None:
        """Say what a requester would have too much of with these messages; None if nothing."""
        limits = self.limits
        known = sum(owner is sink for owner in self._sessions.values())
        if batch.session not in self._sessions and known >= limits.sessions:
            return f"more than {limits.sessions:,} sessions"
        waiting = [
            each
            for (session, party), each in self._pending.items()
            if each.sink is sink and not (session == batch.session and party in batch.heads)
        ]
        if len(waiting) + len(batch.heads) > limits.waiting_messages:
            return f"more than {limits.waiting_messages:,} messages would wait at the coordinator"
        contents = {id(each.pieces[-1]): len(each.pieces[-1]) for each in waiting}
        size = len(batch.content) + sum(contents.values())
        size += sum(len(head) for _, head in batch.heads.values())
        size += sum(len(each.pieces[0]) for each in waiting)
        if size > limits.waiting_bytes:
            return f"more than {limits.waiting_bytes:,} bytes would wait at the coordinator"
        return None

    def _asked_of(self, party: str) -> list[tuple[str, _Pending]]:
        return [(key[0], each) for key, each in self._pending.items() if key[1] == party]

    def _lose(self, link: PartyLink) -> None:
        if self._awaited.get(link.name) is link:  # else it was back, and what broke is another one
            del self._awaited[link.name]
            grace = self.limits.grace_seconds
            self._give_up_all(link.name, f"{link.lost}, and was not back within {grace:g} s")

    def _give_up_all(self, party: str, reason: str) -> None:
        for session, _ in self._asked_of(party):
            self._give_up(session, party, reason)

    def _give_up(self, session: str, party: str, reason: str) -> None:
        pending = self._pending.pop((session, party))
        pending.sink.undelivered(session, pending.number, reason)

    def _tell_presence(self) -> None:
        for sink in self._sinks:
            sink.see(self.roster.names, self.present)
