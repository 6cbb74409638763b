"""What ``explain`` and ``run`` do: from a file of SQL to an explanation, a table, a file."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wayfed_optimizer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wayfed.dataset import Dataset
    from wayfed.explain import Explanation


def explanation_of(
    file: Path, config: Path | None, stage: str, analyze: bool, alternatives: bool
) -> Explanation:
    """Explain the query in a file."""
    with _query(file, config) as dataset:
        return dataset.explain(
            stage, analyze=analyze or stage == "executed", alternatives=alternatives
        )


def written(explanation: Explanation, form: str) -> str:
    """Return an explanation as ``text``, ``html``, ``mermaid`` or ``json``, a line's end last."""
    match form:
        case "html":
            return explanation.to_html()
        case "mermaid":
            return f"{explanation.to_mermaid()}\n"
        case "json":
            return f"{json.dumps(explanation.to_dict(), indent=2, ensure_ascii=False)}\n"
    return f"{explanation}\n"


def show(file: Path, config: Path | None, rows: int) -> None:
    """Run the query in a file, and print its first rows as a table."""
    from wayfed.printing import print_rows

    with _query(file, config) as dataset:
        # One row more than is shown tells whether there are more.
        table = dataset.limit(rows + 1).to_arrow()
    print_rows(dataset.schema, table.slice(0, rows).to_batches())
    if table.num_rows > rows:
        sys.stderr.write(f"the first {rows} rows; --rows shows more, --output writes all\n")


def write(file: Path, config: Path | None, output: Path, *, overwrite: bool) -> None:
    """Run the query in a file, and write its rows to another one."""
    with _query(file, config) as dataset:
        count = dataset.write(output, mode="overwrite" if overwrite else "error")
    sys.stderr.write(f"{count:,} rows in {output}\n")


@contextmanager
def _query(file: Path, config: Path | None) -> Iterator[Dataset]:
    from wayfed import context

    text = _text(file)
    with context(str(config) if config else None) as ctx:
        yield ctx.sql(text)


def _text(file: Path) -> str:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{file} is no text in UTF-8: byte {error.start} cannot be read", where=str(file)
        ) from error
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror}") from error
    return text.strip().removesuffix(";")
