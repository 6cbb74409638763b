"""Which machine this is: what was measured on one tells little of another."""

from __future__ import annotations

import os
import platform
from functools import cache
from hashlib import sha256
from pathlib import Path


@cache
def machine() -> str:
    """Return a mark of this machine's kind: its processor, cores and memory; no name or address.

    Examples
    --------
    >>> len(machine())
    12
    """
    told = "|".join((platform.machine(), _processor(), str(_cores()), str(_gibibytes())))
    return sha256(told.encode()).hexdigest()[:12]


def busy() -> bool:
    """Say whether more is running here than there are cores to run it."""
    try:
        return os.getloadavg()[0] > 1.5 * _cores()
    except OSError:
        return False


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith("model name")), "")


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gibibytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    except (ValueError, OSError, AttributeError):
        return 0
