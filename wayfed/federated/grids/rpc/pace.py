"""How long to wait before connecting again: a moment after what went well, else ever longer."""

from __future__ import annotations

from typing import Final

_FIRST_SECONDS: Final = 0.1
_LONGEST_SECONDS: Final = 5.0
_STEADY_SECONDS: Final = 10.0
"""Connections that end sooner, one after another, are as good as none."""


class Pace:
    """Gives the pause after a connection that ended or could not be made.

    Pauses double. A connection that held begins them anew; so does the first one that ended soon,
    for a coordinator that comes back gives a party little time before it gives it up.

    Examples
    --------
    >>> pace = Pace()
    >>> [pace.after(None) for _ in range(3)]
    [0.1, 0.2, 0.4]
    >>> [pace.after(lasted=2) for _ in range(3)]
    [0.1, 0.2, 0.4]
    >>> pace.after(lasted=60)
    0.1
    """

    def __init__(self) -> None:
        self._next = _FIRST_SECONDS
        self._brief = 0

    def after(self, lasted: float | None, *, displaced: bool = False) -> float:
        """Give the seconds to wait now.

        Parameters
        ----------
        lasted
            How many seconds the connection was there; None if it could not be made.
        displaced
            Whether another process of the same party took its place: coming back at once would
            take it from that one.
        """
        if lasted is not None:
            self._brief = 0 if self.is_steady(lasted) else self._brief + 1
            if self._brief == 0 or (self._brief == 1 and not displaced):
                self._next = _FIRST_SECONDS
        pause = self._next
        self._next = min(2 * pause, _LONGEST_SECONDS)
        return pause

    @staticmethod
    def is_steady(lasted: float) -> bool:
        """Say whether a connection held for long enough to count as one."""
        return lasted > _STEADY_SECONDS
