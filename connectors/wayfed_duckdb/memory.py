"""How much memory DuckDB may take, as its own settings write it."""

from __future__ import annotations

import os
import re
from typing import Final

_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?b|b|%)\s*", re.IGNORECASE)
_POWERS: Final = "bkmgt"
_BY_DEFAULT: Final = "80%"


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
