"""The formats of files, one row each: endings, channel, options, how one is read and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from wayfed_files import ipc, parquet, text, writers
from wayfed_optimizer.errors import InvalidOption
from wayfed_optimizer.platform import ARROW_FILES, CSV_FILES, NDJSON_FILES, PARQUET_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from wayfed_files.inspected import Inspected
    from wayfed_optimizer.platform import Channel
    from wayfed_optimizer.types import DataType


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files.

    Parameters
    ----------
    name
        As in ``read(…, format=)``.
    suffixes
        The endings by which files of it are known.
    channel
        The channel whose value they are.
    inspect
        Says what a file tells about itself without being read through; gets the options, and how
        many bytes it may look at where a file has no footer.
    writer
        From a file opened for bytes and an Arrow schema to what writes batches.
    remedy
        What to do about a column of a type that cannot be written; None where it can.
    defaults
        The options, with what they are where nothing is said.
    check
        Raises InvalidOption where the value of an option cannot be.
    inferred
        Whether types are only inferred, so that another file may suggest wider ones.
    columns
        What makes the columns of two files the same: the names, their order too, or neither,
        as a file may leave columns out.
    partitioned
        Whether directories called ``column=value`` stand for columns.
    """

    name: str
    suffixes: tuple[str, ...]
    channel: Channel
    inspect: Callable[[Path, Mapping[str, Any], int], Inspected]
    writer: Callable[[Any, Any], Any]
    remedy: Callable[[DataType], str | None] = writers.anything
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    check: Callable[[Mapping[str, Any]], None] = lambda options: None
    inferred: bool = False
    columns: Literal["named", "ordered", "optional"] = "named"
    partitioned: bool = False

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options to read with.

        Raises
        ------
        InvalidOption
            Where one is unknown (with a suggestion) or its value cannot be.
        """
        for name in given:
            if name not in self.defaults:
                raise InvalidOption.unknown(name, self.defaults, of=f"{self.name} files")
        options = {**self.defaults, **given}
        self.check(options)
        return options


FORMATS: Final = (
    Format(
        "parquet",
        (".parquet",),
        PARQUET_FILES,
        parquet.inspect,
        writers.parquet_writer,
        partitioned=True,
    ),
    Format(
        "csv",
        (".csv", ".csv.gz"),
        CSV_FILES,
        text.inspect_csv,
        writers.csv_writer,
        writers.flat_text,
        MappingProxyType(text.CSV_DEFAULTS),
        text.check_csv_options,
        inferred=True,
        columns="ordered",
    ),
    Format(
        "ndjson",
        (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz"),
        NDJSON_FILES,
        text.inspect_ndjson,
        writers.json_writer,
        writers.nested_text,
        inferred=True,
        columns="optional",
    ),
    Format(
        "arrow", (".arrow", ".arrows", ".feather"), ARROW_FILES, ipc.inspect, writers.ipc_writer
    ),
)


def suffix_of(path: Path | str) -> str | None:
    """Return the ending by which the format of a file is known, if it is.

    Examples
    --------
    >>> suffix_of("flights.2013.CSV.gz"), suffix_of("notes.txt")
    ('.csv.gz', None)
    """
    name = str(path).lower()
    endings = (ending for each in FORMATS for ending in each.suffixes)
    return next((ending for ending in endings if name.endswith(ending)), None)


def format_of(path: Path | str) -> Format | None:
    """Return the format that the ending of a file tells, if it tells one."""
    ending = suffix_of(path)
    return next((each for each in FORMATS if ending in each.suffixes), None)
