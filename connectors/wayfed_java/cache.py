"""Where what was fetched is kept: one directory for a person, whatever contexts come and go."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from wayfed_optimizer.errors import ExecutionError


def cache_directory() -> Path:
    """Return the directory for what is fetched once and used again; made where it is missing.

    ``WAYFED_CACHE`` names another one than the system's usual place.

    Raises
    ------
    ExecutionError
        Where it cannot be made.
    """
    directory = chosen_directory()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(directory, error) from error
    return directory


def chosen_directory() -> Path:
    """Return the same directory, whether it is there or not."""
    if named := os.environ.get("WAYFED_CACHE"):
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "wayfed"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wayfed"


def cannot_write(path: Path, error: OSError) -> ExecutionError:
    """Return the error for a cache that takes no file."""
    return ExecutionError(
        f"{path} cannot be written: {error.strerror}",
        hint="set WAYFED_CACHE to a directory that can be, with room in it",
    )
