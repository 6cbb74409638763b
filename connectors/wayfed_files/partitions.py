"""Directories called ``column=value``, as Hive names them: what they stand for, and their names."""

from __future__ import annotations

import datetime
import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from wayfed_optimizer.errors import ExecutionError, InvalidOption, SourceError, TypeMismatch
from wayfed_optimizer.types import (
    BOOL,
    DATE,
    INT64,
    TEXT,
    DataType,
    Field,
    Schema,
    is_integer,
    parse_type,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wayfed_files.inspected import Inspected

NULL_NAME: Final = "__HIVE_DEFAULT_PARTITION__"
METADATA: Final = "wayfed.partitions"
"""What a file's footer calls the types of the columns that its directories stand for."""

_ESCAPED: Final = re.compile("[\x00-\x1f\x7f\"#%'*/:=?\\\\{}\\[\\]^]")
_INTEGER: Final = re.compile(r"-?(?:0|[1-9]\d{0,17})")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def keys_of(path: Path, root: Path) -> tuple[tuple[str, str | None], ...]:
    """Return columns and values of the directories between `root` and a file.

    Examples
    --------
    >>> from pathlib import Path
    >>> keys_of(Path("/lake/year=2013/carrier=A%2FB/part.parquet"), Path("/lake"))
    (('year', '2013'), ('carrier', 'A/B'))
    """
    found = []
    for part in path.relative_to(root).parts[:-1]:
        name, mark, value = part.partition("=")
        if mark and name:
            found.append((unquote(name), None if value == NULL_NAME else unquote(value)))
    return tuple(found)


def partitions_of(
    files: Sequence[Path], root: Path, inspected: Sequence[Inspected], wanted: Schema | None
) -> tuple[Field, ...]:
    """Return the columns that the directories of files stand for.

    The types are those of `wanted`, else what the writer noted in the footers, else what all the
    values are written as: int64, date, or else text.

    Raises
    ------
    SourceError
        Where files lie under different columns.
    """
    keys = [keys_of(path, root) for path in files]
    names = tuple(name for name, _ in keys[0])
    for path, each in zip(files, keys, strict=True):
        if tuple(name for name, _ in each) != names:
            raise SourceError(
                f"'{path}' lies under {_told(each)}, and '{files[0]}' under {_told(keys[0])}",
                hint="read them apart",
            )
    noted = _noted(inspected)
    values = {
        name: tuple(dict.fromkeys(each[position][1] for each in keys))
        for position, name in enumerate(names)
    }
    columns = []
    for name, found in values.items():
        kind = noted.get(name) or _inferred(found)
        if wanted is not None and name in wanted:
            kind = wanted[name].type
        columns.append(Field(name, kind, None in found))
    return tuple(columns)


def _told(keys: tuple[tuple[str, str | None], ...]) -> str:
    return "/".join(f"{name}=…" for name, _ in keys) or "no directory of a column"


def _noted(inspected: Sequence[Inspected]) -> dict[str, DataType]:
    notes = {each.partitions for each in inspected}
    note = notes.pop() if len(notes) == 1 else None
    if note is None:
        return {}
    return {name: parse_type(kind) for name, kind in json.loads(note).items()}


def _inferred(values: tuple[str | None, ...]) -> DataType:
    texts = [text for text in values if text is not None]
    if texts and all(_INTEGER.fullmatch(text) for text in texts):
        return INT64
    if texts and all(_is_day(text) for text in texts):
        return DATE
    return TEXT


def _is_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text) and datetime.date.fromisoformat(text))
    except ValueError:
        return False


def require_partitionable(field: Field) -> None:
    """Raise InvalidOption or TypeMismatch unless directories can be named after a column."""
    if field.name.startswith((".", "_")) or _ESCAPED.search(field.name):
        raise InvalidOption(
            f"no directory is named after column '{field.name}'",
            hint="rename() it: engines pass over names with . or _ in front, and know no others "
            "with = % / and their like",
        )
    if not (is_integer(field.type) or field.type in (TEXT, BOOL, DATE)):
        raise TypeMismatch(
            f"column '{field.name}' is {field.type}, and directories are named after integers, "
            "text, booleans and dates",
            hint=f"cast it, for example .cast({field.name}='text')",
        )


def note_of(columns: Sequence[Field]) -> dict[str, str]:
    """Return what the footer of a file says about the columns of its directories."""
    return {METADATA: json.dumps({field.name: str(field.type) for field in columns})}


def directory_name(column: str, value: object) -> str:
    """Return the name of the directory for a value of a column.

    Raises
    ------
    ExecutionError
        For texts that no directory can be named after.

    Examples
    --------
    >>> directory_name("carrier", "A/B"), directory_name("day", None)
    ('carrier=A%2FB', 'day=__HIVE_DEFAULT_PARTITION__')
    """
    match value:
        case None:
            text = NULL_NAME
        case bool():
            text = str(value).lower()
        case "" | "__HIVE_DEFAULT_PARTITION__":
            raise ExecutionError(
                f"column '{column}' holds {value!r}, which a directory's name takes for NULL",
                hint="replace it, or partition by another column",
            )
        case _:
            text = _escaped(str(value))
    return f"{_escaped(column)}={text}"


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", text)
