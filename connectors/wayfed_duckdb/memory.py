"""How much memory DuckDB may take, as its own settings write it."""

from __future__ import annotations

import math
import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?b|b|%)\s*", re.IGNORECASE)
_POWERS: Final = "bkmgt"
_BY_DEFAULT: Final = "80%"
_OF_A_THREAD: Final = 8e6
"""With this much a thread, sorts and joins of a million rows fail, disk or not; with 12e6 none."""


def is_size(limit: str) -> bool:
    """Say whether DuckDB reads a text as an amount of memory.

    Examples
    --------
    >>> is_size("4GB"), is_size("50%"), is_size("much")
    (True, True, False)
    """
    return _SIZE.fullmatch(limit) is not None


def room(limit: object) -> float:
    """Return the bytes of a limit, or of the one that DuckDB has where nothing is said.

    Examples
    --------
    >>> room("300MB"), room("1 KiB")
    (300000000.0, 1024.0)
    """
    found = _SIZE.fullmatch(str(limit or _BY_DEFAULT))
    if found is None:
        raise ValueError(limit)
    number, unit = float(found[1]), found[2].lower()
    if unit == "%":
        return number / 100 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    base = 1024.0 if "i" in unit else 1000.0
    return number * base ** _POWERS.index(unit[0])


def least(settings: Mapping[str, str | int]) -> float:
    """Return the bytes that a sort or join needs, however much of its rows is on disk.

    Examples
    --------
    >>> least({"temp_directory": "/tmp", "threads": 2}), least({"temp_directory": ""})
    (16000000.0, inf)
    """
    if not settings.get("temp_directory"):
        return math.inf
    return _OF_A_THREAD * int(settings.get("threads") or os.cpu_count() or 1)
