"""A process that imports everything once and becomes the parties of the runner `processes`.

It is given a pipe a party. Each carries one line of JSON, what the party is to be, and stays open
as long as whoever started it lives. It writes the process ids of the parties, a line each, in the
order of the pipes, and ends when they all have.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
from typing import Any


def main(descriptors: list[int]) -> None:
    """Become one process a pipe, and wait until all of them have ended."""
    _import_all()
    children = []
    for place, descriptor in enumerate(descriptors):
        child = os.fork()  # there is one thread as yet
        if child == 0:
            for other in descriptors[:place] + descriptors[place + 1 :]:
                _close(other)
            _be_party(descriptor)
            return
        children.append(child)
        os.write(1, f"{child}\n".encode())
    for descriptor in descriptors:
        os.close(descriptor)
    for child in children:
        os.waitpid(child, 0)


def _be_party(descriptor: int) -> None:
    # Ctrl-C in a terminal reaches the whole group; whoever started us decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(descriptor, "rb") as lifeline:
        line = lifeline.readline()
        if not line:  # whoever started us is gone already
            return
        told = json.loads(line)
        threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
        serve(told)


def _end_with(lifeline: Any) -> None:
    lifeline.read()
    os._exit(0)  # nothing here outlives the process that started us


def serve(told: dict[str, Any]) -> None:
    """Be the party that is told of."""
    from threadpoolctl import threadpool_limits

    from wayfed.federated.parties.configuration import PartyConfiguration
    from wayfed.federated.parties.member import Member
    from wayfed.federated.wire import flower_process
    from wayfed_optimizer.types import Schema

    published = {table: Schema.of(**columns) for table, columns in told["published"].items()}
    party = PartyConfiguration.model_validate(told["party"])
    member = Member.of(told["name"], party, published, optimize_for=told["optimize_for"])
    door = importlib.import_module(f"wayfed.federated.grids.{told['door']}.door")
    with flower_process(), threadpool_limits(1, user_api="blas"):
        door.serve(member, told)


def _import_all() -> None:
    """Import what every party needs; the parties then have it at once, and in common memory."""
    import wayfed.federated.grids.rpc.serving
    import wayfed.federated.parties.member  # noqa: F401  # for the parties


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
