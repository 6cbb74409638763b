"""Quotes of CSV files that are never closed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from wayfed_optimizer.errors import ExecutionError
from wayfed_spark.quotes import require_closed_quotes

PLAIN = {"delimiter": ",", "quote": '"', "escape": '"'}
ESCAPED = {**PLAIN, "escape": "\\"}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ('a,b\n1,"x"\n', PLAIN),
        ('a,b\n1,"x ""y"""\n', PLAIN),
        ('a,b\n1,7" pipe\n', PLAIN),
        ('a,b\n1,"x \\" y"\n', ESCAPED),
        ('a,b\n1,"x\ny"\n', PLAIN),
    ],
)
def test_what_is_closed_is_let_through(tmp_path: Path, text: str, options: dict[str, str]) -> None:
    path = tmp_path / "f.csv"
    path.write_text(text)
    require_closed_quotes(path, options)
    packed = tmp_path / "f.csv.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    require_closed_quotes(packed, options)


@pytest.mark.parametrize(
    ("text", "options"),
    [('a,b\n1,"x\n', PLAIN), ('a,b\n1,"x\n2,y\n', PLAIN), ('a,b\n1,"x\\"\n', ESCAPED)],
)
def test_what_is_not_closed_is_named(tmp_path: Path, text: str, options: dict[str, str]) -> None:
    path = tmp_path / "f.csv"
    path.write_text(text)
    with pytest.raises(ExecutionError, match=r"f\.csv' cannot be read as CSV"):
        require_closed_quotes(path, options)
