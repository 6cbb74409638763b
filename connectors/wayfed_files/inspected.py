"""What one file tells about itself, and what to say about a file that is not what it should be."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from wayfed_optimizer.statistics.estimates import Estimate
    from wayfed_optimizer.types import Field

_HEAD: Final = 512
_SIGNATURES: Final = (
    (b"PAR1", "Parquet"),
    (b"PARE", "encrypted Parquet"),
    (b"ARROW1", "an Arrow IPC file"),
    (b"FEA1", "a Feather file of version 1"),
    (b"\xff\xff\xff\xff", "an Arrow IPC stream"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "a ZIP archive (an .xlsx is one)"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"ORC", "ORC"),
    (b"Obj\x01", "Avro"),
    (b"%PDF", "a PDF"),
    (b"<", "XML or HTML"),
    (b"[", "a JSON array"),
    (b"{", "JSON"),
)


@dataclass(frozen=True, slots=True)
class Inspected:
    """What one file tells about itself without being read through.

    Parameters
    ----------
    path
        The file.
    fields
        Its columns; the type is NULL where only NULLs were seen.
    rows
        How many there are.
    reading
        What reading it needs besides the options given; the same for all files of a table.
    footer
        Where statistics by column are read, if somebody asks.
    partitions
        What its writer noted about the columns that its directories stand for.
    """

    path: Path
    fields: tuple[Field, ...]
    rows: Estimate
    reading: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    footer: Any = None
    partitions: str | None = None


def looks_like(head: bytes) -> str:
    r"""Say which format the first bytes of a file look like.

    Examples
    --------
    >>> looks_like(b"PAR1\x15\x00"), looks_like(b'{"a": 1}'), looks_like(b"a,b\n1,2\n")
    ('Parquet', 'JSON', 'text')
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    for signature, name in _SIGNATURES:
        if head.startswith(signature) or start.startswith(signature):
            return name
    return "binary data" if b"\x00" in head else "text"


def head_of(path: Path, length: int = _HEAD) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as file:
        return file.read(length)


def not_of_format(path: Path, name: str, looks: str) -> SourceError:
    """Return the error for a file that looks like something else than it is said to be."""
    return SourceError(
        f"'{path}' is not {name}: it looks like {looks}",
        hint="name it .gz" if looks == "gzip" else "format= says what it is, whatever its name",
    )


def require_names(path: Path, names: Sequence[str], *, hint: str | None = None) -> None:
    """Raise SourceError where a column has no name, or that of another."""
    seen: set[str] = set()
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise SourceError(
                f"column {position} of '{path}' has no name",
                available=[name for name in names if name],
                hint=hint,
            )
        if name in seen:
            raise SourceError(f"two columns of '{path}' are called '{name}'", available=names)
        seen.add(name)


def require_signature(path: Path, signature: bytes, name: str) -> None:
    """Raise SourceError unless a file begins and ends with the signature of its format."""
    head = head_of(path)
    if not head:
        raise SourceError(f"'{path}' is empty, so it is not {name}")
    if not head.startswith(signature):
        raise not_of_format(path, name, looks_like(head))
    with path.open("rb") as file:
        file.seek(-min(len(signature), path.stat().st_size), 2)
        whole = file.read() == signature and path.stat().st_size >= 2 * len(signature)
    if not whole:
        raise SourceError(
            f"'{path}' is truncated: it ends before its footer", hint="write or copy it again"
        )
