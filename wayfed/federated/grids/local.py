"""The grid of one process: Flower's messages to ClientApps, without Ray, in a fixed order."""

from __future__ import annotations

import os
import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final

from flwr.app import Error, Message
from threadpoolctl import ThreadpoolController

from wayfed.federated.grids.base import PartyGrid, node_id_of
from wayfed.federated.parties.party import Party, PartyContext
from wayfed_optimizer.errors import InvalidOption, WayfedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


CLIENT_APP_RAISED: Final = 2
_WORTH_A_THREAD: Final = 200_000
"""Numbers a message, below which two threads were slower than one (measured)."""
_STEP_SECONDS: Final = 0.1
"""Waits are in steps: polars, once imported, lets no signal end a wait that has no timeout."""


class LocalGrid(PartyGrid):
    """Parties in this process, on a few threads; replies come in the order of the parties' names.

    A party answers one message at a time and keeps its state between them. BLAS works on one thread
    while parties do, so that neither the number of threads nor of cores can change a bit of the
    result.

    Without a deadline a party that hangs is waited for until Ctrl-C: nothing can end a thread from
    outside, and whoever would stop waiting may be the thread that hangs. With one, who is late is
    left alone; its thread keeps the interpreter from ending no more than the next round.

    Parameters
    ----------
    parties
        Who takes part.
    threads
        How many parties work at once; by default as many as there are cores where that pays, and
        all where answers have a deadline.
    """

    def __init__(self, parties: Iterable[Party], *, threads: int | None = None) -> None:
        ordered = sorted(parties, key=lambda party: party.name)
        super().__init__({node_id_of(party.name): party.name for party in ordered})
        if len(self.parties) != len(ordered):
            raise InvalidOption("two parties of a grid have the same name")
        self.seated = tuple(ordered)
        self._seats = {
            node_id: (
                party.app,
                PartyContext(party, node_id=node_id, number=number, parties=len(ordered)),
            )
            for number, (node_id, party) in enumerate(zip(self.parties, ordered, strict=True))
        }
        self._places = {node_id: place for place, node_id in enumerate(self.parties)}
        self._asked_threads = threads
        self._threads = threads or os.cpu_count() or 1
        self._blas = ThreadpoolController()
        self._busy: set[int] = set()
        self._causes: dict[int, BaseException] = {}

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """Deliver messages and give the replies that came within `timeout` seconds.

        The replies stand in the order of the parties' names. A party that is late finishes what it
        does for nobody; until then it gets no other work.
        """
        ordered = sorted(messages, key=lambda message: self._places[message.metadata.dst_node_id])
        for message in ordered:
            self._number(message)
        self._causes.clear()
        with self._blas.limit(limits=1, user_api="blas"):
            replies = self._work(ordered, timeout)
        return [replies[node] for node in self.parties if node in replies]

    def expect(self, work: int) -> None:
        """Take one thread where there is so little to do that threads only hand on the lock."""
        if self._asked_threads is None:
            self._threads = (os.cpu_count() or 1) if work >= _WORTH_A_THREAD else 1

    def patience(self, message_type: str) -> None:
        """Wait for parties of this process until Ctrl-C."""
        return

    def cause_of(self, node_id: int) -> BaseException | None:
        """Give what a party's app raised at the last message."""
        return self._causes.get(node_id)

    def close(self) -> None:
        """Forget the parties."""
        self.seated = ()
        self._seats.clear()

    def _work(self, messages: Sequence[Message], timeout: float | None) -> dict[int, Message]:
        replies: dict[int, Message] = {}
        queue = deque(messages)

        def work() -> None:
            while True:
                try:
                    message = queue.popleft()
                except IndexError:
                    return
                node = message.metadata.dst_node_id
                replies[node] = self._deliver(message)

        workers = min(self._threads, len(messages))
        if timeout is not None:
            # A thread for each: the work of those that are in time never waits for one that hangs.
            workers = len(messages)
        elif workers <= 1:
            work()
            return replies
        # Daemons, made anew: one that hangs keeps neither the next round nor the interpreter's end.
        threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
        try:
            for thread in threads:
                thread.start()
            end = None if timeout is None else monotonic() + timeout
            for thread in threads:
                _join(thread, end)
        finally:
            queue.clear()
        return dict(replies)

    def _deliver(self, message: Message) -> Message:
        node = message.metadata.dst_node_id
        if node in self._busy:
            return _failed(message, "is still busy with an earlier message")
        seat = self._seats.get(node)
        if seat is None:  # Ctrl-C closed the grid between the message and its delivery
            return _failed(message, "has left: the grid is closed")
        app, context = seat
        self._busy.add(node)
        try:
            reply = app(message, context)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever it raises is its answer
            self._causes[node] = error
            return _failed(message, describe_error(error))
        finally:
            self._busy.discard(node)
        if not isinstance(reply, Message):
            return _failed(message, f"answered {type(reply).__name__} instead of a Message")
        return reply


def describe_error(error: BaseException) -> str:
    """Say in one line what was raised; of our own errors without the place, which is ours too."""
    if isinstance(error, WayfedError):
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return f"{type(error).__name__}: {error}"


def _failed(message: Message, reason: str) -> Message:
    return Message(Error(code=CLIENT_APP_RAISED, reason=reason), reply_to=message)


def _join(thread: threading.Thread, end: float | None) -> None:
    """Wait for a thread, at most until `end`."""
    while thread.is_alive():
        left = _STEP_SECONDS if end is None else min(_STEP_SECONDS, end - monotonic())
        if left <= 0:
            return
        thread.join(left)
