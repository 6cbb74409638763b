"""What takes a while on first use is told on stderr: one line, which grows where a person watches.

``WAYFED_QUIET=1`` keeps it quiet.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_QUIET: Final = "WAYFED_QUIET"
_WORTH_TELLING: Final = 1.0
_ERASE_LINE: Final = "\r\x1b[K"


def tell(message: str) -> None:
    """Write one line to stderr, unless ``WAYFED_QUIET`` is set.

    Examples
    --------
    >>> import contextlib, sys
    >>> with contextlib.redirect_stderr(sys.stdout):
    ...     tell("starting Spark 4.1.4")
    wayfed: starting Spark 4.1.4
    """
    _write(f"wayfed: {message}\n")


@contextmanager
def telling(message: str) -> Iterator[Callable[[str], None]]:
    """Tell what is being done; on a terminal also how far it is, and how long it took.

    Gives a function that takes how far it is: ``"3 of 10 MB"``. Elsewhere than on a terminal only
    the first line is written.

    Examples
    --------
    >>> import contextlib, sys
    >>> with contextlib.redirect_stderr(sys.stdout), telling("fetching 2 jars") as progress:
    ...     progress("1 of 2")
    wayfed: fetching 2 jars
    """
    if sys.stderr is None or not sys.stderr.isatty():
        tell(message)
        yield lambda done: None
        return
    began = time.monotonic()
    line = f"wayfed: {message}"
    _write(f"{line} …")
    end = "failed"
    try:
        yield lambda done: _write(f"{_ERASE_LINE}{line} … {done}")
        seconds = time.monotonic() - began
        end = f"{seconds:.0f} s" if seconds >= _WORTH_TELLING else "done"
    finally:
        _write(f"{_ERASE_LINE}{line}: {end}\n")


def _write(text: str) -> None:
    if sys.stderr is not None and os.environ.get(_QUIET, "0") in {"", "0"}:
        sys.stderr.write(text)
        sys.stderr.flush()
