"""How much memory an operator of Spark's may take before it goes to disk."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SIZE: Final = re.compile(r"\s*(\d+)\s*([kmgt])?b?\s*", re.IGNORECASE)
_POWERS: Final = "kmgt"
_BY_DEFAULT: Final = "1g"
_FRACTION: Final = 0.6
"""Spark's own: spark.memory.fraction, of which storage gives way to what is computed."""
_ONE_PROCESS: Final = re.compile(r"local(\[[^\]]+\])?")


def room(master: str, memory: str) -> float:
    """Return the bytes for all that is computed; infinite where other machines compute it.

    Examples
    --------
    >>> room("local[2]", "1g") == 0.6 * 2**30, room("spark://host:7077", "1g")
    (True, inf)
    """
    found = _SIZE.fullmatch(memory)
    if found is None or not _ONE_PROCESS.fullmatch(master):
        return math.inf
    power = _POWERS.index(found[2].lower()) + 1 if found[2] else 0
    return _FRACTION * float(found[1]) * 1024.0**power


def room_of(session: SparkSession) -> float:
    """Return the same for a session of the user's; infinite where it is stopped."""
    from py4j.protocol import Py4JError

    context = session.sparkContext
    if context._jsc is None:
        return math.inf
    try:
        memory = context._jsc.sc().conf().get("spark.driver.memory", _BY_DEFAULT)
        return room(str(context.master), str(memory))
    except (Py4JError, OSError):
        return math.inf
