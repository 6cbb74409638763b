"""A connection to a hub: outbound, kept, and taken up again when it breaks."""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias

import grpc

from wayfed.federated.grids.rpc.channel import SERVICE, open_channel, pinned_certificate
from wayfed.federated.grids.rpc.frames import (
    CONNECTED_ANEW,
    Frame,
    MalformedFrame,
    decode,
    unbundled,
)
from wayfed.federated.grids.rpc.pace import Pace
from wayfed.federated.grids.rpc.seldom import Seldom
from wayfed_optimizer.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wayfed.federated.grids.rpc.identity import Identity

LOG: Final = logging.getLogger("wayfed.federated.connection")
_REFUSED: Final = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION)
_REFUSED_DELAY: Final = 2.0
_NEVER: Final = "failed to connect"
_CLOSED: Final = ("Socket closed", "reset by peer")
"""What is left of TLS's reason for taking no certificate."""

Frames: TypeAlias = "Iterable[Frame]"


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


class Outbound:
    """A connection that is kept until `stop`.

    Parameters
    ----------
    coordinator
        Where to.
    identity
        Who connects.
    method
        As what: as a party or as a requester.
    first
        The frame with which each connection begins.
    begin
        Called when a connection begins, before its first frame arrives.
    take
        Takes the frames that arrive.
    lost
        Called when a connection has ended or could not be made, with the reason.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        identity: Identity,
        *,
        method: str,
        first: Frame,
        begin: Callable[[], None],
        take: Callable[[Frame], None],
        lost: Callable[[str], None],
    ) -> None:
        self._coordinator = coordinator
        self._certificate = coordinator.certificate
        self._identity = identity
        self._path = f"/{SERVICE}/{method}"
        self._first = first
        self._begin = begin
        self._take = take
        self._lost = lost
        self._stopping = threading.Event()
        self._outgoing: SimpleQueue[Frames | None] = SimpleQueue()
        self._call: grpc.Call | None = None
        self._seldom = Seldom()

    def send(self, frames: Frames) -> None:
        """Send frames over the connection that there is now."""
        self._outgoing.put(frames)

    def run(self) -> None:
        """Stay connected until `stop` is called."""
        pace = Pace()
        while not self._stopping.is_set():
            ended, began = "", monotonic()
            try:
                self._connect()
            except TransferError as error:
                self._tell(logging.WARNING, str(error))
                self._lost(error.message)
            except grpc.RpcError as error:
                if self._stopping.is_set():
                    return
                ended = self._broken(error)
            except MalformedFrame as error:
                told = f"the coordinator sent {error.message}: the connection ends"
                self._tell(logging.WARNING, told)
                self._lost(f"it sent {error.message}")
            lasted = monotonic() - began if self._was_connected else None
            if lasted is not None and pace.is_steady(lasted):
                self._seldom = Seldom()
            delay = pace.after(lasted, displaced=ended.endswith(CONNECTED_ANEW))
            least = _REFUSED_DELAY if self.refused else 0.0
            # Parties that lost one coordinator do not all come back in the same moment.
            self._stopping.wait(max(delay, least) * random.uniform(0.75, 1.25))  # noqa: S311  # no secret

    def stop(self) -> None:
        """End the connection, and let `run` return."""
        self._stopping.set()
        self._outgoing.put(None)
        if self._call is not None:
            self._call.cancel()

    refused = ""
    """Why the coordinator let nobody in when this connected last; empty where it did not refuse."""
    _was_connected = False

    def _connect(self) -> None:
        """Connect, and take what arrives until the connection ends."""
        self._was_connected = False
        address = self._coordinator.address
        if self._certificate is None:
            self._certificate = pinned_certificate(address, self._coordinator.fingerprint)
        outgoing: SimpleQueue[Frames | None] = SimpleQueue()
        outgoing.put((self._first,))
        with open_channel(address, self._certificate, self._identity) as channel:
            call = channel.stream_stream(self._path)(_encoded(outgoing))
            self._call, self._outgoing = call, outgoing
            if self._stopping.is_set():
                call.cancel()
            self._begin()
            try:
                for data in call:
                    if not self._was_connected:
                        self._was_connected, self.refused = True, ""
                        LOG.info("connected to %s", address)
                    for frame in unbundled(decode(data)):
                        self._take(frame)
            finally:
                outgoing.put(None)
                call.cancel()
        self._lost("the connection ended")

    def _broken(self, error: grpc.RpcError) -> str:
        """Say what broke a connection, and return it."""
        reason = self._explained(str(error.details()))
        self.refused = reason if error.code() in _REFUSED else ""
        address = self._coordinator.address
        if self.refused:
            self._tell(logging.ERROR, f"the coordinator at {address} refuses: {reason}")
        else:
            self._tell(logging.WARNING, f"no connection to {address}: {reason}")
        self._lost(reason)
        return reason

    def _explained(self, reason: str) -> str:
        """Say what a connection that TLS closed may mean; TLS itself says no more than that."""
        if (problem := self._identity.problem) is not None:
            return problem
        if _NEVER not in reason or not any(closed in reason for closed in _CLOSED):
            return reason
        own = self._identity.fingerprint
        return f"{reason}; if it listens there, it may not list this certificate, {own}"

    def _tell(self, level: int, told: str) -> None:
        """Tell what keeps this from its coordinator; it tries again much more often."""
        if self._seldom.is_due(told):
            LOG.log(level, "%s", told)


def _encoded(outgoing: SimpleQueue[Frames | None]) -> Iterator[bytes]:
    while (frames := outgoing.get()) is not None:
        for frame in frames:
            yield frame.encode()
        del frames  # it may hold a large message while nothing is to be sent
