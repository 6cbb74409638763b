"""A party whose interpreter is stuck from the first message on; run by test_liveness."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from flwr.app import Context, Message

from tests.integration.rpc_parties import FIRST, Echo
from wayfed.federated.grids.rpc.identity import Identity, fingerprint_of
from wayfed.federated.grids.rpc.link import Link
from wayfed.federated.grids.rpc.outbound import Coordinator
from wayfed.federated.wire import flower_process

LONG_SECONDS = 600


class Stuck(Echo):
    """A session that never lets go of the interpreter."""

    def answer(self, message: Message, context: Context) -> Message:
        ctypes.PyDLL(None).sleep(LONG_SECONDS)  # unlike CDLL, it keeps all other threads waiting
        return super().answer(message, context)


def main(directory: str, address: str, requester: str) -> None:
    """Be a party of these files until the process is killed."""
    hub, certificate, key = (
        Path(directory, name).read_bytes() for name in ("hub.pem", "birch.pem", "birch.key")
    )
    with flower_process():
        Link(
            "birch",
            Identity(certificate, key),
            Coordinator(address, fingerprint_of(hub), hub),
            tables=(),
            min_rows=1,
            make=Stuck,
            serves=lambda: {requester},
            first=FIRST,
        ).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
