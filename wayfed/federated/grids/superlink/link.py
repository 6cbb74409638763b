"""A party's side: it fetches its messages from a SuperLink, and its sessions answer them."""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import httpx
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flwr.app import Error, Message, RecordDict

from wayfed.federated.grids.base import node_id_of
from wayfed.federated.grids.local import CLIENT_APP_RAISED
from wayfed.federated.grids.rpc.hosting import Ask, Hosting
from wayfed.federated.grids.rpc.messages import MalformedMessage, head_bytes
from wayfed.federated.grids.rpc.seldom import Seldom
from wayfed.federated.grids.superlink import private
from wayfed.federated.grids.superlink.depot import Depot, told
from wayfed.federated.grids.superlink.envelope import ANSWER, ASK, END, Envelope
from wayfed.federated.parties.opening import open_session
from wayfed.federated.parties.session import PLAN
from wayfed_optimizer.errors import PartyError, TransferError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed.federated.grids.superlink.address import SuperLinkAddress
    from wayfed.federated.parties.audit import Asker
    from wayfed.federated.parties.member import Member
    from wayfed.federated.parties.party import Answering

LOG: Final = logging.getLogger("wayfed.federated.connection")
_HEARTBEAT_SECONDS: Final = 10.0
"""The least that a SuperLink takes; after twice that without one, a party counts as away."""
_POLL_SECONDS: Final = 0.1
_IDLE_POLL_SECONDS: Final = 0.5
_IDLE_AFTER_SECONDS: Final = 30.0
_RETRY_SECONDS: Final = 2.0
_UNKNOWN: Final = 412
"""Flower's code for a node whose key it does not know, or that counts as there."""


class SuperLinkLink:
    """One party's connection to a SuperLink, where it is a node.

    It takes Flower's place of a SuperNode, without its processes: no application is fetched.

    Parameters
    ----------
    name
        The party.
    superlink
        Where its messages are.
    key
        Its private key in PEM, on a NIST curve; the SuperLink lists its public one.
    make
        Makes a session for who asks, when its first message arrives.
    first
        The type of the message that begins a session.
    """

    def __init__(
        self,
        name: str,
        superlink: SuperLinkAddress,
        key: bytes,
        *,
        make: Callable[[Asker], Answering],
        first: str,
    ) -> None:
        self._name = name
        private_key: Any = load_pem_private_key(key, password=None)
        self._key = private_key
        self._stopping = threading.Event()
        self._client = superlink.client(
            private.FleetHttpClient,
            [
                private.RuntimeVersionHttpInterceptor(component_name="SuperNode"),
                private.NodeAuthHttpInterceptor(private_key, private_key.public_key()),
            ],
            self._stopping,
        )
        self._address = superlink.address
        # Whoever may start runs at the SuperLink is who asks: it tells parties no more than that.
        requesters = frozenset({superlink.address})
        self._hosting = Hosting(name, make, lambda: requesters, self._reply, first)
        self._waiting: dict[tuple[str, int], Message] = {}
        self._node = 0
        self._seldom = Seldom()

    def serve(self) -> None:
        """Stay a node and answer until `stop` is called."""
        try:
            self._activate()
            threading.Thread(target=self._beat, daemon=True).start()
            self._take_all()
        finally:
            self._hosting.close()
            self._leave()

    def stop(self) -> None:
        """Let `serve` return."""
        self._stopping.set()

    def _activate(self) -> None:
        request = private.ActivateNodeRequest(
            public_key=private.public_key_to_bytes(self._key.public_key()),
            heartbeat_interval=_HEARTBEAT_SECONDS,
        )
        while not self._stopping.is_set():
            try:
                self._node = self._client.ActivateNode(request).node_id
            except httpx.HTTPError as error:
                # A node that was killed counts as there for twice its heartbeat.
                self._tell(self._not_yet(error))
                self._stopping.wait(_RETRY_SECONDS)
            else:
                LOG.info("party '%s' is a node of the SuperLink at %s", self._name, self._address)
                return

    def _not_yet(self, error: httpx.HTTPError) -> str:
        reason = told(error)
        if not isinstance(error, httpx.HTTPStatusError) or error.response.status_code != _UNKNOWN:
            return reason
        return (
            f"{reason} It takes this party when a requester there lists it in [superlink.parties], "
            f"or {2 * _HEARTBEAT_SECONDS:g} seconds after it was killed; this goes on trying"
        )

    def _beat(self) -> None:
        request = private.SendNodeHeartbeatRequest(
            node=private.Node(node_id=self._node), heartbeat_interval=_HEARTBEAT_SECONDS
        )
        while not self._stopping.wait(_HEARTBEAT_SECONDS / 2):
            try:
                self._client.SendNodeHeartbeat(request)
            except httpx.HTTPError as error:
                self._tell(told(error))

    def _take_all(self) -> None:
        latest = monotonic()
        while not self._stopping.is_set():
            started = monotonic()
            try:
                taken = self._take_one()
            except (httpx.HTTPError, TransferError, PartyError, MalformedMessage) as error:
                reason = told(error) if isinstance(error, httpx.HTTPError) else error.message
                self._tell(reason)
                self._stopping.wait(_RETRY_SECONDS)
                continue
            self._seldom = Seldom()
            now = monotonic()
            if taken:
                latest = now
                continue
            rhythm = _POLL_SECONDS if now - latest < _IDLE_AFTER_SECONDS else _IDLE_POLL_SECONDS
            # A SuperLink of ours answers when there is something; others have to be let alone.
            self._stopping.wait(max(0.0, rhythm - (now - started)))

    def _tell(self, reason: str) -> None:
        """Tell what the SuperLink says or why it does not answer; it is asked much more often."""
        if self._seldom.is_due(reason):
            LOG.warning("the SuperLink at %s: %s", self._address, reason)

    def _take_one(self) -> bool:
        found = self._client.PullMessages(
            private.PullMessagesRequest(node=private.Node(node_id=self._node))
        )
        if not found.messages_list:
            return False
        head = private.message_from_proto(found.messages_list[0])
        tree = found.message_object_trees[0]
        head.metadata.__dict__["_message_id"] = tree.object_id
        depot = Depot(self._client, self._node, head.metadata.run_id)
        try:
            envelope = Envelope.of(depot.fetch(tree))
            ask = self._ask(envelope) if envelope.kind == ASK else None
        except (MalformedMessage, ValueError, TypeError, OverflowError) as error:
            LOG.warning("refused a message of run %d: %s", head.metadata.run_id, error)
            reason = "this party answers wayfed's messages only, and runs no code that arrives"
            self._push(Message(Error(code=CLIENT_APP_RAISED, reason=reason), reply_to=head))
            return True
        if envelope.kind == END:
            self._hosting.end(self._address, envelope.session)
            for key in [key for key in tuple(self._waiting) if key[0] == envelope.session]:
                self._waiting.pop(key, None)  # who has ended it waits for no answer
        elif ask is not None:
            self._waiting[envelope.session, envelope.number] = head
            self._hosting.ask(ask)
        return True

    def _ask(self, envelope: Envelope) -> Ask:
        inner = Message(
            RecordDict(), node_id_of(self._name), envelope.stage, group_id=envelope.group
        )
        inner.metadata.__dict__["_message_id"] = str(envelope.number)
        return Ask(
            self._address,
            self._address,
            envelope.session,
            envelope.number,
            head_bytes(inner) + envelope.data,
        )

    def _reply(self, session: str, number: int, data: bytes) -> None:
        head = self._waiting.pop((session, number), None)
        if head is None:  # a session's answer that was asked for again, and is on its way
            return
        answer = Envelope(ANSWER, session, number, data=data)
        try:
            self._push(Message(answer.records(), reply_to=head))
        except (httpx.HTTPError, TransferError) as error:
            reason = told(error) if isinstance(error, httpx.HTTPError) else error.message
            LOG.warning("an answer could not be given to %s: %s", self._address, reason)

    def _push(self, reply: Message) -> None:
        reply.metadata.__dict__["_message_id"] = reply.object_id
        with private.no_object_id_recompute():
            answer = self._client.PushMessages(
                private.PushMessagesRequest(
                    node=private.Node(node_id=self._node),
                    messages_list=[
                        private.message_to_proto(private.remove_content_from_message(reply))
                    ],
                    message_object_trees=[private.get_object_tree(reply)],
                    clientapp_runtime_list=[0.0],
                )
            )
            depot = Depot(self._client, self._node, reply.metadata.run_id)
            depot.store([reply], answer.objects_to_push, answer.session_id)

    def _leave(self) -> None:
        try:
            if self._node:
                self._client.DeactivateNode(private.DeactivateNodeRequest(node_id=self._node))
        except httpx.HTTPError as error:
            LOG.warning("leaving the SuperLink at %s: %s", self._address, told(error))
        finally:
            self._client.close()


def node_of(member: Member, superlink: SuperLinkAddress, key: bytes) -> SuperLinkLink:
    """Give the link of a party that answers plans, with its key in PEM."""

    def session(asker: Asker) -> Answering:
        return open_session(member, asker)

    return SuperLinkLink(member.name, superlink, key, make=session, first=PLAN)
