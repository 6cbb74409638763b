"""Files and directories that are made beside their place, and take it at once.

Whoever makes one holds a lock on it, which ends with its process, however that ends: so the next
writer can tell what a killed one left behind.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import glob
import os
import shutil
import sys
from contextlib import contextmanager, suppress
from stat import S_IMODE
from typing import TYPE_CHECKING, Final
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_HERE: Final = -100
_SWAP: Final = 2
_CANNOT_SWAP: Final = (
    errno.ENOSYS,
    errno.EINVAL,
    errno.ENOTSUP,
    errno.EXDEV,
    errno.EBUSY,
    errno.EPERM,
)
_CANNOT_LINK: Final = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


@contextmanager
def part_of(place: Path, make: Callable[[Path], None], *, within: Path) -> Iterator[Path]:
    """Make something hidden in `within` that is to take its place; what is left of it goes.

    Parameters
    ----------
    place
        The path that it is to have.
    make
        Makes an empty file or directory; raises FileExistsError where there is one.
    within
        A directory of the same file system.
    """
    _remove_leftovers(place, within)
    part, lock = _reserved(place, make, within)
    try:
        yield part
    finally:
        _remove(part)
        os.close(lock)


def _reserved(place: Path, make: Callable[[Path], None], within: Path) -> tuple[Path, int]:
    while True:
        part = within / f".{place.name}.{uuid4().hex[:12]}.part"
        make(part)
        # Until it is locked, another writer may take it for a killed one's and remove it.
        try:
            lock = os.open(part, os.O_RDONLY)
        except FileNotFoundError:
            continue
        with suppress(OSError):  # a file system without locks keeps what killed writers leave
            fcntl.flock(lock, fcntl.LOCK_EX)
        if part.exists():
            return part, lock
        os.close(lock)


def _remove_leftovers(place: Path, within: Path) -> None:
    for left in within.glob(f".{glob.escape(place.name)}.{'?' * 12}.part"):
        with suppress(OSError):  # its writer lives, or another one was quicker
            lock = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(left)
            finally:
                os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other writers of ours out of a directory."""
    while True:
        lock = os.open(directory, os.O_RDONLY)
        try:
            with suppress(OSError):  # as above
                fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(lock), directory.stat()):
                yield
                return
        finally:
            os.close(lock)


def keep_mode(part: Path, place: Path) -> None:
    """Let those read what is to take a place who may read what has it, and nobody else."""
    with suppress(FileNotFoundError):
        part.chmod(S_IMODE(place.stat().st_mode))


def take_place(part: Path, place: Path, *, replacing: bool) -> None:
    """Move a whole file to its place.

    Raises
    ------
    FileExistsError
        Where there is one by now, unless it is to be replaced.
    """
    if not replacing:
        try:
            os.link(part, place)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
        else:
            part.unlink()
            keep_names(place.parent)
            return
    part.replace(place)
    keep_names(place.parent)


def swap(one: Path, other: Path) -> bool:
    """Give two directories each other's name at once; False where the file system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        result = libc.renamex_np(*paths, _SWAP)
    elif hasattr(libc, "renameat2"):
        result = libc.renameat2(_HERE, paths[0], _HERE, paths[1], _SWAP)
    else:
        return False
    if result == 0:
        keep_names(other.parent)
        return True
    code = ctypes.get_errno()
    if code in _CANNOT_SWAP:
        return False
    raise OSError(code, os.strerror(code), str(other))


def keep_names(directory: Path) -> None:
    """Make what was renamed in a directory outlast a power cut."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems do not sync directories
            os.fsync(opened)
    finally:
        os.close(opened)
