"""When what goes on and on is worth a line in the log: at once, then less and less often."""

from __future__ import annotations

from time import monotonic
from typing import Final

_FIRST_SECONDS: Final = 15.0
_LONGEST_SECONDS: Final = 3600.0
_REASONS: Final = 8
"""How many reasons are told at once; who fails each time for another one is told seldom too."""


class Seldom:
    """Says whether a failure that is met again and again is to be told now.

    The first is, and one for a reason that was not told yet; then the pauses double.

    Examples
    --------
    >>> seldom = Seldom()
    >>> [second for second in range(0, 200, 5) if seldom.is_due("nobody answers", second)]
    [0, 15, 45, 105]
    >>> seldom.is_due("it refuses", 106)
    True
    """

    def __init__(self) -> None:
        self._reasons: set[str] = set()
        self._pause = _FIRST_SECONDS
        self._next = 0.0
        self._since: float | None = None

    def is_due(self, reason: str, now: float | None = None) -> bool:
        """Say whether `reason` is to be told now, in seconds of a clock that never goes back."""
        now = monotonic() if now is None else now
        if self._since is None:
            self._since = self._next = now
        is_new = reason not in self._reasons and len(self._reasons) < _REASONS
        if is_new:
            self._reasons.add(reason)
        if now < self._next:
            return is_new
        self._next = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_SECONDS)
        return True
