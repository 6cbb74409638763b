"""A party's sessions: who asked for them, what each is asked, and how many there may be."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from flwr.app import Error, Message

from wayfed.federated.grids.base import node_id_of
from wayfed.federated.grids.local import CLIENT_APP_RAISED, describe_error
from wayfed.federated.grids.rpc.messages import (
    MalformedMessage,
    from_bytes,
    refusal_bytes,
    to_bytes,
)
from wayfed.federated.parties.audit import Asker
from wayfed.federated.parties.party import Party, PartyContext
from wayfed_optimizer.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from wayfed.federated.grids.rpc.frames import Header
    from wayfed.federated.parties.party import Answering

LOG: Final = logging.getLogger("wayfed.federated.party")
NO_SESSION: Final = 3
"""Flower's error code of a message to a session that is not, or not any more."""
SESSIONS: Final = 16
"""How many sessions a requester may have at a party; the one that was used least lately ends, and
one that works only where all do."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A message that arrived.

    Parameters
    ----------
    requester, fingerprint
        Who asks, as the hub has it from the connection.
    session, number
        Which message of which session it is.
    data
        The message.
    """

    requester: str
    fingerprint: str
    session: str
    number: int
    data: bytes

    @classmethod
    def of(cls, header: Header, data: bytes) -> Ask:
        """Take it out of its envelope."""
        named = {name: header[name] for name in ("requester", "fingerprint", "session", "number")}
        return cls(**named, data=data)


class Hosting:
    """The sessions of one party, each with a thread of its own.

    Parameters
    ----------
    name
        The party.
    make
        Makes a session for whoever asks.
    serves
        The fingerprints of the requesters that it serves.
    reply
        Takes an answer: session, number and bytes.
    first
        The type of the message that begins a session.
    sessions
        How many sessions a requester may have.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[Asker], Answering],
        serves: Callable[[], Container[str]],
        reply: Callable[[str, int, bytes], None],
        first: str,
        *,
        sessions: int = SESSIONS,
    ) -> None:
        self._name = name
        self._most = sessions
        self._make = make
        self._serves = serves
        self._reply = reply
        self._first = first
        self._sessions: OrderedDict[tuple[str, str], _Hosted] = OrderedDict()

    def ask(self, ask: Ask) -> None:
        """Hand a message to its session, or say why not."""
        try:
            message = from_bytes(ask.data)
        except MalformedMessage as error:
            self.refuse(ask, error.message)
            return
        reason = self._misdirected(ask, message)
        if reason is not None:
            LOG.warning("refused a message of requester '%s': %s", ask.requester, reason)
            self._refuse(ask, message, CLIENT_APP_RAISED, reason)
            return
        key = ask.fingerprint, ask.session
        hosted = self._sessions.get(key)
        if hosted is None:
            if message.metadata.message_type != self._first:
                self._refuse(ask, message, NO_SESSION, "holds no plan of this session")
                return
            try:
                hosted = self._begin(key, ask.requester)
            except Exception as error:  # what keeps it from a session is its answer
                LOG.warning("could not begin a session", exc_info=error)
                self._refuse(ask, message, CLIENT_APP_RAISED, describe_error(error))
                return
        self._sessions.move_to_end(key)
        hosted.take(ask, message)

    def refuse(self, ask: Ask, reason: str) -> None:
        """Answer a message that cannot be read; nobody waits for an answer until a deadline."""
        told = f"cannot read {reason}" if ask.fingerprint in self._serves() else _unserved(ask)
        LOG.warning("refused a message of requester '%s': %s", ask.requester, told)
        refusal = refusal_bytes(node_id_of(self._name), ask.number, CLIENT_APP_RAISED, told)
        self._reply(ask.session, ask.number, refusal)

    def end(self, fingerprint: str, session: str) -> None:
        """End a session of a requester, and what it works at."""
        hosted = self._sessions.pop((fingerprint, session), None)
        if hosted is not None:
            hosted.end("who asked has ended the session", told=False)

    def close(self) -> None:
        """End all sessions."""
        while self._sessions:
            self._sessions.popitem()[1].end("the party has ended", told=False)

    def _misdirected(self, ask: Ask, message: Message) -> str | None:
        if ask.fingerprint not in self._serves():
            return _unserved(ask)
        metadata = message.metadata
        if metadata.dst_node_id != node_id_of(self._name):
            return "the message is for another party"
        if metadata.message_id != str(ask.number):
            return "the message has another number than the envelope says"
        if not message.has_content():
            return "the message has no content"
        return None

    def _begin(self, key: tuple[str, str], requester: str) -> _Hosted:
        fingerprint, session = key
        own = [each for each in self._sessions if each[0] == fingerprint]
        if len(own) >= self._most:
            oldest = next((each for each in own if not self._sessions[each].works), own[0])
            LOG.warning("a requester has %d sessions here: the oldest of them ends", len(own))
            reason = f"the requester has begun more than {self._most} sessions here"
            self._sessions.pop(oldest).end(reason, told=True)
        asker = Asker(requester, fingerprint, session)
        hosted = _Hosted(self._name, self._make(asker), self._reply)
        self._sessions[key] = hosted
        return hosted

    def _refuse(self, ask: Ask, message: Message, code: int, reason: str) -> None:
        refusal = Message(Error(code=code, reason=reason), reply_to=message)
        self._reply(ask.session, ask.number, to_bytes(refusal))


def _unheard(session: str, number: int, data: bytes) -> None:
    """Keep an answer for which nobody waits."""


def _unserved(ask: Ask) -> str:
    return f"the party does not serve the requester {ask.fingerprint}"


class _Hosted:
    """One session: it answers one message at a time, and the last one again if asked again."""

    def __init__(
        self, name: str, session: Answering, reply: Callable[[str, int, bytes], None]
    ) -> None:
        party = Party(name, session.answer, session.lend)
        self._session = session
        self._context = PartyContext(party, node_id=node_id_of(name), number=0, parties=1)
        self._reply = reply
        self._queue: SimpleQueue[tuple[Ask, Message] | None] = SimpleQueue()
        self._latest = 0
        self._answer: bytes | None = b""
        # A daemon: a plan that hangs keeps the process from ending no more than from serving.
        threading.Thread(target=self._work, daemon=True).start()

    def take(self, ask: Ask, message: Message) -> None:
        number, answer = self._latest, self._answer
        if ask.number < number:
            LOG.warning(
                "refused message %d of session %.8s: it is older than the latest, %d",
                ask.number,
                ask.session,
                number,
            )
        elif ask.number == number:
            if answer is not None:  # the connection broke before it arrived
                self._reply(ask.session, number, answer)
        elif answer is None:
            busy = Error(code=CLIENT_APP_RAISED, reason="is still busy with an earlier message")
            self._reply(ask.session, ask.number, to_bytes(Message(busy, reply_to=message)))
        else:
            self._latest, self._answer = ask.number, None
            self._queue.put((ask, message))

    @property
    def works(self) -> bool:
        return self._answer is None

    def end(self, reason: str, *, told: bool) -> None:
        """Stop what it works at; the reason is the answer, where somebody waits for one."""
        if not told:
            self._reply = _unheard
        self._queue.put(None)
        # From another thread: to stop an engine may mean to connect to it.
        threading.Thread(target=self._session.end, args=(reason,), daemon=True).start()

    def _work(self) -> None:
        while (taken := self._queue.get()) is not None:
            ask, message = taken
            self._answer = answer = self._written(message)
            del taken, message
            self._reply(ask.session, ask.number, answer)

    def _written(self, message: Message) -> bytes:
        answered = self._answered(message)
        try:
            return to_bytes(answered)
        except Exception as error:  # as of text that is no Unicode, or where memory is short
            LOG.warning("could not write the answer to a message", exc_info=error)
            reason = "its answer cannot be written as a message"
            return to_bytes(Message(Error(CLIENT_APP_RAISED, reason), reply_to=message))

    def _answered(self, message: Message) -> Message:
        try:
            return self._session.answer(message, self._context)
        except Cancelled as error:
            LOG.info("stopped with %s: %s", message.metadata.message_type, error.message)
            stopped = Error(code=CLIENT_APP_RAISED, reason=error.message)
            return Message(stopped, reply_to=message)
        except (Exception, SystemExit) as error:  # whatever it raises is its answer
            LOG.warning("could not answer %s", message.metadata.message_type, exc_info=error)
            failure = Error(code=CLIENT_APP_RAISED, reason=describe_error(error))
            return Message(failure, reply_to=message)
