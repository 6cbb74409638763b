"""DuckDB's errors as ours: whose fault it is, in which file and line, in a sentence."""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wayfed_arrow import Stream
from wayfed_optimizer.errors import ExecutionError, SourceChanged, WayfedError
from wayfed_optimizer.platform import CSV_FILES, NDJSON_FILES, FileSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CSV_ERROR: Final = re.compile(
    r"CSV Error on Line: (?P<line>\d+)\n(?P<what>.*?)"
    r"(?:\n *Possible.*?|)\n  file = (?P<file>.*?)\n",
    re.DOTALL,
)
_JSON_ERROR: Final = re.compile(r'in file "(?P<file>.*?)", in line (?P<line>\d+): (?P<what>[^\n]*)')
_JSON_MALFORMED: Final = re.compile(
    r'Malformed JSON in file "(?P<file>.*?)", .*?: (?P<what>[^\n]*)'
)
_REFUSED: Final = re.compile(
    r"(?P<what>column (?P<column>.*) is (?P<type>[\w(),]+) and cannot hold (?P<value>.*))",
    re.DOTALL,
)
_PREFIX: Final = re.compile(r"^(?:[A-Z][\w ]* Error: )+")
_ADVICE: Final = re.compile(r"\n\s*(?:Possible|Column .* is being|This type was).*", re.DOTALL)
_MEMORY: Final = re.compile(r"Out of Memory Error: .*?/(?P<limit>[\d.]+ \w+) used", re.DOTALL)
_SHOWN: Final = 200
_FILES_SHOWN: Final = 3
_TEXT_HINT: Final = "null_values=[…] says what stands for NULL, schema= which types there are"


def translated(
    error: BaseException, *, fragment: str, sql: str, inputs: Mapping[str, object]
) -> WayfedError:
    """Return our error for one of DuckDB's, to be raised from it.

    Parameters
    ----------
    error
        What DuckDB (or Arrow, for it) raised.
    fragment, sql
        What it had been asked.
    inputs
        What it was reading.
    """
    for value in inputs.values():
        if isinstance(value, Stream) and isinstance(value.error, WayfedError):
            return value.error
    files = [value for value in inputs.values() if isinstance(value, FileSet)]
    for path in (path for each in files for path in each.paths):
        if not path.exists():
            return SourceChanged(f"'{path}' is gone while it was read")
    told = str(error)
    message, hint = _in_text_file(told, files)
    return ExecutionError(
        message or _summary(told),
        platform="duckdb",
        fragment=fragment,
        sql=sql,
        hint=hint or _more_memory(told) or _damage(error, files),
    )


def _more_memory(told: str) -> str | None:
    """Say what would help where DuckDB had to hold more than it may."""
    found = _MEMORY.search(told)
    if found is None:
        return None
    return (
        f"this fragment holds more than memory_limit='{found['limit']}' and cannot go to disk with "
        "it: give more with wf.context(duckdb={'memory_limit': …}), or .on() another engine"
    )


def _damage(error: BaseException, files: list[FileSet]) -> str | None:
    """Name the files that were read where DuckDB, by its most general error, names none."""
    import duckdb

    paths = [f"'{path}'" for each in files for path in each.paths]
    if not paths or not (type(error) is duckdb.Error or isinstance(error, OSError)):
        return None
    shown = ", ".join(paths[:_FILES_SHOWN])
    more = len(paths) - _FILES_SHOWN
    return f"is a file damaged? It was reading {shown}" + (f", … {more} more" if more > 0 else "")


def _summary(told: str) -> str:
    """Return what went wrong without the engine's advice about its own options."""
    return _PREFIX.sub("", _ADVICE.sub("", told.split("\n\n", maxsplit=1)[0])).strip()


def _in_text_file(told: str, files: list[FileSet]) -> tuple[str | None, str | None]:
    """Return (what is wrong in which file and line, a hint) where it is in a text file."""
    if found := _CSV_ERROR.search(told):
        lines = _ADVICE.sub("", found["what"]).removeprefix("Original Line: ").split("\n")
        what = ": ".join(line[:_SHOWN] for line in lines if line.strip())
        return f"'{found['file']}', line {found['line']}: {what}", _TEXT_HINT
    if found := _JSON_ERROR.search(told):
        return f"'{found['file']}', line {found['line']}: {found['what'].strip()}", None
    if found := _JSON_MALFORMED.search(told):
        return f"{_place_of_broken_json(found['file'])}{found['what'].strip()}", None
    if found := _REFUSED.search(told):
        place = _place_of(files, found["column"], found["value"].strip())
        return f"{place}{found['what'].strip()}", _TEXT_HINT if place else None
    return None, None


def _place_of_broken_json(name: str) -> str:
    """Return where the first line stands that is not JSON; DuckDB counts them otherwise."""
    with _opened(Path(name)) as file:
        for line, written in enumerate(file, start=1):
            try:
                json.loads(written.strip() or "null")
            except ValueError:
                return f"'{name}', line {line}: "
    return f"'{name}': "


def _place_of(files: list[FileSet], column: str, value: str) -> str:
    """Return where a value that was refused stands, if it does in a text file."""
    for each in files:
        if column not in [field.name for field in each.options.get("columns", ())]:
            continue
        values = _csv_values if each.channel == CSV_FILES else _json_values
        for path in each.paths if each.channel in (CSV_FILES, NDJSON_FILES) else ():
            for line, written in values(path, each.options, column):
                if written.strip() == value:
                    return f"'{path}', line {line}: "
    return ""


def _csv_values(path: Path, options: Mapping[str, Any], column: str) -> Iterator[tuple[int, str]]:
    position = [field.name for field in options["columns"]].index(column)
    with _opened(path) as file:
        rows = csv.reader(
            file,
            delimiter=options["delimiter"],
            quotechar=options["quote"],
            doublequote=options["escape"] == options["quote"],
            escapechar=None if options["escape"] == options["quote"] else options["escape"],
        )
        if options["header"]:
            next(rows, None)
        for row in rows:
            if len(row) > position and row[position] not in options["null_values"]:
                yield rows.line_num, row[position]


def _json_values(path: Path, options: Mapping[str, Any], column: str) -> Iterator[tuple[int, str]]:
    with _opened(path) as file:
        for line, written in enumerate(file, start=1):
            value = json.loads(written).get(column) if written.strip() else None
            if value is not None:
                yield line, value if isinstance(value, str) else json.dumps(value)


def _opened(path: Path) -> Any:
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    return opener(path, "rt", encoding="utf-8", newline="")
