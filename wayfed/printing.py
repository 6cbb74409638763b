"""Rows as a table in a terminal or notebook."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.types import Schema, is_numeric

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

_LONGEST_TEXT: Final = 60


def print_rows(schema: Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Print rows under the names and types of their columns."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for field in schema:
        header = Text.assemble((field.name, "bold"), "\n", (str(field.type), "dim"))
        table.add_column(header, justify="right" if is_numeric(field.type) else "left")
    for batch in batches:
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            table.add_row(*(Text("NULL", "dim") if v is None else Text(_shown(v)) for v in row))
    Console().print(table)


def _shown(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    text = str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
