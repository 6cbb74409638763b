"""Lines that a process of ours writes into a pipe, read without waiting for ever."""

from __future__ import annotations

import os
import select
from typing import IO


class Lines:
    r"""The lines of a pipe, as they come.

    Parameters
    ----------
    pipe
        Its reading end.

    Attributes
    ----------
    ended
        Whether nothing more will come.

    Examples
    --------
    >>> reading, writing = os.pipe()
    >>> _ = os.write(writing, b"one\ntwo\nthr")
    >>> with os.fdopen(reading, "rb") as pipe:
    ...     Lines(pipe).take(seconds=1)
    ['one', 'two']
    >>> os.close(writing)
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._descriptor = pipe.fileno()
        self._poll = select.poll()  # unlike select(), which knows no more than 1,024 descriptors
        self._poll.register(pipe, select.POLLIN)
        self._rest = b""
        self.ended = False

    def take(self, seconds: float) -> list[str]:
        """Return the lines that are there, after waiting for some for at most `seconds`."""
        if not self._poll.poll(seconds * 1000):
            return []
        data = os.read(self._descriptor, 1 << 16)
        self.ended = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode(errors="replace") for line in lines]
