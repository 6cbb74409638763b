"""The hub's server: TLS, the list of who may connect, and a call for each of them.

Parties and requesters connect to it, and stay. It knows them by the certificates of their
connections, and by nothing that they say.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

import grpc
from grpc import aio

from wayfed.federated.grids.rpc.channel import (
    HUB_OPTIONS,
    PARTY_METHOD,
    REQUESTER_METHOD,
    SERVICE,
)
from wayfed.federated.grids.rpc.desk import Batch, Mailbox, Presence
from wayfed.federated.grids.rpc.exchange import LOG, Exchange, Limits, PartyLink
from wayfed.federated.grids.rpc.frames import (
    VERSION,
    Assembler,
    Frame,
    Header,
    MalformedFrame,
    MessageTooLarge,
    decode,
    framed,
)
from wayfed.federated.grids.rpc.identity import fingerprint_of
from wayfed.federated.grids.rpc.outgoing import Outgoing
from wayfed.federated.grids.rpc.seats import LocalSeat, RemoteSeat
from wayfed_optimizer.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed.federated.grids.rpc.identity import Identity
    from wayfed.federated.grids.rpc.roster import RosterSource

Call: TypeAlias = "aio.ServicerContext[bytes, bytes]"
_DEFAULTS: Final = Limits()
_ENDING_SECONDS: Final = 2.0


class Hub:
    """A server to which parties and requesters connect.

    Parameters
    ----------
    identity
        Its certificate and key.
    roster
        Who may connect; looked at again and again while it runs.
    limits
        What they may use.
    """

    def __init__(
        self, identity: Identity, roster: RosterSource, limits: Limits = _DEFAULTS
    ) -> None:
        self.identity = identity
        self.port = 0
        self._source = roster
        self._limits = limits
        self._exchange = Exchange(roster.current(), limits)
        self._seats: dict[tuple[str, str], RemoteSeat] = {}
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
            raise TransferError(
                f"the coordinator cannot listen at {address}",
                hint="is that an address of this machine, and does nothing else listen there?",
            ) from failures[0]

    def close(self) -> None:
        """Stop listening and end all connections; closing twice does nothing."""
        if self._thread is not None and self._thread.is_alive():
            self._on_loop(self._stop.set)
            self._thread.join()

    def desk(self, name: str, fingerprint: str) -> LocalDesk:
        """Seat a requester of this process."""
        seat = LocalSeat(name, fingerprint, self._limits.message_bytes)
        self._on_loop(partial(self._exchange.seat, seat))
        return LocalDesk(self._exchange, seat, self._on_loop)

    @property
    def present(self) -> dict[str, Presence]:
        """The parties that are connected, by name."""
        return self._exchange.present

    @property
    def names(self) -> tuple[str, ...]:
        """The parties that are listed."""
        return self._exchange.roster.names

    def look_at_roster(self) -> None:
        """Look at the roster now."""
        self._on_loop(self._look_at_roster)

    def _on_loop(self, call: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(call)

    # All that follows runs on the hub's thread.

    async def _serve(self, address: str, started: threading.Event) -> None:
        server = aio.server(options=HUB_OPTIONS, maximum_concurrent_rpcs=self._limits.connections)
        handlers = {
            PARTY_METHOD: grpc.stream_stream_rpc_method_handler(self._party),
            REQUESTER_METHOD: grpc.stream_stream_rpc_method_handler(self._requester),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.port = server.add_secure_port(address, self._credentials())
        await server.start()
        started.set()
        self._loop.call_later(self._limits.settle_seconds, self._exchange.settled)
        watching = asyncio.create_task(self._watch())
        await self._stop.wait()
        watching.cancel()
        await server.stop(0)
        # What served the calls ends by itself; the loop must not be closed before it has.
        ending = asyncio.all_tasks() - {_this_task()}
        if ending:
            await asyncio.wait(ending, timeout=_ENDING_SECONDS)

    def _credentials(self) -> grpc.ServerCredentials:
        served = self._exchange.roster

        def configuration() -> grpc.ServerCertificateConfiguration:
            pair = self.identity.key, self.identity.certificate
            roots = served.certificates or self.identity.certificate
            return grpc.ssl_server_certificate_configuration([pair], root_certificates=roots)

        def changed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal served
            if served is self._exchange.roster:
                return None
            served = self._exchange.roster
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
        if roster is self._exchange.roster:
            return
        self._exchange.apply(roster)
        for seat in list(self._seats.values()):
            if roster.requesters.get(seat.fingerprint) != seat.name:
                LOG.warning("requester '%s' is not listed any more: it is let go", seat.name)
                self._let_go(seat)

    async def _party(self, _: object, call: Call) -> None:
        fingerprint = _fingerprint(call)
        await self._named(call, fingerprint, "party")
        hello = (await self._first(call, "hello")).header
        await call.write(Frame("welcome", {"beat": self._limits.beat_seconds}).encode())
        name = await self._named(call, fingerprint, "party")  # the list may have changed meanwhile
        tables = tuple(map(str, hello["tables"]))
        presence = Presence(hello["boot"], tables, hello["min_rows"])
        link = PartyLink(name, fingerprint, presence, _this_task(), Outgoing())
        self._exchange.connect(link)
        writer = asyncio.create_task(_write(link, call, self._limits.stall_seconds))
        try:
            while (data := await self._next(link, call)) is not aio.EOF:
                await self._exchange.answered(link, decode(data))
        except MalformedFrame as error:
            LOG.warning("party '%s' sent %s: its connection ends", name, error.message)
            await call.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        except asyncio.CancelledError:
            await _tell_end(call, link.ended)
            raise
        finally:
            writer.cancel()
            self._exchange.disconnect(link)

    async def _requester(self, _: object, call: Call) -> None:
        fingerprint = _fingerprint(call)
        await self._named(call, fingerprint, "requester")
        knock = await self._first(call, "knock")
        name = await self._named(call, fingerprint, "requester")
        key = fingerprint, knock.header["boot"]
        seat = self._seats.get(key)
        if seat is None:
            if sum(each[0] == fingerprint for each in self._seats) >= self._limits.desks:
                await _refuse(call, f"'{name}' has {self._limits.desks} connections already")
            seat = self._seats[key] = RemoteSeat(
                name, fingerprint, knock.header["boot"], self._limits.stall_seconds
            )
        outlet = seat.attach(_this_task())
        if outlet.first:
            LOG.info("requester '%s' is connected", name)
            self._exchange.seat(seat)
        else:
            seat.see(self._exchange.roster.names, self._exchange.present)
        writer = asyncio.create_task(outlet.write(call))
        most = self._limits.message_bytes
        assembler = Assembler(most, together=most)
        try:
            while (data := await call.read()) is not aio.EOF:
                self._asked(seat, decode(data), assembler)
        except MalformedFrame as error:
            LOG.warning("requester '%s' sent %s: its connection ends", name, error.message)
            await call.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        except asyncio.CancelledError:
            await _tell_end(call, outlet.ended, refused=seat.revoked)
            raise
        finally:
            writer.cancel()
            if seat.detach(outlet):
                self._loop.call_later(self._limits.linger_seconds, self._let_go_if_away, seat)

    def _asked(self, seat: RemoteSeat, frame: Frame, assembler: Assembler) -> None:
        match frame.kind:
            case "send" | "part":
                try:
                    whole = assembler.take(frame)
                except MessageTooLarge as error:
                    LOG.warning("requester '%s' sent %s", seat.name, error.message)
                    for number, _ in _heads(frame.header).values():
                        seat.undelivered(frame.header["session"], number, error.message)
                    return
                if whole is not None:
                    first, content = whole
                    heads = _heads(first.header)
                    self._exchange.post(seat, Batch(first.header["session"], heads, content))
            case "end":
                self._exchange.end(seat, frame.header["session"])
            case _:
                raise MalformedFrame(f"a frame '{frame.kind}', which no requester sends")

    def _let_go_if_away(self, seat: RemoteSeat) -> None:
        if seat.is_away:
            self._let_go(seat)

    def _let_go(self, seat: RemoteSeat) -> None:
        self._seats.pop((seat.fingerprint, seat.boot), None)
        self._exchange.unseat(seat)
        seat.close()

    async def _named(self, call: Call, fingerprint: str, kind: str) -> str:
        """Return the name under which a certificate is listed; who is not listed is refused."""
        roster = self._exchange.roster
        name = (roster.parties if kind == "party" else roster.requesters).get(fingerprint)
        if name is None:
            await _refuse(call, f"the certificate {fingerprint} is not listed as a {kind}'s")
        return name

    async def _next(self, link: PartyLink, call: Call) -> Any:
        """Read a party's next frame; a party of which nothing is heard is let go.

        While an answer waits for its requester to read it, nobody listens to the party: only
        waiting for it counts.
        """
        try:
            async with asyncio.timeout(self._limits.silence_seconds):
                return await call.read()
        except TimeoutError:
            link.lost = f"was silent for {self._limits.silence_seconds:g} s"
            LOG.warning("party '%s' %s: its connection ends", link.name, link.lost)
            await call.abort(grpc.StatusCode.ABORTED, f"the party {link.lost}")

    async def _first(self, call: Call, kind: str) -> Frame:
        """Read the frame with which a connection begins."""
        try:
            data = await asyncio.wait_for(call.read(), self._limits.hello_seconds)
            frame = decode(data if isinstance(data, bytes) else b"")
        except (MalformedFrame, TimeoutError) as error:
            LOG.warning("%s did not say who it is: %s", call.peer(), error)
            await call.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the first frame is a {kind}")
        version = frame.header.get("version")
        if frame.kind != kind or version != VERSION:
            LOG.warning("%s began with a %s of version %s", call.peer(), frame.kind, version)
            await call.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"version {version} of the protocol is not spoken here, but version {VERSION}",
            )
        return frame


class LocalDesk:
    """The desk of a requester in the hub's own process.

    Parameters
    ----------
    exchange
        The hub's.
    seat
        The requester's.
    on_loop
        Calls on the hub's thread.
    """

    def __init__(
        self,
        exchange: Exchange,
        seat: LocalSeat,
        on_loop: Callable[[Callable[[], object]], None],
    ) -> None:
        self._exchange = exchange
        self._seat = seat
        self._on_loop = on_loop

    def open(self, session: str) -> Mailbox:
        """Begin a session, and return where its answers arrive."""
        mailbox = Mailbox(self._exchange.present)
        self._on_loop(partial(self._seat.open, session, mailbox))
        return mailbox

    def post(self, batch: Batch) -> None:
        """Send messages; each gets an answer, or words that say why there is none."""
        self._on_loop(partial(self._exchange.post, self._seat, batch))

    def end(self, session: str) -> None:
        """End a session at all parties."""
        self._on_loop(partial(self._seat.end, session))
        self._on_loop(partial(self._exchange.end, self._seat, session))

    def names(self) -> tuple[str, ...]:
        """Return the parties that the hub lists, connected or not."""
        return self._exchange.roster.names


async def _write(link: PartyLink, call: Call, patience: float) -> None:
    while True:
        kind, header, pieces = await link.outgoing.get()
        frames = framed(kind, header, *pieces) if pieces else (Frame(kind, header),)
        try:
            for frame in frames:
                async with asyncio.timeout(patience):
                    await call.write(frame.encode())
        except TimeoutError:
            LOG.warning("party '%s' reads nothing for %g s: it is let go", link.name, patience)
            link.end(f"nothing was read for {patience:g} s")
            return
        del pieces, frames  # they may be large while nothing is to be sent


async def _refuse(call: Call, reason: str) -> NoReturn:
    LOG.warning("refused a connection from %s: %s", call.peer(), reason)
    await call.abort(grpc.StatusCode.PERMISSION_DENIED, reason)
    raise AssertionError("abort raises")


async def _tell_end(call: Call, reason: str, *, refused: bool = False) -> None:
    """Tell who is connected that we ended the connection; grpcio ends it without a word."""
    if reason:
        _this_task().uncancel()
        code = grpc.StatusCode.PERMISSION_DENIED if refused else grpc.StatusCode.ABORTED
        await call.abort(code, reason)


def _fingerprint(call: Call) -> str:
    return fingerprint_of(call.auth_context()["x509_pem_cert"][0])


def _this_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("a handler runs in a task")
    return task


def _heads(header: Header) -> dict[str, tuple[int, bytes]]:
    """Read the heads of a batch."""
    heads: dict[str, tuple[int, bytes]] = {}
    for party, told in header["heads"].items():
        match told:
            case [int(number), str(head)]:
                try:
                    heads[party] = number, base64.b64decode(head, validate=True)
                except binascii.Error as error:
                    raise MalformedFrame(f"a head that is not base64: {error}") from error
            case _:
                raise MalformedFrame("a head that is not a number and bytes")
    return heads
