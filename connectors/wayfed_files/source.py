"""Files as a source: one schema for all of them, and one version of them for a run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_files import parquet
from wayfed_files.inspected import Inspected
from wayfed_files.locate import Location, format_for
from wayfed_files.partitions import keys_of, partitions_of
from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import (
    SourceChanged,
    SourceError,
    Unsupported,
    WayfedError,
    suggestion,
)
from wayfed_optimizer.platform import FileSet, Snapshot
from wayfed_optimizer.statistics.estimates import Estimate, Provenance, TableStatistics, Told
from wayfed_optimizer.types import NULL, TEXT, Field, Schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed_files.formats import Format
    from wayfed_optimizer.platform import Channel, SourceRequest, Teller

_BYTES_LOOKED_AT: Final = 16 << 20
_MOST_OF_ONE_FILE: Final = 1 << 20
_LEAST_OF_ONE_FILE: Final = 64 << 10
_FILES_LOOKED_AT: Final = 1_000


class FileSource:
    """A table in files of one format.

    Parameters
    ----------
    location
        Where the files are.
    format
        Theirs.
    options
        How to read them.
    schema
        The columns to read and their types; None for all of them, as they are.
    """

    bounded = True

    def __init__(
        self,
        location: Location,
        format: Format,  # read()'s own word
        options: Mapping[str, Any],
        schema: Schema | None = None,
    ) -> None:
        self._location = location
        self._format = format
        self._options = options
        self._wanted = schema
        self._table = self._look(location.files())
        self._known: tuple[_Table, TableStatistics] | None = None
        self.schema = self._table.schema

    @classmethod
    def from_request(cls, request: SourceRequest) -> FileSource:
        """Return the source that a request for files means.

        Raises
        ------
        SourceError, InvalidOption, TypeMismatch, ColumnNotFound
            Where the files are missing, are not what they are said to be, or disagree.
        """
        location = Location.of(request.target)
        found = format_for(location, location.files(), request.format)
        return cls(location, found, found.options(request.options), request.schema)

    @property
    def channel(self) -> Channel:
        """The channel of the files' format."""
        return self._format.channel

    @property
    def description(self) -> str:
        """Where the files are, as it was written, and how many."""
        count = len(self._table.version.files)
        return self._location.text + (f" ({count} files)" if count > 1 else "")

    @property
    def teller(self) -> Teller:
        """Itself: files tell for themselves."""
        return self

    def told(self, sources: Sequence[Any]) -> list[Told]:
        """Return what is known of the files that there are now, and their version."""
        statistics = self.statistics()
        return [Told(statistics, self._table.version.digest)]

    def statistics(self) -> TableStatistics:
        """Return what the footers tell, or what the sizes suggest."""
        with suppress(WayfedError):  # the run says what is wrong with the files
            if _Version.of(self._location.files()) != self._table.version:
                self._look_again()
        table, known = self._table, self._known
        if known is None or known[0] is not table:
            self._known = known = (table, table.statistics())
        return known[1]

    def snapshot(self) -> Snapshot:
        """Return the version of the files that there are now.

        Raises
        ------
        SourceChanged
            Where they are gone, or changed and no longer have the columns of `schema`.
        """
        try:
            version = _Version.of(self._location.files())
            if version != self._table.version:
                self._look_again()
        except WayfedError as error:
            raise SourceChanged(
                f"the files of '{self._location.text}' are not what they were: {error.message}",
                available=error.available,
                hint=error.hint,
            ) from error
        return Snapshot(self._table.version.text)

    def open(self, snapshot: Snapshot) -> FileSet:
        """Return the files of a snapshot and how to read them.

        Besides the options given, `columns` has all the columns of the files with their types, in
        the order of the files, and `nanoseconds` those that are finer than their type; where
        directories stand for columns, `partitions` has those, and `root` what they lie in.
        """
        files = _Version.parse(snapshot.version).paths
        return FileSet(files, self.schema, self._table.reading, self.channel)

    def verify(self, snapshot: Snapshot) -> None:
        """Raise SourceChanged, naming a file, unless the files are still those of `snapshot`."""
        before = _Version.parse(snapshot.version)
        for path, stamp in before.files:
            if (now := _stamp(path)) != stamp:
                what = "is gone" if now is None else "was changed"
                raise SourceChanged(f"'{path}' {what} while it was read")
        if self._location.path.is_file():
            return
        added = set(self._location.files()) - set(before.paths)
        if added:
            raise SourceChanged(
                f"'{min(added)}' was added to '{self._location.text}' while it was read"
            )

    @property
    def partitions(self) -> tuple[str, ...]:
        """The columns that directories stand for."""
        return tuple(field.name for field in self._table.reading.get("partitions", ()))

    def _look_again(self) -> None:
        table = self._look(self._location.files())
        if table.schema != self.schema:
            raise SourceError(
                "the columns are others than when the plan was made",
                available=[str(field) for field in table.schema],
                hint="read the files again",
            )
        self._table = table

    def _look(self, files: tuple[Path, ...]) -> _Table:
        version = _Version.of(files)
        share = _BYTES_LOOKED_AT // len(files)
        prefix = max(_LEAST_OF_ONE_FILE, min(_MOST_OF_ONE_FILE, share))
        inspected = [self._inspect(path, prefix) for path in files[:_FILES_LOOKED_AT]]
        partitions = self._partitions(files, inspected)
        if self._wanted is not None:
            _require_columns(self._wanted, inspected[0], partitions, self._location.text)
        columns = _agreed(inspected, self._format, self._wanted, partitions)
        reading: dict[str, Any] = {**self._options, "columns": columns}
        if partitions:
            columns = (*columns, *partitions)
            reading |= {"partitions": partitions, "root": self._location.root}
        for each in inspected:
            for name, value in each.reading.items():
                reading[name] = tuple(dict.fromkeys((*reading.get(name, ()), *value)))
        if not columns:
            raise SourceError(f"'{files[0]}' has no columns")
        schema = self._wanted or Schema(columns)
        return _Table(version, schema, MappingProxyType(reading), inspected)

    def _inspect(self, path: Path, prefix: int) -> Inspected:
        try:
            if self._wanted and self._format.columns == "optional" and not path.stat().st_size:
                return Inspected(path, self._wanted.fields, Estimate.exactly(0, Provenance.EXACT))
            return self._format.inspect(path, self._options, prefix)
        except OSError as error:
            raise SourceError(f"'{path}' cannot be read: {error.strerror or error}") from error

    def _partitions(
        self, files: tuple[Path, ...], inspected: Sequence[Inspected]
    ) -> tuple[Field, ...]:
        """Return the columns that directories stand for, and files do not have themselves."""
        root = self._location.root
        if self._format.partitioned:
            found = partitions_of(files, root, inspected, self._wanted)
            names = {field.name for field in inspected[0].fields}
            above = [name for name, _ in keys_of(root / "*", Path(root.anchor)) if name in names]
            if found and above:
                raise Unsupported(
                    f"reading column '{above[0]}' below a directory '{above[0]}=…'",
                    reason="engines would take the directory for the column",
                    hint="rename the directory, or read from there up",
                )
            return tuple(field for field in found if field.name not in names)
        if self._location.path.is_dir() and (keys := keys_of(files[0], root)):
            raise Unsupported(
                f"reading the column '{keys[0][0]}' that directories stand for",
                reason=f"only Parquet files are read so, and '{self._location.text}' has "
                f"{self._format.name}",
                hint="read the files alone with "
                f"'{self._location.text.rstrip('/')}/**/*{self._format.suffixes[0]}'",
            )
        return ()


@dataclass(frozen=True, slots=True)
class _Table:
    """What the files were when somebody last looked."""

    version: _Version
    schema: Schema
    reading: Mapping[str, Any]
    inspected: Sequence[Inspected]

    def statistics(self) -> TableStatistics:
        rows = Estimate.exactly(0, self.inspected[0].rows.provenance)
        for each in self.inspected:
            rows = rows.plus(each.rows)
        unseen = len(self.version.files) / len(self.inspected)
        if unseen > 1:
            return TableStatistics(rows.scaled(unseen, spread=2.0))
        footers = [each.footer for each in self.inspected if each.footer is not None]
        types = {field.name: field.type for field in self.schema}
        if not footers:
            return TableStatistics(rows)
        return TableStatistics(rows, parquet.FooterColumns(footers, types))


@dataclass(frozen=True, slots=True)
class _Version:
    """Which files there are, and the size, time and number of each; text that can be read back."""

    files: tuple[tuple[Path, str | None], ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> _Version:
        return cls(tuple((path, _stamp(path)) for path in paths))

    @classmethod
    def parse(cls, text: str) -> _Version:
        lines = (line.split(" ", 1) for line in text.split("\0"))
        return cls(tuple((Path(path), stamp) for stamp, path in lines))

    @property
    def text(self) -> str:
        return "\0".join(f"{stamp} {path}" for path, stamp in self.files)

    @property
    def digest(self) -> str:
        return sha256(self.text.encode(errors="surrogateescape")).hexdigest()[:16]

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(path for path, _ in self.files)


def _stamp(path: Path) -> str | None:
    """Return what changes with a file's content: size, time and number; None where it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return f"{status.st_size}/{status.st_mtime_ns}/{status.st_ino}"


def _agreed(
    inspected: Sequence[Inspected],
    format: Format,
    wanted: Schema | None,
    partitions: tuple[Field, ...],
) -> tuple[Field, ...]:
    """Return the columns that all files have, with the types of `wanted` where it has them.

    Types that were only inferred may differ where one holds the values of the other.

    Raises
    ------
    SourceError
        Where two files disagree; names both and the column.
    """
    elsewhere = {field.name for field in partitions}
    given = {field.name: field for field in wanted or () if field.name not in elsewhere}
    first, *others = inspected
    columns = {field.name: field for field in first.fields} | given
    for other in others:
        if format.columns != "optional":
            _require_same_names(first, other, ordered=format.columns == "ordered")
        for field in other.fields:
            ours = columns.setdefault(field.name, field)
            if field.name not in given:
                columns[field.name] = _agreed_column(
                    ours, field, (first.path, other.path), inferred=format.inferred
                )
    return tuple(
        Field(field.name, TEXT if field.type == NULL else field.type, field.nullable)
        for field in columns.values()
    )


def _require_same_names(first: Inspected, other: Inspected, *, ordered: bool) -> None:
    ours, theirs = [f.name for f in first.fields], [f.name for f in other.fields]
    for a, b, lacking, having in ((ours, theirs, other, first), (theirs, ours, first, other)):
        missing = [name for name in a if name not in b]
        if missing:
            raise SourceError(
                f"'{lacking.path}' has no column '{missing[0]}', but '{having.path}' has",
                available=b,
                hint=suggestion(missing[0], b),
            )
    if ordered and ours != theirs:
        column = next(a for a, b in zip(ours, theirs, strict=True) if a != b)
        raise SourceError(
            f"column '{column}' stands elsewhere in '{other.path}' than in '{first.path}'",
            available=theirs,
        )


def _agreed_column(
    ours: Field, theirs: Field, paths: tuple[Path, Path], *, inferred: bool
) -> Field:
    kind = common_type((ours.type, theirs.type)) if inferred else ours.type
    if kind is None or (not inferred and ours.type != theirs.type):
        raise SourceError(
            f"column '{ours.name}' is {ours.type} in '{paths[0]}', "
            f"but {theirs.type} in '{paths[1]}'",
            hint="read them apart and cast() one, or give the types with schema=",
        )
    return Field(ours.name, kind, ours.nullable or theirs.nullable)


def _require_columns(
    wanted: Schema, first: Inspected, partitions: tuple[Field, ...], place: str
) -> None:
    present = Schema((*first.fields, *partitions))
    for field in wanted:
        present.field(field.name, of=f"'{place}'")
