"""What stands in files that change while it is used: read again when they have changed."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from wayfed_optimizer.errors import WayfedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LOG: Final = logging.getLogger("wayfed.federated.files")
T = TypeVar("T")


class Watched(Generic[T]):
    """A value that is made of files, and made again when one of them has changed.

    A file that cannot be used any more is told in the log, and changes nothing.

    Parameters
    ----------
    load
        Makes the value.
    paths
        The files and directories that it is made of.
    """

    def __init__(self, load: Callable[[], T], paths: Sequence[Path]) -> None:
        self._load = load
        self._paths = tuple(paths)
        self._lock = Lock()
        self._seen = self._stamp()
        self._value = load()

    def current(self) -> T:
        """Return the value as the files are now; the same object where they have not changed."""
        with self._lock:
            stamp = self._stamp()
            if stamp != self._seen:
                self._seen = stamp
                try:
                    self._value = self._load()
                    LOG.info("read %s again", self._paths[0])
                except WayfedError as error:
                    LOG.error("%s cannot be used as it is now: %s", self._paths[0], error)
            return self._value

    def _stamp(self) -> tuple[tuple[str, int, int], ...]:
        found = []
        for path in self._paths:
            for each in (path, *sorted(path.glob("*.pem"))) if path.is_dir() else (path,):
                try:
                    status = each.stat()
                except OSError:  # gone for a moment while it is replaced
                    continue
                found.append((str(each), status.st_mtime_ns, status.st_size))
        return tuple(found)
