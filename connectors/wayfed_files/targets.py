"""Where rows are written: one file, or a directory of Parquet files."""

from __future__ import annotations

import gzip
import os
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wayfed_files import aside, manifest
from wayfed_files.formats import FORMATS, Format, format_of, suffix_of
from wayfed_files.locate import Location, is_hidden, plain_path
from wayfed_files.partition_writer import PartitionWriter
from wayfed_files.partitions import require_partitionable
from wayfed_files.source import FileSource
from wayfed_optimizer.appending import as_appended
from wayfed_optimizer.errors import (
    ExecutionError,
    InvalidOption,
    SourceChanged,
    SourceError,
    TypeMismatch,
    Unsupported,
    suggestion,
)
from wayfed_optimizer.relations import WriteMode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wayfed_optimizer.cancellation import CancellationToken
    from wayfed_optimizer.platform import Target, TargetRequest
    from wayfed_optimizer.types import Field, Schema


_OPTIONS = ("mode", "partition_by")


def target_of(request: TargetRequest) -> Target:
    """Return the file or directory that a request means.

    Raises
    ------
    SourceError
        Where it exists, or its parent does not.
    Unsupported
        Where the format is not known, or rows were to be added to one file.
    InvalidOption, TypeMismatch, ColumnNotFound
        Where columns do not fit.
    """
    if request.table is not None:
        raise InvalidOption("table= is for databases, and files have no tables in them")
    for option in request.options:
        raise InvalidOption.unknown(option, _OPTIONS, of="writing files")
    text = os.fspath(request.target)
    path = plain_path(text)
    if path.is_symlink():
        path = path.resolve()
    if not path.parent.is_dir():
        raise SourceError(f"there is no directory {path.parent}")
    if request.partition_by or path.is_dir() or text.endswith(("/", os.sep)):
        return DirectoryTarget.of(path, request)
    return FileTarget.of(path, request)


@dataclass(frozen=True, slots=True)
class FileTarget:
    """One file, in the format that its name says."""

    path: Path
    format: Format
    replacing: bool

    @classmethod
    def of(cls, path: Path, request: TargetRequest) -> FileTarget:
        """Check that a file can be written there."""
        found = format_of(path)
        if found is None:
            endings = tuple(ending for each in FORMATS for ending in each.suffixes)
            raise Unsupported(
                f"writing '{path.suffix or path.name}' files",
                available=endings,
                hint=suggestion(path.suffix, endings)
                or "end the name with / for a directory of Parquet files",
            )
        if request.mode is WriteMode.APPEND:
            raise Unsupported(
                f"adding rows to the file {path.name}",
                reason="a file is written whole, so that its readers never see half of it",
                hint=f"add files to a directory: write('{path.with_suffix('')}/', mode='append')",
            )
        if path.exists() and request.mode is WriteMode.ERROR:
            raise _exists(path)
        _require_writable(request.schema, found)
        return cls(path, found, request.mode is WriteMode.OVERWRITE)

    @property
    def description(self) -> str:
        """The path."""
        return str(self.path)

    def write(self, rows: Any, token: CancellationToken) -> int:
        """Write a file beside the target, which then takes its place."""
        count = 0
        with (
            _told(self.path),
            aside.part_of(self.path, _new_file, within=self.path.parent) as part,
        ):
            with part.open("wb") as file:
                with (
                    self._packed(file) as sink,
                    self.format.writer(sink, rows.schema) as writer,
                ):
                    for batch in rows:
                        token.raise_if_cancelled()
                        writer.write(batch)
                        count += batch.num_rows
                file.flush()
                os.fsync(file.fileno())
            token.raise_if_cancelled()
            aside.keep_mode(part, self.path)
            aside.take_place(part, self.path, replacing=self.replacing)
        return count

    def _packed(self, file: Any) -> AbstractContextManager[Any]:
        if str(suffix_of(self.path)).endswith(".gz"):
            return gzip.GzipFile(fileobj=file, mode="wb")
        return nullcontext(file)


@dataclass(frozen=True, slots=True)
class DirectoryTarget:
    """A directory of Parquet files, below directories named after the values of columns."""

    path: Path
    mode: WriteMode
    schema: Schema
    by: tuple[Field, ...]

    @classmethod
    def of(cls, path: Path, request: TargetRequest) -> DirectoryTarget:
        """Check that a directory can be written, or files be added to it."""
        if path.exists() and not path.is_dir():
            raise SourceError(f"{path} is a file, and no directory")
        ending = format_of(path)
        if ending is not None and not ending.partitioned and not path.is_dir():
            raise Unsupported(
                f"a directory of {ending.name} files",
                reason="only Parquet files are written by directories",
                hint=f"write('{path.with_suffix('')}/', partition_by=…)",
            )
        schema, by = request.schema, request.partition_by
        present = path.is_dir() and any(path.iterdir())
        if present and request.mode is WriteMode.ERROR:
            raise _exists(path)
        if present and request.mode is WriteMode.APPEND:
            schema, by = _as_there(path, request)
        if present and request.mode is WriteMode.OVERWRITE:
            _require_table(path)
        columns = tuple(schema.field(name, of="the rows") for name in by)
        for column in columns:
            require_partitionable(column)
        if columns and len(columns) == len(schema):
            raise InvalidOption("partition_by= names every column, and none is left for the files")
        return cls(path, request.mode, schema, columns)

    @property
    def description(self) -> str:
        """The path."""
        return f"{self.path}/"

    def write(self, rows: Any, token: CancellationToken) -> int:
        """Write a directory beside the target; it takes its place, or its files go there."""
        from wayfed_arrow import conform

        within = self.path if self.path.is_mount() else self.path.parent
        count = 0
        with _told(self.path), aside.part_of(self.path, _new_directory, within=within) as part:
            rows = conform(rows, self.schema)
            writer = PartitionWriter(part, rows.schema, self.by)
            try:
                for batch in rows:
                    token.raise_if_cancelled()
                    writer.write(batch)
                    count += batch.num_rows
                writer.close()
            except BaseException:
                writer.abandon()
                raise
            token.raise_if_cancelled()
            self._take_place(part, count)
        return count

    def _take_place(self, part: Path, count: int) -> None:
        aside.keep_mode(part, self.path)
        try:
            part.rename(self.path)  # over nothing, or an empty directory
        except OSError:
            if not self.path.is_dir():
                raise
        else:
            aside.keep_names(self.path.parent)
            return
        if self.mode is WriteMode.ERROR:
            raise _exists(self.path)
        with aside.locked(self.path):
            manifest.settle(self.path)
            if self.mode is WriteMode.APPEND:
                self._require_unchanged()
                if count:
                    _move_in(part, self.path, replacing=False)
            elif _others_in(self.path) or not aside.swap(part, self.path):
                _move_in(part, self.path, replacing=True)

    def _require_unchanged(self) -> None:
        """Raise SourceChanged unless the files there have the columns that rows were fitted to."""
        table = _table_at(self.path)
        ours, theirs = ({f.name: f.type for f in each} for each in (self.schema, table.schema))
        if ours != theirs or table.partitions != tuple(field.name for field in self.by):
            raise SourceChanged(
                f"{self.path} has other columns than when the writing was asked for",
                hint="write again",
            )


def _move_in(part: Path, directory: Path, *, replacing: bool) -> None:
    """Move files in one by one; until all are there, and until all others are gone, say so."""
    moves = {path: directory / path.relative_to(part) for path in _rows_in(part)}
    old = _rows_in(directory) if replacing else []
    several = len(moves) > 1 or bool(old)
    if several:
        manifest.ignore(directory, moves.values())
    for source, place in moves.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        source.rename(place)
        aside.keep_names(place.parent)
    if old:
        manifest.ignore(directory, old)
        manifest.settle(directory)
    elif several:
        (directory / manifest.NAME).unlink()
        aside.keep_names(directory)


def _rows_in(directory: Path) -> list[Path]:
    """Return the files of a table, which an overwrite replaces."""
    found = (path for path in directory.rglob("*") if path.is_file())
    return [path for path in found if _has_rows(path, directory)]


def _others_in(directory: Path) -> list[Path]:
    """Return what is no file of a table, and stays whatever becomes of the table."""
    found = (path for path in directory.rglob("*") if path.is_symlink() or not path.is_dir())
    return [path for path in found if not _has_rows(path, directory)]


def _has_rows(path: Path, directory: Path) -> bool:
    format = format_of(path)
    return format is not None and format.partitioned and not is_hidden(path, directory)


def _require_table(directory: Path) -> None:
    """Raise SourceError where a directory is for more than the files of a table."""
    other = next((path for path in _others_in(directory) if not is_hidden(path, directory)), None)
    if other is not None:
        raise SourceError(
            f"{directory} holds '{other.relative_to(directory)}', which is no Parquet file",
            hint="only a table's own directory is overwritten: name one for these rows alone",
        )


def _as_there(path: Path, request: TargetRequest) -> tuple[Schema, tuple[str, ...]]:
    """Return the columns that rows need to be added to a table's files, and the partitions."""
    table = _table_at(path)
    by = table.partitions
    if request.partition_by and request.partition_by != by:
        raise InvalidOption(
            f"partition_by={list(request.partition_by)}, and {path} is "
            + (f"partitioned by {list(by)}" if by else "not partitioned"),
            hint="leave partition_by= out to add rows as the directory has them",
        )
    return as_appended(request.schema, table.schema, to=str(path)), by


def _table_at(path: Path) -> FileSource:
    return FileSource(Location.of(path), next(each for each in FORMATS if each.partitioned), {})


def _require_writable(schema: Schema, format: Format) -> None:  # read()'s own word
    for field in schema:
        remedy = format.remedy(field.type)
        if remedy is not None:
            raise TypeMismatch(
                f"column '{field.name}' is {field.type}, for which {format.name} has no form",
                hint=remedy,
            )


def _exists(path: Path) -> SourceError:
    return SourceError(f"{path} exists already", hint="mode='overwrite' replaces it")


def _new_file(path: Path) -> None:
    path.open("xb").close()


def _new_directory(path: Path) -> None:
    path.mkdir()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the system says into our error, with the place."""
    import pyarrow as pa

    try:
        yield
    except FileExistsError as error:
        raise _exists(path) from error
    except (pa.ArrowException, OSError) as error:
        raise ExecutionError(f"{path} cannot be written: {error}") from error
