"""One token a run: whoever holds it can stop the work, on every engine at once."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Event, Lock
from typing import TYPE_CHECKING

from wayfed_optimizer.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class CancellationToken:
    """Says whether a run was asked to stop, and tells those who work for it; safe across threads.

    Examples
    --------
    >>> token = CancellationToken()
    >>> stopped = []
    >>> with token.calling(lambda: stopped.append("engine")):
    ...     token.cancel("Ctrl-C")
    >>> token.cancelled, stopped
    (True, ['engine'])
    """

    def __init__(self) -> None:
        self._event = Event()
        self._lock = Lock()
        self._callbacks: list[Callable[[], None]] = []
        self.reason = ""

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()

    def cancel(self, reason: str = "cancelled") -> None:
        """Ask to stop; calls every registered callback once, the latest first.

        Asking again does nothing.
        """
        with self._lock:
            if self._event.is_set():
                return
            self.reason = reason
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in reversed(callbacks):
            callback()

    def raise_if_cancelled(self) -> None:
        """Raise Cancelled if somebody asked to stop."""
        if self._event.is_set():
            raise Cancelled(f"the run was stopped: {self.reason}")

    def wait(self, seconds: float) -> bool:
        """Wait until somebody asks to stop, at most `seconds`; return whether somebody did."""
        return self._event.wait(seconds)

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call `callback` if the run is cancelled inside the block, at once if it already was."""
        with self._lock:
            late = self._event.is_set()
            if not late:
                self._callbacks.append(callback)
        if late:
            callback()
        try:
            yield
        finally:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)
