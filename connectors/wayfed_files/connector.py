"""The door to files and to objects of this process: sources, and no platform."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wayfed_files.formats import FORMATS, suffix_of
from wayfed_files.objects import ObjectSource, library_of
from wayfed_files.source import FileSource
from wayfed_optimizer.errors import InvalidOption, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.platform import Platform, Source, SourceRequest, Target, TargetRequest


class FilesConnector:
    """Tables in Parquet, CSV, NDJSON and Arrow IPC files, and in objects of this process."""

    name = "files"
    extra: str | None = None
    options: tuple[str, ...] = ()

    def claims(self, target: object, format: str | None) -> bool:  # read()'s own word
        """Say whether `target` is a path, glob, directory, ``file://`` URL or an object's table."""
        if isinstance(target, Path):
            return True
        if not isinstance(target, str):
            return library_of(target) is not None
        if "://" in target:
            return target.startswith("file://")
        if format in [each.name for each in FORMATS] or suffix_of(target) is not None:
            return True
        return any(mark in target for mark in "/\\*~")

    def platform(self, options: Mapping[str, Any]) -> Platform | None:
        """Return None: files are read by whichever platform the plan is placed on."""
        return None

    def place(self, target: object) -> str:
        """Return the target itself: each has its store."""
        return str(target)

    def store(
        self, target: object, options: Mapping[str, Any], *, new: bool = False
    ) -> Platform | None:
        """Return None, as `platform` does."""
        return None

    def source(self, request: SourceRequest, store: Platform | None) -> Source:
        """Return the source that a request means.

        Raises
        ------
        SourceError, InvalidOption, TypeMismatch, ColumnNotFound
            Each with the file and the remedy.

        Examples
        --------
        >>> import pyarrow as pa
        >>> from wayfed_optimizer.platform import SourceRequest
        >>> rows = pa.table({"n": [1, 2]})
        >>> FilesConnector().source(SourceRequest(rows), None).schema
        Schema(n int64)
        """
        for name, value in (("table", request.table), ("query", request.query)):
            if value is not None:
                raise InvalidOption(f"{name}= is for databases, and files have no tables in them")
        if isinstance(request.target, str | Path):
            return FileSource.from_request(request)
        if request.options or request.format:
            given = ", ".join((*request.options, *(["format"] if request.format else [])))
            raise InvalidOption(f"an object of this process is read without options: {given}")
        if library_of(request.target) is None:
            raise SourceError(
                f"a {type(request.target).__name__} is not a table",
                available=(
                    "pyarrow",
                    "pandas",
                    "polars",
                    "numpy (structured, or a dict of arrays)",
                ),
            )
        return ObjectSource.from_request(request)

    def target(self, request: TargetRequest, store: Platform | None) -> Target:
        """Return the file or directory that a request means.

        Raises
        ------
        SourceError, Unsupported, InvalidOption, TypeMismatch, ColumnNotFound
            Each with the path and the remedy.
        """
        from wayfed_files.targets import target_of

        return target_of(request)


CONNECTOR = FilesConnector()
