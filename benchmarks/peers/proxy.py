"""Stands between a client and PostgreSQL, and counts what passes: statements, rows and bytes.

It tells the truth where the server's own statistics do not: rows that a cursor never fetched are
not counted, and those of COPY are. Rows of ``COPY … TO STDOUT (FORMAT binary)``, by which ADBC
reads, come one a message; the message that ends the copy is taken off.
"""

from __future__ import annotations

import select
import socket
import struct
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

_CHUNK: Final = 1 << 18
_HEAD: Final = 5


@dataclass(slots=True)
class Passed:
    """What has passed.

    Parameters
    ----------
    statements
        That the client sent, each a round trip.
    rows, copied
        That the server sent as answers, and by COPY.
    bytes
        That the server sent.
    connections
        That were made.
    """

    statements: int = 0
    rows: int = 0
    copied: int = 0
    bytes: int = 0
    connections: int = 0


class Proxy:
    """Listens on a port of its own while its ``with`` block lasts.

    Parameters
    ----------
    url
        Of the server.
    """

    def __init__(self, url: str) -> None:
        self._server = urlsplit(url)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._lock = Lock()
        self.passed = Passed()

    @property
    def url(self) -> str:
        """The server's URL, by way of the proxy."""
        there = self._server
        port = self._socket.getsockname()[1]
        user = there.netloc.rpartition("@")[0]
        return urlunsplit(
            there._replace(netloc=f"{user}@127.0.0.1:{port}", query="sslmode=disable")
        )

    def taken(self) -> Passed:
        """Return what has passed since this was last asked."""
        with self._lock:
            taken, self.passed = self.passed, Passed()
        return taken

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection((self._server.hostname, self._server.port))
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self.passed.connections += 1
        asked, answered = _Messages(untyped=1), _Messages(untyped=0)
        with client, server:
            while True:
                for ready in select.select((client, server), (), ())[0]:
                    try:
                        data = ready.recv(_CHUNK)
                    except OSError:
                        return
                    if not data:
                        return
                    counts = (asked if ready is client else answered).counts(data)
                    self._count(counts, 0 if ready is client else len(data), ready is client)
                    # Counted first: who has the last row may ask for the counts at once.
                    (server if ready is client else client).sendall(data)

    def _count(self, counts: dict[int, int], size: int, asked: bool) -> None:
        with self._lock:
            passed = self.passed
            if asked:
                passed.statements += counts.get(ord("Q"), 0) + counts.get(ord("E"), 0)
                return
            passed.bytes += size
            passed.rows += counts.get(ord("D"), 0)
            passed.copied += counts.get(ord("d"), 0) - counts.get(ord("H"), 0)


class _Messages:
    """Counts the messages of one direction by kind, however they are cut into pieces."""

    def __init__(self, *, untyped: int) -> None:
        self._untyped = untyped  # the first message of a client says no kind
        self._rest = b""
        self._skip = 0

    def counts(self, data: bytes) -> dict[int, int]:
        found: dict[int, int] = {}
        if self._skip >= len(data):
            self._skip -= len(data)
            return found
        buffer = self._rest + data[self._skip :]
        self._skip, at, end = 0, 0, len(buffer)
        while end - at >= _HEAD:
            if self._untyped:
                (length,) = struct.unpack_from("!i", buffer, at)
                self._untyped -= 1
                at += length
                continue
            kind, length = struct.unpack_from("!Bi", buffer, at)
            found[kind] = found.get(kind, 0) + 1
            at += 1 + length
        self._rest = buffer[at:] if at < end else b""
        self._skip = max(0, at - end)
        return found
