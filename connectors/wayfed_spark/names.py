"""Names, texts and places as Spark reads them, whatever is in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from uuid import uuid4

if TYPE_CHECKING:
    from pathlib import Path

    from wayfed_optimizer.platform import Run

# Spark would leave these files out, or take their names for patterns or URLs.
_UNREADABLE: Final = re.compile(r"[*?\[\]{}\\:]|/[_.][^/]*$")
_ESCAPED: Final = re.compile(r"['\\]")


def quoted(name: str) -> str:
    """Return a name as Spark SQL reads it, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


def text_constant(text: str) -> str:
    r"""Return a text as a constant of Spark's SQL.

    Examples
    --------
    >>> print(text_constant("it's \\d"))
    'it\'s \\d'
    """
    return "'" + _ESCAPED.sub(r"\\\g<0>", text) + "'"


def url_of(path: Path, run: Run, suffix: str) -> str:
    """Return a URL that leads to a file and that Spark takes for what it is.

    Parameters
    ----------
    path, run
        The file, and the run in whose directory there may be a link to it.
    suffix
        What the name must end with, as it says how the file is packed.
    """
    if not _UNREADABLE.search(str(path)) and path.name.endswith(suffix):
        return f"file://{path}"
    link = run.directory() / f"{uuid4().hex}{suffix}"
    link.symlink_to(path)
    return f"file://{link}"
