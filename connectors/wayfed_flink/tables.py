"""The tables of a job, as Flink is told of them: files to read, and a directory to write to."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from wayfed_arrow import arrow_schema
from wayfed_sql import FLINK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wayfed_optimizer.platform import FileSet
    from wayfed_optimizer.types import Schema


def quoted(name: str) -> str:
    """Return a name as Flink SQL reads it, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


def source_table(name: str, files: FileSet) -> str:
    """Return the statement that makes files a table."""
    listed = ";".join(_listed(str(path)) for path in files.paths)
    return _table(name, files.schema, {"files": listed})


def sink_table(name: str, directory: Path, schema: Schema) -> str:
    """Return the statement that makes a directory a table to write to."""
    begin = arrow_schema(schema).serialize().to_pybytes()
    options = {"directory": str(directory), "schema": b64encode(begin).decode("ascii")}
    return _table(name, schema, options)


def _table(name: str, schema: Schema, options: Mapping[str, str]) -> str:
    columns = ", ".join(f"{quoted(f.name)} {FLINK.type_name(f.type)}" for f in schema)
    told = {"connector": "wayfed-arrow", **options}
    given = ", ".join(f"'{key}' = {_text(value)}" for key, value in told.items())
    return f"CREATE TEMPORARY TABLE {quoted(name)} ({columns}) WITH ({given})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _listed(path: str) -> str:
    """Return a path as an element of a list in an option."""
    return "'" + path.replace("'", "''") + "'" if set(path) & set(";'\"") else path
