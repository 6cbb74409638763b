"""Where what was fetched is kept: one directory for a person, whatever contexts come and go."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_directory() -> Path:
    """Return the directory for what is fetched once and used again; made where it is missing.

    ``WAYFED_CACHE`` names another one than the system's usual place.
    """
    directory = _chosen()
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _chosen() -> Path:
    if named := os.environ.get("WAYFED_CACHE"):
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "wayfed"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wayfed"
