"""Where rows lie between this process and the tasks of Flink: a directory that both see."""

from __future__ import annotations

import shutil
from threading import Lock
from typing import TYPE_CHECKING

from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    from pathlib import Path

    from wayfed_optimizer.platform import Run


class Exchange:
    """Gives each run a directory.

    Parameters
    ----------
    root
        A directory that a cluster's machines see too; None where they are this machine, and the
        directories that runs have anyway will do.
    """

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self._lock = Lock()
        self._made: dict[str, Path] = {}

    def place(self, run: Run) -> Path:
        """Return the run's directory, made on first use; as open to others as the root is.

        Raises
        ------
        ExecutionError
            Where it cannot be made.
        """
        if self.root is None:
            return run.directory()
        with self._lock:
            if run.id not in self._made:
                place = self.root / run.id
                try:
                    place.mkdir()
                    place.chmod(self.root.stat().st_mode)
                except OSError as error:
                    raise ExecutionError(
                        f"the exchange directory '{self.root}' cannot be written to: "
                        f"{error.strerror}",
                        platform="flink",
                        hint="exchange= names a directory that all of the cluster sees",
                    ) from error
                self._made[run.id] = place
            return self._made[run.id]

    def remove(self, run: str) -> None:
        """Remove what a run has left, if it had a directory."""
        with self._lock:
            place = self._made.pop(run, None)
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)

    def close(self) -> None:
        """Remove what runs have left that never came to an end."""
        for run in list(self._made):
            self.remove(run)
