"""CSV and NDJSON: the columns are inferred from the beginning of a file, and rows are estimated."""

from __future__ import annotations

import gzip
import json
import re
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from wayfed_files.inspected import Inspected, head_of, looks_like, not_of_format, require_names
from wayfed_optimizer.errors import InvalidOption, SourceError, TypeMismatch
from wayfed_optimizer.statistics.estimates import Estimate, Provenance
from wayfed_optimizer.types import (
    DATE,
    INT64,
    MAX_PRECISION,
    NULL,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    DataType,
    Decimal,
    Field,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
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
_DIGITS_OF_INT64: Final = 19
_INT64_END: Final = 2.0**63
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
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

    try:
        first = _read_csv(path, options, prefix)
        floats = [c.name for c in first.schema if pa.types.is_floating(c.type)]
        texts = _read_csv(path, options, prefix, as_text=floats) if floats else first
    except (pa.ArrowException, OSError, EOFError) as error:
        raise _broken(path, "CSV", _CSV_ROW, error, prefix, starts_at=0) from error
    names = first.schema.names if options["header"] else _numbered(len(first.schema))
    require_names(path, names, hint="header=False reads the first line as a row")
    fields = tuple(
        Field(name, _whole(texts.column(i)) or _inferred(first.schema.types[i], name, path))
        for i, name in enumerate(names)
    )
    return Inspected(path, fields, _rows(path, first.num_rows, prefix))


def _read_csv(
    path: Path, options: Mapping[str, Any], prefix: int, *, as_text: Sequence[str] = ()
) -> pa.RecordBatch:
    """Return the rows of the first `prefix` bytes."""
    import pyarrow as pa
    from pyarrow import csv

    read = csv.ReadOptions(
        use_threads=False, block_size=prefix, autogenerate_column_names=not options["header"]
    )
    parse = csv.ParseOptions(
        delimiter=options["delimiter"],
        quote_char=options["quote"],
        double_quote=options["escape"] == options["quote"],
        escape_char=_escape(options),
        newlines_in_values=True,
    )
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(as_text, pa.string()),
        null_values=list(options["null_values"]),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    with _opened(path, "CSV") as file:
        reader = csv.open_csv(_with_an_end(file, prefix), read, parse, convert)
        first = next(reader, None)
    return pa.RecordBatch.from_pylist([], reader.schema) if first is None else first


def _with_an_end(file: Any, prefix: int) -> Any:
    """Return the file, or its one line with an end to it, without which it is none to pyarrow."""
    head = file.read(prefix)
    file.seek(0)
    unended = len(head) < prefix and b"\n" not in head and b"\r" not in head
    return BytesIO(head + b"\n") if unended else file


def _whole(values: pa.Array) -> DataType | None:
    """Return the type of numbers that are written as integers, but too large for int64."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(values.type) or values.null_count == len(values):
        return None
    written = pc.match_substring_regex(values, r"^\s*[+-]?\d{1,38}\s*$")
    if not pc.all(written).as_py():
        return None
    fits = pc.max(pc.utf8_length(values)).as_py() < _DIGITS_OF_INT64
    return INT64 if fits else Decimal(MAX_PRECISION, 0)


def _escape(options: Mapping[str, Any]) -> str | bool:
    return False if options["escape"] == options["quote"] else str(options["escape"])


def _numbered(count: int) -> list[str]:
    return [f"column{position}" for position in range(count)]


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
        found = from_arrow_type(kind, column)
    except TypeMismatch:
        # A time of day, or a nested value with parts that were always NULL: kept as it is written.
        return TEXT
    return TEXT if "struct<>" in str(found) else found


def inspect_ndjson(path: Path, options: Mapping[str, Any], prefix: int) -> Inspected:
    """Return the columns that the first `prefix` bytes of a file of JSON lines suggest.

    Text that is written as dates or timestamps throughout becomes dates or timestamps.

    Raises
    ------
    SourceError
        Where the file is empty, not JSON lines, or has a broken line at its beginning.
    """
    import pyarrow as pa

    with _opened(path, "NDJSON") as file:
        try:
            text = _whole_lines(path, file.read(prefix), prefix)
            table = _read_json(text, {})
            # The reader takes texts for timestamps and drops their zone: look at what is written.
            times = [c.name for c in table.schema if pa.types.is_timestamp(c.type)]
            if times:
                table = _read_json(text, dict.fromkeys(times, pa.string()))
        except (pa.ArrowException, OSError, EOFError) as error:
            raise _broken(path, "NDJSON", _JSON_ROW, error, prefix, starts_at=1) from error
    large = _large(text, table)
    fields = tuple(
        Field(
            column.name,
            Decimal(MAX_PRECISION, 0)
            if column.name in large
            else _type_of_json(table.column(position), column, path),
        )
        for position, column in enumerate(table.schema)
    )
    require_names(path, [f.name for f in fields])
    return Inspected(path, fields, _rows(path, table.num_rows, prefix))


def _whole_lines(path: Path, text: bytes, prefix: int) -> bytes:
    if text.startswith(_BYTE_ORDER_MARK):
        raise SourceError(f"'{path}' begins with a byte order mark, and JSON has none")
    if len(text) < prefix:
        return text
    end = text.rfind(b"\n")
    if end < 0:
        raise SourceError(f"the first line of '{path}' is longer than {prefix:,} bytes")
    return text[: end + 1]


def _read_json(text: bytes, kinds: Mapping[str, pa.DataType]) -> pa.Table:
    """Return rows, of which some columns are of types that are given."""
    import pyarrow as pa
    from pyarrow.json import ParseOptions, ReadOptions, read_json

    given = ParseOptions(explicit_schema=pa.schema(kinds)) if kinds else None
    return read_json(BytesIO(text), ReadOptions(False, len(text) + 1), given)


def _large(text: bytes, table: pa.Table) -> set[str]:
    """Return the columns of whole numbers beyond int64, which the reader takes for floats.

    What is written as a float anywhere, as 1e19 is, is one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = {
        name
        for name, values in zip(table.column_names, table.columns, strict=True)
        if pa.types.is_floating(values.type) and (pc.max(pc.abs(values)).as_py() or 0) >= _INT64_END
    }
    try:
        for line in text.split(b"\n") if found else ():
            row = json.loads(line) if line.strip() else {}
            found -= {name for name in found if not _is_whole(row.get(name))}
    except (ValueError, RecursionError):
        return set()  # rows that share a line, or the like
    return found


def _is_whole(value: object) -> bool:
    return value is None or (isinstance(value, int) and abs(value) < 10**MAX_PRECISION)


def _type_of_json(values: pa.ChunkedArray, column: pa.Field, path: Path) -> DataType:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type):
        return _inferred(column.type, column.name, path)
    if values.null_count == len(values):
        return NULL
    for kind, pattern in _TIMES:
        if pc.all(pc.match_substring_regex(values, pattern)).as_py() and _are_days(values):
            return kind
    return TEXT


def _are_days(values: pa.ChunkedArray) -> bool:
    """Say whether texts that look like dates are in the calendar."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.cast(pc.utf8_slice_codeunits(values, 0, 10), pa.date32())
    except pa.ArrowInvalid:
        return False
    return True


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Any]:
    """Open a file for reading its text, unpacked; raise SourceError where it is not text."""
    packed = path.suffix.lower() == ".gz"
    head = head_of(path)
    if not head:
        raise SourceError(
            f"'{path}' is empty, so its columns are unknown",
            hint="schema= says them" if name == "NDJSON" else None,
        )
    if packed != head.startswith(_GZIP):
        raise not_of_format(path, name, looks_like(head))
    if not packed and (looks := looks_like(head)) not in _TEXTS:
        raise not_of_format(path, name, looks)
    with gzip.open(path, "rb") if packed else path.open("rb") as file:
        yield file


def _broken(
    path: Path,
    name: str,
    row: re.Pattern[str],
    error: Exception,
    prefix: int,
    *,
    starts_at: int,
) -> SourceError:
    told = str(error)
    if "straddling object" in told:
        return SourceError(f"a row of '{path}' is longer than {prefix:,} bytes")
    found = row.search(told)
    line = f", line {int(found[1]) + starts_at}" if found else ""
    detail = row.sub("", told.split(" parse error: ", 1)[-1]).strip(": ")
    return SourceError(f"'{path}'{line} cannot be read as {name}: {detail}")


def _rows(path: Path, seen: int, prefix: int) -> Estimate:
    """Return the rows of a file of whose first bytes `seen` rows were read."""
    size = path.stat().st_size * (_GZIP_RATIO if path.suffix.lower() == ".gz" else 1.0)
    if size <= prefix:
        return Estimate.around(seen, Provenance.DERIVED, factor=1.1)
    return Estimate.around(max(1.0, seen) * size / prefix, Provenance.DERIVED)
