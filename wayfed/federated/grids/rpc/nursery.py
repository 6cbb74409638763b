"""A process that imports everything once and becomes the parties that a runner starts here.

It is told the package of the door where they will be asked, and given a pipe a party. Each carries
two lines of JSON: what the party is to be, and what it has to know of the door, which takes longer
to make. It stays open as long as whoever started it lives. The process tells of the parties in
lines of JSON on its standard output: the process id of each, and, when one has ended, how, and what
it said last. It ends when they all have.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
import threading
from bisect import bisect_right
from typing import Any, Final

_FOR_FIRST_PLANS: Final = (
    "duckdb",
    "numpy.ma",
    "pyarrow.compute",
    "pyarrow.parquet",
    "wayfed.calibration.observing",
    "wayfed.execution.executor",
    "wayfed.execution.losses",
    "wayfed.federated.parties.member",
    "wayfed.models",
    "wayfed_sql",
)
"""What every party imports when it is asked for the first time."""
_LONGEST: Final = select.PIPE_BUF - 64
"""Bytes of last words: with all around them they go into a pipe at once, or not at all."""


def main(package: str, descriptors: list[int]) -> None:
    """Become one process a pipe, and wait until all of them have ended."""
    # What packages print at their import, and parties later, is no news: it goes where errors go.
    news = os.dup(1)
    os.dup2(2, 1)
    # Nobody reads them any more when all parties have started: no party waits for that at its end.
    os.set_blocking(news, False)
    gc.disable()  # what is imported is no garbage: to look for some is a fifth of the time
    serve = _import_all(package)
    gc.freeze()  # else each party copies all of it by looking
    gc.enable()
    try:
        _fork(descriptors, serve, news)
    finally:
        gc.unfreeze()


def _fork(descriptors: list[int], serve: Any, news: int) -> None:
    children = {}
    for place, descriptor in enumerate(descriptors):
        child = os.fork()  # there is one thread as yet
        if child == 0:
            for other in descriptors[:place] + descriptors[place + 1 :]:
                _close(other)
            try:
                _be_party(descriptor, serve)
            except BaseException as error:
                _tell(news, party=place, said=_last_words(error))
                raise
            return
        children[child] = place
        _tell_surely(news, party=place, pid=child)
    for descriptor in descriptors:
        os.close(descriptor)
    while children:
        child, status = os.wait()
        if child in children:
            code = os.waitstatus_to_exitcode(status)
            _tell_surely(news, party=children.pop(child), code=code)


def _tell(news: int, **what: object) -> bool:
    """Write a line if there is room for all of it; say whether there was."""
    try:
        with contextlib.suppress(BrokenPipeError):  # nobody listens any more
            os.write(news, f"{json.dumps(what)}\n".encode())
    except BlockingIOError:
        return False
    return True


def _tell_surely(news: int, **what: object) -> None:
    """Write a line when there is room for it: this process has nothing else to do."""
    room = select.poll()
    room.register(news, select.POLLOUT)
    while not _tell(news, **what):
        room.poll()


def _last_words(error: BaseException) -> str:
    """Return what an error says, if it is ours: what others say may quote an address or a value."""
    from wayfed.federated.grids.local import describe_error
    from wayfed_optimizer.errors import WayfedError

    said = describe_error(error) if isinstance(error, WayfedError) else type(error).__name__
    return _cut(said)


def _cut(said: str) -> str:
    """Return as much of the beginning as JSON says in the bytes of last words."""
    ends = range(1, min(len(said), _LONGEST) + 1)
    return said[: bisect_right(ends, _LONGEST, key=lambda end: len(json.dumps(said[:end])))]


def _be_party(descriptor: int, serve: Any) -> None:
    from threadpoolctl import threadpool_limits

    from wayfed.federated.wire import flower_process

    # Ctrl-C in a terminal reaches the whole group; whoever started us decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(descriptor, "rb") as lifeline:
        line = lifeline.readline()
        if not line:  # whoever started us is gone already
            return
        with flower_process(), threadpool_limits(1, user_api="blas"):
            member = _member(json.loads(line))
            line = lifeline.readline()
            if not line:
                return
            threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
            serve(member, json.loads(line))


def _end_with(lifeline: Any) -> None:
    lifeline.read()
    os._exit(0)  # nothing here outlives the process that started us


def _member(told: dict[str, Any]) -> Any:
    from wayfed.federated.parties.configuration import PartyConfiguration
    from wayfed.federated.parties.member import Member
    from wayfed_optimizer.types import Schema

    published = {table: Schema.of(**columns) for table, columns in told["published"].items()}
    party = PartyConfiguration.model_validate(told["party"])
    return Member.of(told["name"], party, published, optimize_for=told["optimize_for"])


def _import_all(package: str) -> Any:
    """Import what every party needs; the parties then have it at once, and in common memory."""
    from wayfed.connectors import connectors

    connectors()
    for module in _FOR_FIRST_PLANS:
        importlib.import_module(module)
    return importlib.import_module(f"wayfed.federated.grids.{package}.door").serve


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return


if __name__ == "__main__":
    main(sys.argv[1], [int(argument) for argument in sys.argv[2:]])
