"""The grid at a SuperLink: our messages inside Flower's, and their answers."""

from __future__ import annotations

import logging
import uuid
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

import httpx
from flwr.app import Error, Message

from wayfed.federated.grids.base import PartyGrid, node_id_of
from wayfed.federated.grids.local import CLIENT_APP_RAISED
from wayfed.federated.grids.rpc.hosting import NO_SESSION
from wayfed.federated.grids.rpc.messages import MalformedMessage, content_bytes, from_bytes
from wayfed.federated.grids.superlink.depot import told
from wayfed.federated.grids.superlink.envelope import ASK, END, MESSAGE_TYPE, Envelope
from wayfed_optimizer.errors import PartyError, TransferError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flwr.app import RecordDict

    from wayfed.federated.grids.superlink.coordinator import SuperLinkRun

LOG: Final = logging.getLogger("wayfed.federated.grid")
_POLL_SECONDS: Final = 0.1
_FOREVER: Final = 12 * 3600.0
_MARGIN_SECONDS: Final = 5.0
"""How much longer than its deadline a message lives at the SuperLink, for clocks differ."""


class SuperLinkGrid(PartyGrid):
    """A session with every party of a run at a SuperLink.

    Parameters
    ----------
    run
        The run through which the messages pass.
    """

    def __init__(self, run: SuperLinkRun) -> None:
        super().__init__({node_id_of(name): name for name in sorted(run.nodes)})
        self._through = run
        self._session = uuid.uuid4().hex
        self._closed = False
        self._holding: set[str] = set()
        self._told: set[str] = set()

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """Deliver messages and give the replies that came within `timeout` seconds.

        The replies stand in the order of the parties' names. A party that is not connected is
        answered for at once.

        Raises
        ------
        PartyError
            The SuperLink is away, or refuses.
        """
        sent = list(messages)
        for message in sent:
            self._number(message)
        try:
            replies = self._exchange(sent, timeout)
        except (httpx.HTTPError, TransferError) as error:
            reason = told(error) if isinstance(error, httpx.HTTPError) else error.message
            raise PartyError(f"the SuperLink is out of reach: {reason}") from error
        return [replies[node] for node in self.parties if node in replies]

    def arrivals(self) -> dict[int, str]:
        """Give the parties that are connected and hold nothing of this session."""
        try:
            there = self._through.present()
        except httpx.HTTPError as error:
            raise PartyError(f"the SuperLink is out of reach: {told(error)}") from error
        self._holding &= there
        self._told &= there
        new = there - self._holding - self._told
        self._told |= new
        return {node: name for node, name in self.parties.items() if name in new}

    def close(self) -> None:
        """End the session at all parties; closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        records = Envelope(END, self._session).records()
        try:
            there = self._through.present()
            ends = [self._outer(records, name, _MARGIN_SECONDS) for name in sorted(there)]
            if ends:
                self._through.push(ends)
        except (httpx.HTTPError, TransferError) as error:
            LOG.info("the end of a session could not be told: %s", error)

    def _exchange(self, sent: list[Message], timeout: float | None) -> dict[int, Message]:
        end = None if timeout is None else monotonic() + timeout
        there = self._through.present()
        replies: dict[int, Message] = {}
        reached = []
        for message in sent:
            if self.parties[message.metadata.dst_node_id] in there:
                reached.append(message)
            else:
                replies[message.metadata.dst_node_id] = _failed(message, "is not connected")
        if not reached:
            return replies
        life = _FOREVER if timeout is None else timeout + _MARGIN_SECONDS
        asked, outer = zip(*self._batches(reached, life), strict=True)
        waiting = dict(zip(self._through.push(outer), asked, strict=True))
        while waiting:
            started = monotonic()
            found = self._through.pull(list(waiting))
            for answered in found:
                message = waiting.pop(answered.message_id, None)
                if message is not None:
                    reply = self._reply(message, answered.envelope, answered.reason)
                    replies[message.metadata.dst_node_id] = reply
            now = monotonic()
            if end is not None and now >= end:
                break
            if waiting and not found:
                # A SuperLink of ours answers when there is something; others have to be let alone.
                sleep(max(0.0, min(_POLL_SECONDS - (now - started), (end or now + 1) - now)))
        return replies

    def _batches(self, messages: list[Message], life: float) -> Iterator[tuple[Message, Message]]:
        """Wrap messages: those of one content in records that are stored once for all."""
        alike: dict[tuple[int, str, str], tuple[RecordDict, list[Message]]] = {}
        for message in messages:
            told_by = message.metadata
            key = id(message.content), told_by.message_type, told_by.group_id
            alike.setdefault(key, (message.content, []))[1].append(message)
        for (_, stage, group), (content, these) in alike.items():
            number = max(int(message.metadata.message_id) for message in these)
            records = Envelope(
                ASK, self._session, number, stage, group, content_bytes(content)
            ).records()
            for message in these:
                party = self.parties[message.metadata.dst_node_id]
                yield message, self._outer(records, party, life)

    def _outer(self, records: RecordDict, party: str, life: float) -> Message:
        return Message(records, self._through.nodes[party], MESSAGE_TYPE, ttl=life)

    def _reply(self, message: Message, envelope: Envelope | None, reason: str) -> Message:
        if envelope is None:
            return _failed(message, reason)
        try:
            reply = from_bytes(envelope.data)
        except MalformedMessage as error:
            return self._refused(message, f"answered {error.message}")
        asked, replied = message.metadata, reply.metadata
        if (replied.src_node_id, replied.message_type, envelope.session) != (
            asked.dst_node_id,
            asked.message_type,
            self._session,
        ):
            return self._refused(message, "answered another message than it was asked")
        party = self.parties[asked.dst_node_id]
        if reply.has_error():
            if reply.error.code == NO_SESSION:  # it was started anew
                self._holding.discard(party)
                self._told.discard(party)
            return Message(reply.error, reply_to=message)
        self._holding.add(party)
        return Message(reply.content, reply_to=message)

    def _refused(self, message: Message, reason: str) -> Message:
        LOG.warning("party '%s' %s", self.parties[message.metadata.dst_node_id], reason)
        return _failed(message, reason)


def _failed(message: Message, reason: str) -> Message:
    return Message(Error(code=CLIENT_APP_RAISED, reason=reason), reply_to=message)
