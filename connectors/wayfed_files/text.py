"""CSV and NDJSON: the columns are inferred from the beginning of a file, and rows are estimated."""

from __future__ import annotations

import gzip
import re
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from wayfed_files.inspected import Inspected, head_of, looks_like
from wayfed_optimizer.errors import InvalidOption, SourceError, TypeMismatch
from wayfed_optimizer.statistics.estimates import Estimate, Provenance
from wayfed_optimizer.types import DATE, NULL, TEXT, TIMESTAMP, TIMESTAMP_UTC, DataType, Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

CSV_DEFAULTS: Final[Mapping[str, Any]] = {
    "delimiter": ",",
    "quote": '"',
    "escape": '"',
    "header": True,
    "null_values": ("",),
}
"""Unquoted values of `null_values` are NULL; a quoted empty text is an empty text."""

_GZIP: Final = b"\x1f\x8b"
_GZIP_RATIO: Final = 4.0
_TEXTS: Final = ("text", "JSON", "a JSON array", "XML or HTML")
_CSV_ROW = re.compile(r"Row #(\d+)")
_JSON_ROW = re.compile(r"in row (\d+)")
_DAY = r"^\d{4}-\d{2}-\d{2}"
_CLOCK = r"[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
_TIMES: Final = (
    (DATE, f"{_DAY}$"),
    (TIMESTAMP, f"{_DAY}{_CLOCK}$"),
    (TIMESTAMP_UTC, f"{_DAY}{_CLOCK}(?:Z|[+-]\\d{{2}}:?\\d{{2}})$"),
)


def check_csv_options(options: Mapping[str, Any]) -> None:
    """Raise InvalidOption where the value of an option cannot be."""
    for name in ("delimiter", "quote", "escape"):
        if not isinstance(options[name], str) or len(options[name]) != 1:
            raise InvalidOption(f"{name}={options[name]!r} is not a single character")
    if not isinstance(options["header"], bool):
        raise InvalidOption(f"header={options['header']!r} is not True or False")
    nulls = options["null_values"]
    if isinstance(nulls, str) or not all(isinstance(each, str) for each in nulls):
        raise InvalidOption(
            f"null_values={nulls!r} is not a list of texts", hint='for example null_values=["NA"]'
        )


def inspect_csv(path: Path, options: Mapping[str, Any], prefix: int) -> Inspected:
    """Return the columns that the first `prefix` bytes of a CSV file suggest.

    Raises
    ------
    SourceError
        Where the file is empty, not CSV, or has a broken row at its beginning (with the line).
    """
    import pyarrow as pa
    from pyarrow import csv

    with _opened(path, "CSV") as file:
        try:
            reader = csv.open_csv(
                file,
                csv.ReadOptions(
                    use_threads=False,
                    block_size=prefix,
                    autogenerate_column_names=not options["header"],
                ),
                csv.ParseOptions(
                    delimiter=options["delimiter"],
                    quote_char=options["quote"],
                    double_quote=options["escape"] == options["quote"],
                    escape_char=_escape(options),
                    newlines_in_values=True,
                ),
                csv.ConvertOptions(
                    null_values=list(options["null_values"]),
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
            first = next(reader, None)
        except (pa.ArrowException, OSError, EOFError) as error:
            raise _broken(path, "CSV", _CSV_ROW, error, starts_at=0) from error
    names = reader.schema.names if options["header"] else _numbered(len(reader.schema))
    _require_names(path, names)
    fields = tuple(
        Field(name, _inferred(column.type, name, path))
        for name, column in zip(names, reader.schema, strict=True)
    )
    return Inspected(path, fields, _rows(path, first.num_rows if first else 0, prefix))


def _escape(options: Mapping[str, Any]) -> str | bool:
    return False if options["escape"] == options["quote"] else str(options["escape"])


def _numbered(count: int) -> list[str]:
    return [f"column{position}" for position in range(count)]


def _require_names(path: Path, names: list[str]) -> None:
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise SourceError(
                f"column {position} of '{path}' has no name in the header",
                available=[name for name in names if name],
                hint="header=False reads the first line as a row",
            )
        if names.index(name) != position - 1:
            raise SourceError(f"two columns of '{path}' are called '{name}'", available=names)


def _inferred(kind: pa.DataType, column: str, path: Path) -> DataType:
    """Return the type of an inferred column; NULL where there were only NULLs."""
    import pyarrow as pa

    from wayfed_arrow import from_arrow_type

    if pa.types.is_null(kind):
        return NULL
    if pa.types.is_timestamp(kind):
        return TIMESTAMP if kind.tz is None else TIMESTAMP_UTC
    if pa.types.is_binary(kind):
        raise SourceError(
            f"column '{column}' of '{path}' is not UTF-8", hint="convert the file to UTF-8"
        )
    try:
        return from_arrow_type(kind, column)
    except TypeMismatch:
        # A time of day, or a nested value with parts that were always NULL: kept as it is written.
        return TEXT


def inspect_ndjson(path: Path, options: Mapping[str, Any], prefix: int) -> Inspected:
    """Return the columns that the first `prefix` bytes of a file of JSON lines suggest.

    Text that is written as dates or timestamps throughout becomes dates or timestamps.

    Raises
    ------
    SourceError
        Where the file is empty, not JSON lines, or has a broken line at its beginning.
    """
    import pyarrow as pa
    from pyarrow import json

    with _opened(path, "NDJSON") as file:
        try:
            text = _whole_lines(path, file.read(prefix), prefix)
            table = json.read_json(BytesIO(text), json.ReadOptions(False, len(text) + 1))
            # The reader takes texts for timestamps and drops their zone: look at what is written.
            plain = pa.schema(
                [(c.name, pa.string()) for c in table.schema if pa.types.is_timestamp(c.type)]
            )
            if len(plain):
                again = json.ParseOptions(explicit_schema=plain)
                table = json.read_json(BytesIO(text), json.ReadOptions(False, len(text) + 1), again)
        except (pa.ArrowException, OSError, EOFError) as error:
            raise _broken(path, "NDJSON", _JSON_ROW, error, starts_at=1) from error
    fields = tuple(
        Field(column.name, _type_of_json(table.column(position), column, path))
        for position, column in enumerate(table.schema)
    )
    _require_names(path, [f.name for f in fields])
    return Inspected(path, fields, _rows(path, table.num_rows, prefix))


def _whole_lines(path: Path, text: bytes, prefix: int) -> bytes:
    if len(text) < prefix:
        return text
    end = text.rfind(b"\n")
    if end < 0:
        raise SourceError(f"the first line of '{path}' is longer than {prefix:,} bytes")
    return text[: end + 1]


def _type_of_json(values: pa.ChunkedArray, column: pa.Field, path: Path) -> DataType:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type):
        return _inferred(column.type, column.name, path)
    for kind, pattern in _TIMES:
        if pc.all(pc.match_substring_regex(values, pattern)).as_py():
            return kind if values.null_count < len(values) else NULL
    return TEXT


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Any]:
    """Open a file for reading its text, unpacked; raise SourceError where it is not text."""
    packed = path.suffix.lower() == ".gz"
    head = head_of(path)
    if not head:
        raise SourceError(f"'{path}' is empty, so its columns are unknown")
    if packed != head.startswith(_GZIP):
        looks = looks_like(head)
        hint = "name it .gz" if looks == "gzip" else None
        raise SourceError(f"'{path}' is not {name}: it looks like {looks}", hint=hint)
    if not packed and (looks := looks_like(head)) not in _TEXTS:
        raise SourceError(f"'{path}' is not {name}: it looks like {looks}")
    with gzip.open(path, "rb") if packed else path.open("rb") as file:
        yield file


def _broken(
    path: Path, name: str, row: re.Pattern[str], error: Exception, *, starts_at: int
) -> SourceError:
    text = str(error)
    found = row.search(text)
    line = f", line {int(found[1]) + starts_at}" if found else ""
    detail = text.split(": ", 1)[-1] if found else text
    return SourceError(f"'{path}'{line} cannot be read as {name}: {detail}")


def _rows(path: Path, seen: int, prefix: int) -> Estimate:
    """Return the rows of a file of whose first bytes `seen` rows were read."""
    size = path.stat().st_size * (_GZIP_RATIO if path.suffix.lower() == ".gz" else 1.0)
    if size <= prefix:
        return Estimate.exactly(seen)
    return Estimate.around(max(1.0, seen) * size / prefix, Provenance.DERIVED)
