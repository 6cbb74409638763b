"""Calls into an engine that another thread can stop."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wayfed_optimizer.cancellation import CancellationToken

_ATTEMPTS: Final = 100
_SECONDS_BETWEEN: Final = 0.05


class Interruptible:
    """Counts the calls that are inside an engine, and interrupts until there is none.

    An interrupt that reaches an engine just before its call does is lost; so it is repeated.

    Parameters
    ----------
    token
        No call begins once it is cancelled.
    interrupt
        Makes the engine give up what it does; harmless when it does nothing.
    """

    def __init__(self, token: CancellationToken, interrupt: Callable[[], None]) -> None:
        self._token = token
        self._interrupt = interrupt
        self._calls = 0
        self._changed = Condition()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Mark the block as a call into the engine."""
        with self._changed:
            self._token.raise_if_cancelled()
            self._calls += 1
        try:
            yield
        finally:
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()

    def stop(self) -> None:
        """Interrupt what is under way, and wait (seconds, at most) until it has ended."""
        self._interrupt()
        with self._changed:
            for _ in range(_ATTEMPTS):
                if self._changed.wait_for(lambda: not self._calls, _SECONDS_BETWEEN):
                    return
                self._interrupt()
