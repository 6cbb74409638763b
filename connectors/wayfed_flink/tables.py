"""The tables of a job, as Flink is told of them: what to read, and a directory to write to."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

from wayfed_arrow import arrow_schema
from wayfed_sql import FLINK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wayfed_optimizer.platform import FileSet
    from wayfed_optimizer.types import Schema

_FILES: Final = "wayfed-arrow"


def quoted(name: str) -> str:
    """Return a name as Flink SQL reads it, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


def source_table(name: str, files: FileSet) -> str:
    """Return the statement that makes files a table."""
    paths = ";".join(listed(str(path)) for path in files.paths)
    return table(name, files.schema, _FILES, {"files": paths})


def sink_table(name: str, directory: Path, schema: Schema) -> str:
    """Return the statement that makes a directory a table to write to."""
    begin = arrow_schema(schema).serialize().to_pybytes()
    options = {"directory": str(directory), "schema": b64encode(begin).decode("ascii")}
    return table(name, schema, _FILES, options)


def table(name: str, schema: Schema, connector: str, options: Mapping[str, str]) -> str:
    """Return the statement that makes a table of what a connector in our jar reads or writes."""
    columns = ", ".join(f"{quoted(f.name)} {FLINK.type_name(f.type)}" for f in schema)
    told = {"connector": connector, **options}
    given = ", ".join(f"'{key}' = {_text(value)}" for key, value in told.items())
    return f"CREATE TEMPORARY TABLE {quoted(name)} ({columns}) WITH ({given})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def listed(element: str) -> str:
    """Return an element of a list in an option."""
    return _text(element) if set(element) & set(";'\"") else element
