"""What a party says while it is connected, whatever it works at: that its process runs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_LEAST_SECONDS: Final = 0.05
_MOST_SECONDS: Final = 60.0


class Pulse:
    """Calls again and again, from a thread of its own, between `start` and `stop`.

    The interpreter has to run for that: a process that is stopped, or stuck in code that never lets
    go of the interpreter, is not heard, though its machine still answers for the connection.

    Parameters
    ----------
    beat
        What is called.
    """

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._stopped = threading.Event()

    def start(self, seconds: float) -> None:
        """Begin, in a rhythm that who listens asks for; what was begun before ends."""
        self.stop()
        stopped = self._stopped = threading.Event()
        rhythm = min(max(_LEAST_SECONDS, seconds), _MOST_SECONDS)
        thread = threading.Thread(
            target=self._run, args=(stopped, rhythm), name="wayfed-pulse", daemon=True
        )
        thread.start()

    def stop(self) -> None:
        """End; stopping twice does nothing."""
        self._stopped.set()

    def _run(self, stopped: threading.Event, rhythm: float) -> None:
        while not stopped.wait(rhythm):
            self._beat()
