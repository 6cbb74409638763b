"""Rows into a file: beside its place first, then moved there at once."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import (
    ExecutionError,
    SourceError,
    Unsupported,
    mask_secrets,
    suggestion,
)
from wayfed_optimizer.relations import WriteMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wayfed_arrow import Stream


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A file to be written, in the format that its name says."""

    path: Path
    open: Callable[[Any, Any], Any]
    """From a file opened for bytes and an Arrow schema to a writer of batches."""

    @classmethod
    def of(cls, target: str | os.PathLike[str], mode: WriteMode) -> FileTarget:
        """Check a target before anything runs.

        Raises
        ------
        SourceError
            Where it exists, or its directory does not.
        Unsupported
            Where it is no file of a known format, or rows were to be appended.
        """
        if "://" in str(target):
            raise Unsupported(
                f"writing to {mask_secrets(str(target))}",
                reason="only files are written in this version",
                hint="write a .parquet file, and load it there",
            )
        path = Path(target).expanduser()
        opened = _FORMATS.get(path.suffix.lower())
        if opened is None:
            raise Unsupported(
                f"writing '{path.suffix or path.name}' files",
                available=_FORMATS,
                hint=suggestion(path.suffix, _FORMATS),
            )
        if mode is WriteMode.APPEND:
            raise Unsupported(
                "write(mode='append')",
                reason="a file is written whole in this version",
                hint="write another file beside it, and read them together by a glob",
            )
        if path.is_dir() or (path.exists() and mode is WriteMode.ERROR):
            raise SourceError(f"{path} exists already", hint="mode='overwrite' replaces a file")
        if not path.parent.is_dir():
            raise SourceError(f"there is no directory {path.parent}")
        return cls(path, opened)

    def write(self, rows: Stream) -> int:
        """Write all rows and return their number; on any failure the file is as it was.

        Raises
        ------
        ExecutionError
            Where the format cannot hold a column, or the disk is full.
        """
        import pyarrow as pa

        count = 0
        try:
            with self._replacing() as file, self.open(file, rows.schema) as writer:
                for batch in rows:
                    writer.write(batch)
                    count += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise ExecutionError(f"{self.path} cannot be written: {error}") from error
        return count

    @contextmanager
    def _replacing(self) -> Iterator[Any]:
        """Give a file in the same directory, which takes the target's place at the end."""
        handle, name = tempfile.mkstemp(
            dir=self.path.parent, prefix=f".{self.path.name}.", suffix=".part"
        )
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            part.chmod(_plain_permissions())
            part.replace(self.path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _plain_permissions() -> int:
    """Return what a newly opened file would get; mkstemp's are for the owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _parquet(file: Any, schema: Any) -> Any:
    from pyarrow import parquet

    return parquet.ParquetWriter(file, schema)


def _csv(file: Any, schema: Any) -> Any:
    from pyarrow import csv

    return csv.CSVWriter(file, schema)


def _arrow(file: Any, schema: Any) -> Any:
    import pyarrow as pa

    return pa.ipc.new_file(file, schema)


class _JsonLines:
    """Writes each row as a line of JSON: times in ISO 8601, decimals as text."""

    def __init__(self, file: Any, schema: Any) -> None:
        self._file = file
        if binary := [f.name for f in schema if str(f.type).endswith("binary")]:
            raise Unsupported(
                f"writing binary column '{binary[0]}' as JSON", hint="drop it, or write .parquet"
            )

    def __enter__(self) -> _JsonLines:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def write(self, batch: Any) -> None:
        import json

        for row in batch.to_pylist():
            try:
                line = json.dumps(row, default=_plain, ensure_ascii=False, allow_nan=False)
            except ValueError as error:
                raise ExecutionError(
                    "a row holds NaN or infinity, for which JSON has no word",
                    hint="filter them out, or write .parquet",
                ) from error
            self._file.write(f"{line}\n".encode())


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


_FORMATS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".ndjson": _JsonLines,
    ".jsonl": _JsonLines,
    ".arrow": _arrow,
    ".feather": _arrow,
}
