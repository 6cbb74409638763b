"""Which files of a directory do not count, while others take their place one after another.

A manifest names files that readers leave out: new ones that are not all there yet, then old ones
that are not all gone yet. Replacing it is the one moment at which the table changes. It is gone
when the change is complete; where the writer was killed, it stays, readers heed it, and the next
writer removes what it names.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from wayfed_files.aside import keep_names
from wayfed_optimizer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

NAME: Final = "_wayfed_manifest.json"
_VERSION: Final = 1


def ignore(directory: Path, files: Iterable[Path]) -> None:
    """Make readers leave out `files`, and those alone, from one moment to the next."""
    names = sorted(path.relative_to(directory).as_posix() for path in files)
    new = directory / f".{NAME}.new"
    with new.open("w", encoding="utf-8") as file:
        json.dump({"version": _VERSION, "ignored": names}, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    new.replace(directory / NAME)
    keep_names(directory)


def ignored(directory: Path) -> frozenset[Path]:
    """Return the files below a directory that do not count.

    Raises
    ------
    SourceError
        Where the manifest is none.
    """
    path = directory / NAME
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["version"] != _VERSION:
            raise SourceError(f"'{path}' is of a later version of wayfed")
        return frozenset(directory / name for name in told["ignored"])
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"'{path}' does not say which files count: {error}") from error


def settle(directory: Path) -> None:
    """Remove what does not count, and the manifest."""
    for path in ignored(directory):
        path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            for parent in path.parents:
                if parent == directory:
                    break
                parent.rmdir()
    (directory / NAME).unlink(missing_ok=True)
    keep_names(directory)


def counted(listing: Callable[[], list[Path]]) -> tuple[Path, ...]:
    """Return the files of a listing that count.

    What manifests say holds for the moment at which they are read, and listing takes longer: so
    they are read between two listings that are the same.
    """
    found = _listed(listing)
    while True:
        left_out = _left_out(found or [])
        before, found = found, _listed(listing)
        if found is not None and found == before:
            return tuple(path for path in found if path not in left_out)


def _listed(listing: Callable[[], list[Path]]) -> list[Path] | None:
    """Return the files; None where a directory went away meanwhile."""
    try:
        return listing()
    except FileNotFoundError:
        return None


def _left_out(files: list[Path]) -> set[Path]:
    """Return what the manifests above some files leave out."""
    directories = {parent for path in files for parent in path.parents}
    return {path for directory in directories for path in ignored(directory)}
