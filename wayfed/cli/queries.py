"""What ``explain`` and ``run`` do: from a file of SQL to an explanation, a table, a file."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from wayfed.dataset import Dataset
from wayfed_optimizer.errors import InvalidSql, SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from wayfed.explain import Explanation
    from wayfed.local import Context


def explanation_of(
    file: Path, config: Path | None, stage: str, analyze: bool, alternatives: bool
) -> Explanation:
    """Explain the query in a file; ``explain analyze`` in it is as good as the option."""
    from wayfed_sql import split_explain

    mode, query = split_explain(_text(file))
    with _context(config) as ctx:
        return _dataset(ctx, query).explain(
            stage, analyze=analyze or mode == "analyze", alternatives=alternatives
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

    with _context(config) as ctx:
        dataset = ctx.sql(_text(file))
        if not isinstance(dataset, Dataset):
            sys.stdout.write(written(dataset, "text"))
            return
        # One row more than is shown tells whether there are more.
        table = dataset.limit(rows + 1).to_arrow()
    print_rows(dataset.schema, table.slice(0, rows).to_batches())
    if table.num_rows > rows:
        sys.stderr.write(f"the first {rows} rows; --rows shows more, --output writes all\n")


def write(file: Path, config: Path | None, output: Path, *, overwrite: bool) -> None:
    """Run the query in a file, and write its rows to another one."""
    with _context(config) as ctx:
        dataset = _dataset(ctx, _text(file))
        count = dataset.write(output, mode="overwrite" if overwrite else "error")
    sys.stderr.write(f"{count:,} rows in {output}\n")


def _context(config: Path | None) -> Context:
    from wayfed import context

    return context(config)


def _dataset(ctx: Context, query: str) -> Dataset:
    found = ctx.sql(query)
    if not isinstance(found, Dataset):
        raise InvalidSql("an explanation has no rows to write", hint="leave out explain")
    return found


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
