"""The hub: parties and requesters connect to it, and it carries messages between them.

It looks into no message. It knows who is connected by the certificate of the connection, hands a
party's answer to whoever asked, and only if that party was asked.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import grpc
from grpc import aio

from wayfed.federated.grids.rpc.channel import HUB_OPTIONS, PARTY_METHOD, SERVICE
from wayfed.federated.grids.rpc.desk import Batch, Mailbox, Presence
from wayfed.federated.grids.rpc.frames import (
    VERSION,
    Assembler,
    Frame,
    Header,
    MalformedFrame,
    decode,
    framed,
)
from wayfed.federated.grids.rpc.identity import fingerprint_of
from wayfed_optimizer.errors import PartyError, TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wayfed.federated.grids.rpc.identity import Identity
    from wayfed.federated.grids.rpc.roster import Roster, RosterSource

LOG: Final = logging.getLogger("wayfed.federated.hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a hub lets others use.

    Parameters
    ----------
    message_bytes
        The largest message.
    connections
        How many calls it serves at once; more are turned away.
    grace_seconds
        How long a party whose connection broke may take to come back before it is given up.
    hello_seconds
        How long who connects may take to say who it is.
    roster_seconds
        How often it looks whether the roster has changed.
    """

    message_bytes: int = 1 << 30
    connections: int = 4096
    grace_seconds: float = 2.0
    hello_seconds: float = 10.0
    roster_seconds: float = 1.0


@dataclass(slots=True, eq=False)
class _Pending:
    """A message that a party has not answered."""

    number: int
    sink: _Sink
    boot: str
    header: Header
    pieces: tuple[bytes, ...]
    size: int = -1
    received: int = 0


@dataclass(slots=True, eq=False)
class _Link:
    """A party that is connected."""

    name: str
    fingerprint: str
    presence: Presence
    call: asyncio.Task[None]
    outgoing: asyncio.Queue[tuple[str, Header, tuple[bytes, ...]]] = field(
        default_factory=asyncio.Queue
    )


class _Sink:
    """Where the answers to a requester in this process go; used on the hub's thread only."""

    def __init__(self, name: str, fingerprint: str, limit: int) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.mailboxes: dict[str, Mailbox] = {}
        self._assembler = Assembler(limit)

    async def take(self, frame: Frame) -> None:
        whole = self._assembler.take(frame)
        if whole is not None:
            first, data = whole
            mailbox = self.mailboxes.get(first.header["session"])
            if mailbox is not None:
                mailbox.deliver(first.header["number"], data)

    def undelivered(self, session: str, number: int, reason: str) -> None:
        self._assembler.drop((session, number))
        mailbox = self.mailboxes.get(session)
        if mailbox is not None:
            mailbox.deliver(number, reason)

    def see(self, present: dict[str, Presence]) -> None:
        for mailbox in self.mailboxes.values():
            mailbox.see(present)


class Hub:
    """A server to which parties and requesters connect.

    Parameters
    ----------
    identity
        Its certificate and key.
    roster
        Who may connect.
    limits
        What it lets others use.
    """

    def __init__(
        self, identity: Identity, roster: RosterSource, limits: Limits = Limits()
    ) -> None:
        self.identity = identity
        self.port = 0
        self._source = roster
        self._roster: Roster = roster.current()
        self._limits = limits
        self._links: dict[str, _Link] = {}
        self._pending: dict[tuple[str, str], _Pending] = {}
        self._owners: dict[str, _Sink] = {}
        self._sinks: list[_Sink] = []
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread: threading.Thread | None = None

    def start(self, address: str) -> None:
        """Listen at ``host:port``; port 0 is a free one, which `port` then tells.

        Raises
        ------
        TransferError
            Nothing can be listened to there.
        """
        started = threading.Event()
        failures: list[BaseException] = []

        def run() -> None:
            try:
                self._loop.run_until_complete(self._serve(address, started))
            except (RuntimeError, OSError) as error:
                failures.append(error)
            finally:
                self._loop.close()
                started.set()

        self._thread = threading.Thread(target=run, name="wayfed-hub", daemon=True)
        self._thread.start()
        started.wait()
        if failures:
            raise TransferError(f"the hub cannot listen at {address}: {failures[0]}")

    def close(self) -> None:
        """Stop listening and end all connections; closing twice does nothing."""
        if self._thread is None:
            return
        if self._thread.is_alive():
            self._on_loop(self._stop.set)
            self._thread.join()

    def desk(self, name: str, fingerprint: str) -> LocalDesk:
        """Seat a requester of this process."""
        sink = _Sink(name, fingerprint, self._limits.message_bytes)
        self._on_loop(partial(self._sinks.append, sink))
        return LocalDesk(self, sink)

    @property
    def present(self) -> dict[str, Presence]:
        """The parties that are connected, by name."""
        return {name: link.presence for name, link in sorted(self._links.items())}

    @property
    def names(self) -> tuple[str, ...]:
        """The parties that are listed."""
        return self._roster.names

    def _on_loop(self, call: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(call)

    # All that follows runs on the hub's thread.

    async def _serve(self, address: str, started: threading.Event) -> None:
        server = aio.server(
            options=HUB_OPTIONS, maximum_concurrent_rpcs=self._limits.connections
        )
        handler = grpc.stream_stream_rpc_method_handler(self._party)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {PARTY_METHOD: handler}),)
        )
        self.port = server.add_secure_port(address, self._credentials())
        await server.start()
        started.set()
        watching = asyncio.create_task(self._watch())
        await self._stop.wait()
        watching.cancel()
        await server.stop(0)

    def _credentials(self) -> grpc.ServerCredentials:
        def configuration() -> grpc.ServerCertificateConfiguration:
            pair = self.identity.key, self.identity.certificate
            roots = self._roster.certificates or self.identity.certificate
            return grpc.ssl_server_certificate_configuration([pair], root_certificates=roots)

        served = self._roster

        def changed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal served
            if served is self._roster:
                return None
            served = self._roster
            return configuration()

        return grpc.dynamic_ssl_server_credentials(
            configuration(), changed, require_client_authentication=True
        )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._limits.roster_seconds)
            self._look_at_roster()

    def _look_at_roster(self) -> None:
        roster = self._source.current()
        if roster is self._roster:
            return
        self._roster = roster
        for link in list(self._links.values()):
            if roster.parties.get(link.fingerprint) != link.name:
                LOG.warning("party '%s' is not listed any more: its connection ends", link.name)
                link.call.cancel()
        self._tell_presence()

    async def _party(self, _: object, context: aio.ServicerContext[bytes, bytes]) -> None:
        fingerprint = fingerprint_of(context.auth_context()["x509_pem_cert"][0])
        name = self._roster.parties.get(fingerprint)
        if name is None:
            LOG.warning("refused a connection from %s: %s is not listed as a party",
                        context.peer(), fingerprint)
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED,
                f"the certificate {fingerprint} is not listed as a party's",
            )
            return
        hello = await self._hello(context)
        tables = tuple(map(str, hello.header["tables"]))
        task = asyncio.current_task()
        assert task is not None  # a handler runs in a task
        presence = Presence(hello.header["boot"], tables, hello.header["min_rows"])
        link = _Link(name, fingerprint, presence, task)
        self._connected(link)
        writer = asyncio.create_task(self._write(link, context))
        try:
            await self._read(link, context)
        except MalformedFrame as error:
            LOG.warning("party '%s' sent %s: its connection ends", name, error.message)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        finally:
            writer.cancel()
            self._disconnected(link)

    async def _hello(self, context: aio.ServicerContext[bytes, bytes]) -> Frame:
        try:
            data = await asyncio.wait_for(context.read(), self._limits.hello_seconds)
            hello = decode(data if isinstance(data, bytes) else b"")
        except (MalformedFrame, TimeoutError) as error:
            LOG.warning("%s did not say who it is: %s", context.peer(), error)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the first frame is a hello")
        if hello.header["version"] != VERSION:
            LOG.warning("%s speaks version %s", context.peer(), hello.header["version"])
            await context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"version {hello.header['version']} of the protocol is not spoken here, "
                f"but version {VERSION}",
            )
        return hello

    def _connected(self, link: _Link) -> None:
        earlier = self._links.get(link.name)
        self._links[link.name] = link
        if earlier is not None:
            if earlier.presence.boot != link.presence.boot:
                LOG.warning("party '%s' connected anew: its earlier connection ends", link.name)
            earlier.call.cancel()
        LOG.info("party '%s' is connected", link.name)
        for (session, party), pending in list(self._pending.items()):
            if party != link.name:
                continue
            if pending.boot == link.presence.boot:
                pending.size, pending.received = -1, 0
                link.outgoing.put_nowait(("ask", pending.header, pending.pieces))
            else:
                self._give_up(session, party, "was started anew, and has lost what it held")
        self._tell_presence()

    def _disconnected(self, link: _Link) -> None:
        if self._links.get(link.name) is not link:
            return
        del self._links[link.name]
        LOG.info("party '%s' is not connected any more", link.name)
        self._loop.call_later(self._limits.grace_seconds, self._give_up_all, link.name)
        self._tell_presence()

    def _give_up_all(self, party: str) -> None:
        if party in self._links:
            return
        for session, name in list(self._pending):
            if name == party:
                grace = self._limits.grace_seconds
                self._give_up(
                    session, party, f"its connection broke, and was not back within {grace:g} s"
                )

    def _give_up(self, session: str, party: str, reason: str) -> None:
        pending = self._pending.pop((session, party))
        pending.sink.undelivered(session, pending.number, reason)

    def _tell_presence(self) -> None:
        present = self.present
        for sink in self._sinks:
            sink.see(present)

    async def _write(self, link: _Link, context: aio.ServicerContext[bytes, bytes]) -> None:
        while True:
            kind, header, pieces = await link.outgoing.get()
            if kind == "end":
                await context.write(Frame(kind, header).encode())
                continue
            for frame in framed(kind, header, *pieces):
                await context.write(frame.encode())

    async def _read(self, link: _Link, context: aio.ServicerContext[bytes, bytes]) -> None:
        while True:
            data = await context.read()
            if data is aio.EOF:
                return
            await self._answered(link, decode(data))

    async def _answered(self, link: _Link, frame: Frame) -> None:
        if frame.kind not in ("answer", "part"):
            raise MalformedFrame(f"a frame '{frame.kind}', which no party sends")
        session, number = frame.header["session"], frame.header["number"]
        pending = self._pending.get((session, link.name))
        if pending is None or pending.number != number:
            if frame.kind == "answer":
                LOG.warning(
                    "party '%s' answered number %s of session %.8s, which it was not asked",
                    link.name, number, session,
                )
            return
        if frame.kind == "answer":
            pending.size, pending.received = frame.header["size"], 0
            if not 0 <= pending.size <= self._limits.message_bytes:
                raise MalformedFrame(f"an answer of {pending.size:,} bytes")
        pending.received += len(frame.payload)
        if pending.received > pending.size:
            raise MalformedFrame("more of an answer than it said there was")
        if pending.received == pending.size:
            del self._pending[session, link.name]
        await pending.sink.take(frame)

    def _open(self, sink: _Sink, session: str, mailbox: Mailbox) -> None:
        sink.mailboxes[session] = mailbox
        self._owners[session] = sink
        mailbox.see(self.present)

    def _post(self, sink: _Sink, batch: Batch) -> None:
        for party, (number, head) in batch.heads.items():
            header: Header = {
                "session": batch.session,
                "number": number,
                "requester": sink.name,
                "fingerprint": sink.fingerprint,
            }
            link = self._links.get(party)
            if link is None:
                sink.undelivered(batch.session, number, "is not connected")
                continue
            pieces = (head, batch.content)
            boot = link.presence.boot
            self._pending[batch.session, party] = _Pending(number, sink, boot, header, pieces)
            link.outgoing.put_nowait(("ask", header, pieces))

    def _end(self, sink: _Sink, session: str) -> None:
        if sink.mailboxes.pop(session, None) is None:
            return
        self._owners.pop(session, None)
        for key in [key for key in self._pending if key[0] == session]:
            del self._pending[key]
        for link in self._links.values():
            header = {"session": session, "fingerprint": sink.fingerprint}
            link.outgoing.put_nowait(("end", header, ()))


class LocalDesk:
    """The desk of a requester in the hub's own process."""

    def __init__(self, hub: Hub, sink: _Sink) -> None:
        self._hub = hub
        self._sink = sink

    def open(self, session: str) -> Mailbox:
        """Begin a session, and return where its answers arrive."""
        mailbox = Mailbox(self._hub.present)
        self._hub._on_loop(partial(self._hub._open, self._sink, session, mailbox))
        return mailbox

    def post(self, batch: Batch) -> None:
        """Send messages; each gets an answer, or words that say why there is none."""
        self._hub._on_loop(partial(self._hub._post, self._sink, batch))

    def end(self, session: str) -> None:
        """End a session at all parties."""
        self._hub._on_loop(partial(self._hub._end, self._sink, session))

    def names(self) -> tuple[str, ...]:
        """Return the parties that the hub lists, connected or not."""
        return self._hub.names
