"""How datasets and lists of things show themselves: as text, and as HTML in notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from html import escape
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from wayfed_optimizer.relations import reads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wayfed.dataset import Dataset

T = TypeVar("T")


class Listing(Sequence[T], Generic[T]):
    """Things of one dataclass, which show themselves as a table.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Engine:
    ...     name: str
    ...     version: str | None
    >>> Listing("engine", [Engine("duckdb", "2.0.0"), Engine("spark", None)])
    2 engines
      name    version
      duckdb  2.0.0
      spark
    """

    def __init__(self, noun: str, items: Iterable[T], *, of: str = "") -> None:
        self._items = tuple(items)
        self._title = f"{counted(len(self._items), noun)}{of}"

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        rows = self._rows()
        return "\n".join([self._title, *text_table(rows)])

    def _repr_html_(self) -> str:
        return html_table(self._title, self._rows())

    def _rows(self) -> list[list[str]]:
        if not self._items:
            return []
        first: Any = self._items[0]
        names = [f.name for f in fields(first)]
        return [names, *([_cell(getattr(item, n)) for n in names] for item in self._items)]


def counted(number: int, noun: str) -> str:
    """Return a number of things, as one says it.

    Examples
    --------
    >>> counted(1, "table"), counted(1200, "row"), counted(2, "party")
    ('1 table', '1,200 rows', '2 parties')
    """
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {plural}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(each)}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def text_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as indented lines with aligned columns."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def html_table(caption: str, rows: Sequence[Sequence[str]]) -> str:
    """Return rows as an HTML table; the first one is its head."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    head = line(rows[0], "th") if rows else ""
    body = "".join(line(row, "td") for row in rows[1:])
    return (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead>{head}</thead><tbody>{body}</tbody></table>"
    )


def dataset_text(dataset: Dataset) -> str:
    """Return columns, types and sources of a dataset; runs nothing."""
    rows = [[f.name, str(f.type), "" if f.nullable else "not null"] for f in dataset.schema]
    return "\n".join([_caption(dataset), *text_table(rows), *_sources(dataset)])


def dataset_html(dataset: Dataset) -> str:
    """Return the same as HTML."""
    rows = [[f.name, str(f.type), "" if f.nullable else "not null"] for f in dataset.schema]
    sources = "".join(f"<div>{escape(line)}</div>" for line in _sources(dataset))
    return html_table(_caption(dataset), [["column", "type", ""], *rows]) + sources


def _caption(dataset: Dataset) -> str:
    endless = "" if dataset.bounded else ", without an end"
    return f"Dataset: {counted(len(dataset.columns), 'column')}{endless}, not computed yet"


def _sources(dataset: Dataset) -> list[str]:
    tables = [read.table for read in reads(dataset.relation)]
    return [f"from {table} ({dataset.context.describe_table(table)})" for table in tables]
