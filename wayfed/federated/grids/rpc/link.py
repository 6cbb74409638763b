"""A party's way to its coordinator: outbound, kept, and taken up again when it breaks."""

from __future__ import annotations

import logging
import random
import threading
import uuid
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

import grpc

from wayfed.federated.grids.rpc.channel import (
    PARTY_METHOD,
    SERVICE,
    open_channel,
    pinned_certificate,
)
from wayfed.federated.grids.rpc.frames import (
    VERSION,
    Assembler,
    Frame,
    MalformedFrame,
    decode,
    framed,
)
from wayfed.federated.grids.rpc.hosting import Ask, Hosting
from wayfed_optimizer.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    from wayfed.federated.grids.rpc.hosting import Answering
    from wayfed.federated.grids.rpc.identity import Identity

LOG: Final = logging.getLogger("wayfed.federated.party")
_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 15.0
_REFUSED: Final = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION)
_REFUSED_DELAY: Final = 5.0


@dataclass(frozen=True, slots=True)
class Coordinator:
    """Where a hub is, and how it is known.

    Parameters
    ----------
    address
        ``host:port``.
    fingerprint
        Of its certificate; whoever shows another one is told nothing.
    certificate
        The certificate itself in PEM, where it is here; else it is fetched and compared.
    """

    address: str
    fingerprint: str
    certificate: bytes | None = None


class Link:
    """One party's connection; `serve` keeps it until `stop`.

    Parameters
    ----------
    name, identity
        The party.
    coordinator
        Where it connects to.
    tables, min_rows
        What it tells of itself.
    make
        Makes a session for a plan that arrives.
    serves
        Gives the fingerprints of the requesters that it serves.
    first
        The type of the message that begins a session.
    message_bytes
        The largest message that it takes.
    """

    def __init__(
        self,
        name: str,
        identity: Identity,
        coordinator: Coordinator,
        *,
        tables: tuple[str, ...],
        min_rows: int,
        make: Callable[[], Answering],
        serves: Callable[[], Container[str]],
        first: str,
        message_bytes: int = 1 << 30,
    ) -> None:
        self._name = name
        self._identity = identity
        self._coordinator = coordinator
        self._certificate = coordinator.certificate
        self._hello = Frame(
            "hello",
            {
                "version": VERSION,
                "boot": uuid.uuid4().hex,
                "tables": list(tables),
                "min_rows": min_rows,
            },
        ).encode()
        self._limit = message_bytes
        self._hosting = Hosting(name, make, serves, self._reply, first)
        self._stopping = threading.Event()
        self._outgoing: SimpleQueue[tuple[str, int, bytes] | None] = SimpleQueue()
        self._call: grpc.Call | None = None

    def serve(self) -> None:
        """Stay connected and answer until `stop` is called."""
        delay = _FIRST_DELAY
        while not self._stopping.is_set():
            try:
                if self._connected():
                    delay = _FIRST_DELAY
            except TransferError as error:
                LOG.warning("%s", error)
            except grpc.RpcError as error:
                delay = self._broken(error, delay)
            except MalformedFrame as error:
                LOG.warning("the coordinator sent %s: the connection ends", error.message)
            if self._stopping.wait(delay * random.uniform(0.75, 1.25)):
                break
            delay = min(2 * delay, _LONGEST_DELAY)
        self._hosting.close()

    def stop(self) -> None:
        """Disconnect, and let `serve` return."""
        self._stopping.set()
        self._outgoing.put(None)
        if self._call is not None:
            self._call.cancel()

    def _broken(self, error: grpc.RpcError, delay: float) -> float:
        if self._stopping.is_set():
            return delay
        code, details = error.code(), error.details()
        if code in _REFUSED:
            LOG.error("the coordinator refuses this party: %s", details)
            return max(delay, _REFUSED_DELAY)
        LOG.warning("no connection to %s: %s", self._coordinator.address, details)
        return delay

    def _connected(self) -> bool:
        """Connect, and answer until the connection ends; say whether there was one."""
        address = self._coordinator.address
        if self._certificate is None:
            self._certificate = pinned_certificate(address, self._coordinator.fingerprint)
        outgoing: SimpleQueue[tuple[str, int, bytes] | None] = SimpleQueue()
        assembler = Assembler(self._limit)
        with open_channel(address, self._certificate, self._identity) as channel:
            call = channel.stream_stream(f"/{SERVICE}/{PARTY_METHOD}")(self._frames(outgoing))
            self._call, self._outgoing = call, outgoing
            try:
                for data in call:
                    self._take(decode(data), assembler)
            finally:
                outgoing.put(None)
                call.cancel()
        return True

    def _frames(self, outgoing: SimpleQueue[tuple[str, int, bytes] | None]) -> Iterator[bytes]:
        yield self._hello
        while (answer := outgoing.get()) is not None:
            session, number, data = answer
            del answer
            for frame in framed("answer", {"session": session, "number": number}, data):
                yield frame.encode()

    def _take(self, frame: Frame, assembler: Assembler) -> None:
        header = frame.header
        match frame.kind:
            case "ask" | "part":
                whole = assembler.take(frame)
                if whole is None:
                    return
                first, data = whole
                named = first.header
                self._hosting.ask(
                    Ask(
                        named["requester"],
                        named["fingerprint"],
                        named["session"],
                        named["number"],
                        data,
                    )
                )
            case "end":
                self._hosting.end(header["fingerprint"], header["session"])
            case "welcome":
                LOG.info("connected to %s", self._coordinator.address)
            case _:
                raise MalformedFrame(f"a frame '{frame.kind}', which no coordinator sends")

    def _reply(self, session: str, number: int, data: bytes) -> None:
        # What is put into a queue that nobody empties any more is asked for again.
        self._outgoing.put((session, number, data))
