"""How many connections to a server are in use at once, where somebody set a limit.

A run waits for a connection to a server only while it has none, and puts all of its statements to
the one that it has where there are no more; of several servers it waits for one after the other,
in the order that all runs keep, before it asks any of them. Who writes waits for a place that only
writers take, and reads already. So whoever has a connection of each can go on with them alone, and
no two wait for each other.
"""

from __future__ import annotations

from threading import Condition
from time import monotonic
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import ExecutionError, InvalidOption

if TYPE_CHECKING:
    from wayfed_optimizer.cancellation import CancellationToken

LEAST: Final = 2
"""One that reads, and one that writes what was read."""

_SECONDS_TO_WAIT: Final = 300.0
_STEP_SECONDS: Final = 0.05


class Places:
    """Places for connections, as many as there may be.

    Parameters
    ----------
    count
        None where there is no limit.

    Examples
    --------
    >>> places = Places(1)
    >>> places.take_if_free(), places.take_if_free()
    (True, False)
    """

    def __init__(self, count: int | None) -> None:
        self._count = count
        self._taken = 0
        self._changed = Condition()

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self._count is not None

    def take_if_free(self) -> bool:
        """Take a place where one is free, and say whether one was."""
        with self._changed:
            if self._count is not None and self._taken >= self._count:
                return False
            self._taken += 1
            return True

    def take(self, token: CancellationToken) -> None:
        """Take a place, waiting until one is free.

        Raises
        ------
        Cancelled
            Where the run was stopped meanwhile.
        ExecutionError
            Where none has become free for minutes: a result that nobody reads on keeps its own.
        """
        end = monotonic() + _SECONDS_TO_WAIT
        while not self.take_if_free():
            token.raise_if_cancelled()
            if monotonic() > end:
                raise ExecutionError(
                    f"all {self._count} connections that may be in use at once have been for "
                    f"{_SECONDS_TO_WAIT:.0f} s",
                    platform="postgresql",
                    hint="read or close the results that are open, or raise connections",
                )
            with self._changed:
                self._changed.wait(_STEP_SECONDS)

    def give_back(self) -> None:
        """Let others have a place."""
        with self._changed:
            self._taken -= 1
            self._changed.notify()


def checked(connections: object) -> int | None:
    """Return a limit that somebody set.

    Raises
    ------
    InvalidOption
        Where it is no number, or too small.

    Examples
    --------
    >>> checked(4), checked(None)
    (4, None)
    """
    if connections is None:
        return None
    if not isinstance(connections, int) or isinstance(connections, bool) or connections < LEAST:
        raise InvalidOption(
            f"connections = {connections!r} is no number from {LEAST} on",
            hint="one connection is for writing, the others are for reading",
        )
    return connections


def checked_readers(readers: object, connections: int | None) -> int:
    """Return how many connections may read one table, where somebody said it.

    Raises
    ------
    InvalidOption
        Where it is no number, or more than there may be connections.

    Examples
    --------
    >>> checked_readers(None, None), checked_readers(4, 8)
    (1, 4)
    """
    if readers is None:
        return 1
    if not isinstance(readers, int) or isinstance(readers, bool) or readers < 1:
        raise InvalidOption(
            f"readers = {readers!r} is no number from 1 on",
            hint="more than one pays where a link gives each connection so much and no more",
        )
    if connections is not None and readers > connections:
        raise InvalidOption(
            f"readers = {readers} is more than connections = {connections}",
            hint="raise connections, or lower readers",
        )
    return readers
