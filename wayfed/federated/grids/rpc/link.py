"""A party's side of its connection: messages arrive, sessions answer them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from wayfed.federated.grids.rpc.channel import PARTY_METHOD
from wayfed.federated.grids.rpc.frames import (
    VERSION,
    Assembler,
    Frame,
    MalformedFrame,
    MessageTooLarge,
    framed,
)
from wayfed.federated.grids.rpc.hosting import Ask, Hosting
from wayfed.federated.grids.rpc.outbound import Coordinator, Outbound
from wayfed.federated.grids.rpc.pulse import Pulse

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from wayfed.federated.grids.rpc.identity import Identity
    from wayfed.federated.parties.audit import Asker
    from wayfed.federated.parties.party import Answering


class Link:
    """One party's connection to its coordinator.

    Parameters
    ----------
    name, identity
        The party.
    coordinator
        Where it connects to.
    tables, min_rows
        What it tells of itself.
    make
        Makes a session for whoever asks, when its first message arrives.
    serves
        Gives the fingerprints of the requesters that it serves.
    first
        The type of the message that begins a session.
    message_bytes
        The largest message that it takes; of unfinished ones as much together.
    """

    def __init__(
        self,
        name: str,
        identity: Identity,
        coordinator: Coordinator,
        *,
        tables: tuple[str, ...],
        min_rows: int,
        make: Callable[[Asker], Answering],
        serves: Callable[[], Container[str]],
        first: str,
        message_bytes: int = 1 << 30,
    ) -> None:
        hello = {
            "version": VERSION,
            "boot": uuid.uuid4().hex,
            "tables": list(tables),
            "min_rows": min_rows,
        }
        self._limit = message_bytes
        self._assembler = Assembler(message_bytes, together=message_bytes)
        self._hosting = Hosting(name, make, serves, self._reply, first)
        self._outbound = Outbound(
            coordinator,
            identity,
            method=PARTY_METHOD,
            first=Frame("hello", hello),
            begin=self._begin,
            take=self._take,
            lost=self._lost,
        )
        self._pulse = Pulse(self._beat)

    def serve(self) -> None:
        """Stay connected and answer until `stop` is called."""
        try:
            self._outbound.run()
        finally:
            self._pulse.stop()
            self._hosting.close()

    def stop(self) -> None:
        """Disconnect, and let `serve` return."""
        self._outbound.stop()

    def _begin(self) -> None:
        self._assembler = Assembler(self._limit, together=self._limit)

    def _lost(self, reason: str) -> None:
        self._pulse.stop()  # a party only waits until it is connected again

    def _beat(self) -> None:
        self._outbound.send((Frame("beat", {}),))

    def _take(self, frame: Frame) -> None:
        match frame.kind:
            case "welcome":
                self._pulse.start(frame.header["beat"])
            case "ask" | "part":
                try:
                    whole = self._assembler.take(frame)
                except MessageTooLarge as error:
                    self._hosting.refuse(Ask.of(frame.header, b""), error.message)
                    return
                if whole is not None:
                    first, data = whole
                    self._hosting.ask(Ask.of(first.header, data))
            case "end":
                self._hosting.end(frame.header["fingerprint"], frame.header["session"])
            case _:
                raise MalformedFrame(f"a frame '{frame.kind}', which no coordinator sends")

    def _reply(self, session: str, number: int, data: bytes) -> None:
        # What goes into a connection that has broken is asked for again over the next one.
        self._outbound.send(framed("answer", {"session": session, "number": number}, data))
