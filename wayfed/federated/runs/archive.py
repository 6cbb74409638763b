"""Documents and arrays in one file: a ZIP of JSON and ``.npy``, which is never unpickled.

Without documents it is what numpy calls an ``.npz``.
"""

from __future__ import annotations

import json
import os
import zipfile
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_UNREADABLE: Final = (
    zipfile.BadZipFile,
    EOFError,
    ValueError,
    NotImplementedError,  # zipfile's, where an entry is compressed in a way that it does not know
)
_ARRAY: Final = ".npy"
_DOCUMENT: Final = ".json"


class DamagedArchive(ValueError):
    """A file that is not what `write_archive` wrote; its text says what is wrong."""


def write_archive(
    file: IO[bytes],
    arrays: Mapping[str, NDArray[Any]],
    documents: Mapping[str, Any] | None = None,
) -> None:
    """Write documents as JSON and arrays as numpy does; equal contents are equal bytes."""
    from numpy.lib import format as npy

    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, document in (documents or {}).items():
            text = json.dumps(document, ensure_ascii=False, allow_nan=False)
            archive.writestr(zipfile.ZipInfo(f"{name}{_DOCUMENT}"), text)
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}{_ARRAY}")
            with archive.open(entry, "w", force_zip64=True) as stream:
                npy.write_array(stream, array, allow_pickle=False)


def read_archive(
    file: IO[bytes] | Path,
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_archive` wrote: its arrays, and its documents.

    Raises
    ------
    DamagedArchive
        It is cut short, a checksum is wrong, or it holds something else.
    """
    from numpy.lib import format as npy

    arrays: dict[str, NDArray[Any]] = {}
    documents: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            # A checksum is looked at when all of an entry is read, which an array's may not be.
            if damaged := archive.testzip():
                raise DamagedArchive(f"the checksum of {damaged} is wrong")
            for name in archive.namelist():
                if name.endswith(_ARRAY):
                    with archive.open(name) as stream:
                        array = npy.read_array(stream, allow_pickle=False)
                    arrays[name.removesuffix(_ARRAY)] = array
                elif name.endswith(_DOCUMENT):
                    documents[name.removesuffix(_DOCUMENT)] = json.loads(archive.read(name))
    except _UNREADABLE as error:
        if isinstance(error, DamagedArchive):
            raise
        raise DamagedArchive(str(error)) from error
    return arrays, documents


def replace_archive(
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    documents: Mapping[str, Any] | None = None,
) -> None:
    """Write an archive in place of `path`: whoever dies meanwhile leaves the old one or the new.

    Raises
    ------
    OSError
        It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            write_archive(file, arrays, documents)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(file.name).unlink()
            raise
    _keep_name(path.parent)


def _keep_name(directory: Path) -> None:
    """Let a file's new name last through a loss of power, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
