"""The grid over a hub: Flower's messages to parties that are connected, and their answers."""

from __future__ import annotations

import logging
import uuid
from time import monotonic
from typing import TYPE_CHECKING, Final

from flwr.app import Error, Message

from wayfed.federated.grids.base import PartyGrid, node_id_of
from wayfed.federated.grids.local import CLIENT_APP_RAISED
from wayfed.federated.grids.rpc.desk import Batch
from wayfed.federated.grids.rpc.hosting import NO_SESSION
from wayfed.federated.grids.rpc.messages import (
    MalformedMessage,
    content_bytes,
    from_bytes,
    head_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flwr.app import RecordDict

    from wayfed.federated.grids.rpc.desk import Desk

LOG: Final = logging.getLogger("wayfed.federated.grid")
_ANOTHER: Final = "answered another message than it was asked"
_STEP_SECONDS: Final = 0.1
"""Waits are in steps: polars, once imported, lets no signal end a wait that has no timeout."""


class RpcGrid(PartyGrid):
    """A session with every party of a hub, over one requester's desk there.

    Parameters
    ----------
    desk
        The requester's place at the hub.
    names
        Who takes part, connected or not.
    """

    def __init__(self, desk: Desk, names: Iterable[str]) -> None:
        super().__init__({node_id_of(name): name for name in sorted(names)})
        self._desk = desk
        self._session = uuid.uuid4().hex
        self._mailbox = desk.open(self._session)
        self._closed = False
        self._holding: dict[str, str] = {}
        self._told: dict[str, str] = {}

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """Deliver messages and give the replies that came within `timeout` seconds.

        The replies stand in the order of the parties' names. A party that is not connected, or
        whose connection breaks and does not come back, is answered for at once.
        """
        sent: dict[int, Message] = {}
        for message in messages:
            self._number(message)
            sent[int(message.metadata.message_id)] = message
        answers = self._answers(sent, timeout)
        replies = {
            message.metadata.dst_node_id: self._reply(message, answers.pop(number))
            for number, message in sent.items()
            if number in answers
        }
        return [replies[node] for node in self.parties if node in replies]

    def arrivals(self) -> dict[int, str]:
        """Give the parties that are connected and hold nothing of this session."""
        with self._mailbox.changed:
            boots = {name: each.boot for name, each in self._mailbox.present.items()}
        new = {
            node_id_of(name): name
            for name, boot in sorted(boots.items())
            if boot not in (self._holding.get(name), self._told.get(name))
        }
        self._told.update({name: boots[name] for name in new.values()})
        if new.keys() - self.parties.keys():
            together = {**self.parties, **new}
            self.parties = dict(sorted(together.items(), key=lambda item: item[1]))
        return new

    def close(self) -> None:
        """End the session at all parties; closing twice does nothing."""
        if not self._closed:
            self._closed = True
            self._desk.end(self._session)

    def _answers(self, sent: dict[int, Message], timeout: float | None) -> dict[int, bytes | str]:
        mailbox = self._mailbox
        boots = {name: each.boot for name, each in mailbox.present.items()}
        end = None if timeout is None else monotonic() + timeout
        with mailbox.changed:
            mailbox.expected.update(sent)
        for batch in self._batches(list(sent.values())):
            self._desk.post(batch)
        try:
            with mailbox.changed:
                while mailbox.expected:
                    left = _STEP_SECONDS if end is None else min(_STEP_SECONDS, end - monotonic())
                    if left <= 0:
                        break
                    mailbox.changed.wait(left)
        finally:
            with mailbox.changed:
                mailbox.expected.clear()
                answers = dict(mailbox.answers)
                mailbox.answers.clear()
        for number, answer in answers.items():
            name = self.parties[sent[number].metadata.dst_node_id]
            if isinstance(answer, bytes) and name in boots:
                self._holding[name] = boots[name]
        return answers

    def _batches(self, messages: Sequence[Message]) -> Iterable[Batch]:
        by_content: dict[int, tuple[RecordDict, list[Message]]] = {}
        for message in messages:
            content = message.content
            by_content.setdefault(id(content), (content, []))[1].append(message)
        for content, alike in by_content.values():
            heads = {
                self.parties[message.metadata.dst_node_id]: (
                    int(message.metadata.message_id),
                    head_bytes(message),
                )
                for message in alike
            }
            yield Batch(self._session, heads, content_bytes(content))

    def _reply(self, message: Message, answer: bytes | str) -> Message:
        if isinstance(answer, str):
            return _failed(message, answer)
        try:
            reply = from_bytes(answer)
        except MalformedMessage as error:
            return self._refused(message, f"answered {error.message}")
        if reply.has_error() and reply.error.code == NO_SESSION:
            name = self.parties[message.metadata.dst_node_id]
            self._holding.pop(name, None)
            self._told.pop(name, None)
        asked, told = message.metadata, reply.metadata
        if (told.reply_to_message_id, told.src_node_id) != (asked.message_id, asked.dst_node_id):
            return self._refused(message, _ANOTHER)
        if reply.has_error():  # who could not read the message does not know its type
            return Message(reply.error, reply_to=message)
        if told.message_type != asked.message_type:
            return self._refused(message, _ANOTHER)
        return reply

    def _refused(self, message: Message, reason: str) -> Message:
        LOG.warning("party '%s' %s", self.parties[message.metadata.dst_node_id], reason)
        return _failed(message, reason)


def _failed(message: Message, reason: str) -> Message:
    return Message(Error(code=CLIENT_APP_RAISED, reason=reason), reply_to=message)
