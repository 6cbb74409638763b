"""Quotes of CSV that are never closed, of which Spark's reader says nothing."""

from __future__ import annotations

import csv
import gzip
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedIOBase
    from pathlib import Path
    from typing import Any

_AT_ONCE: Final = 8 << 20


def require_closed_quotes(path: Path, options: Mapping[str, Any]) -> None:
    """Raise ExecutionError where the last quoted value of a CSV file has no end.

    An even number of quotes, which is fast to count, tells that all is well. An odd one may be
    that of a quote within a value; then the file is parsed.
    """
    quote = options["quote"].encode()
    escape = b"" if options["escape"] == options["quote"] else options["escape"].encode()
    with _opened(path) as file:
        count, last = 0, b""
        while chunk := file.read(_AT_ONCE):
            count += chunk.count(quote)
            if escape:
                count -= (last + chunk).count(escape + quote)
            last = chunk[-1:]
    if count % 2:
        _parse(path, options)


def has_quotes_and_returns(path: Path, options: Mapping[str, Any]) -> bool:
    """Say whether quoted lines may end in CR LF, which Spark's reader would make LF."""
    quote = options["quote"].encode()
    quotes = returns = False
    with _opened(path) as file:
        while not (quotes and returns) and (chunk := file.read(_AT_ONCE)):
            quotes, returns = quotes or quote in chunk, returns or b"\r" in chunk
    return quotes and returns


def _parse(path: Path, options: Mapping[str, Any]) -> None:
    doubled = options["escape"] == options["quote"]
    with _opened(path) as file:
        text = (line.decode("utf-8", "replace") for line in file)
        try:
            for _ in csv.reader(
                text,
                delimiter=options["delimiter"],
                quotechar=options["quote"],
                doublequote=doubled,
                escapechar=None if doubled else options["escape"],
                strict=True,
            ):
                pass
        except csv.Error as error:
            raise ExecutionError(f"'{path}' cannot be read as CSV: {error}") from error


def _opened(path: Path) -> BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")
