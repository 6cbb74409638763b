"""Where runs are written down: a person's state directory, unless something else is said."""

from __future__ import annotations

import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from wayfed_optimizer.errors import InvalidOption

CheckpointLike: TypeAlias = "bool | str | os.PathLike[str] | None"

VARIABLE: Final = "WAYFED_RUNS"
OFF: Final = "off"


def state_directory() -> Path:
    """Return the directory for what a person's runs leave behind, whether it is there or not."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "wayfed"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "wayfed"


def store_place(configured: str | None = None) -> str:
    """Return where the store of runs is: a SQLAlchemy URL, the path of a SQLite file, or ``off``.

    Parameters
    ----------
    configured
        What ``[runs] store`` says; without it the environment's ``WAYFED_RUNS`` counts.

    Examples
    --------
    >>> store_place("postgresql://registry/runs")
    'postgresql://registry/runs'
    """
    return configured or os.environ.get(VARIABLE) or str(state_directory() / "runs.db")


def checkpoint_directory() -> Path:
    """Return where checkpoints lie that nobody gave another place."""
    return state_directory() / "checkpoints"


def checkpoint_place(checkpoint: CheckpointLike) -> Path | None:
    """Return the directory that is meant by ``checkpoint=``; None where none is to be written.

    Examples
    --------
    >>> checkpoint_place("off"), checkpoint_place("runs").name
    (None, 'runs')
    """
    if checkpoint is None or checkpoint is False or checkpoint == OFF:
        return None
    if checkpoint is True:
        return checkpoint_directory()
    if not isinstance(checkpoint, str | os.PathLike) or not os.fspath(checkpoint):
        raise InvalidOption(
            f"checkpoint={checkpoint!r} is no place",
            hint="a directory, True for one of your own, or 'off'",
        )
    directory = Path(checkpoint).expanduser()
    if directory.exists() and not directory.is_dir():
        raise InvalidOption(f"checkpoint='{directory}' is a file, not a directory")
    return directory.absolute()


def new_id() -> str:
    """Return a name for a run that no other one has, which begins with the second of its start.

    It is drawn from the system's generator: a run's seed decides nothing here.
    """
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
