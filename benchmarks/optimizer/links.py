"""A slow link on this machine: passes a server's bytes on no faster than is said."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread
from time import sleep
from typing import Self
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 1 << 15


class SlowLink:
    """Stands before a server while its ``with`` block lasts.

    Parameters
    ----------
    url
        Of the server.
    bytes_per_second
        That it passes on, each way and for each connection.
    latency
        Seconds that each message of the client's waits.
    """

    def __init__(self, url: str, *, bytes_per_second: float, latency: float) -> None:
        self._server = urlsplit(url)
        self._rate = bytes_per_second
        self._latency = latency
        self._socket = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        """The server's URL, by way of the link."""
        user = self._server.netloc.rpartition("@")[0]
        port = self._socket.getsockname()[1]
        there = self._server._replace(netloc=f"{user}@127.0.0.1:{port}", query="sslmode=disable")
        return urlunsplit(there)

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
            server = socket.create_connection((self._server.hostname, self._server.port))
            for source, target, wait in ((client, server, self._latency), (server, client, 0.0)):
                Thread(target=self._pump, args=(source, target, wait), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, wait: float) -> None:
        try:
            while data := source.recv(_CHUNK):
                sleep(wait + len(data) / self._rate)
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
