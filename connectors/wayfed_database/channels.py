"""How rows get into a database and out of it: as Arrow, into temporary tables and from results."""

from __future__ import annotations

import re
from hashlib import md5
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE, Channel, Conversion, tables_of

if TYPE_CHECKING:
    from wayfed_database.capabilities import Profile

PRODUCES: Final[tuple[Channel, ...]] = (ARROW_STREAM, ARROW_TABLE)

_NAME_LENGTH: Final = 48
"""PostgreSQL cuts names at 63 bytes."""


def temporary_name(name: str) -> str:
    """Return what the temporary table for a fragment's rows is called, on every connection.

    Examples
    --------
    >>> temporary_name("f2")
    'wayfed_f2'
    >>> len(temporary_name("orders of " + 10 * "long "))
    63
    """
    simple = re.sub(r"[^a-z0-9_]", "_", name.lower())[:_NAME_LENGTH]
    if simple == name:
        return f"wayfed_{name}"
    # Not for secrecy: two names that look alike when simplified must stay two.
    digest = md5(name.encode(), usedforsecurity=False).hexdigest()[: 55 - len(simple)]
    return f"wayfed_{simple}_{digest}"


def values_of(platform: str) -> Channel:
    """Return the channel of rows that stand in a statement itself; its value is InlineRows.

    Where they turn out to be many, the value is a TableReference of the same name.
    """
    return Channel("values", owner=platform)


def conversions_of(platform: str, profile: Profile) -> tuple[Conversion, ...]:
    """Return the ways into a database: rows become a temporary table, or constants where few."""
    if profile.ingest_seconds is None:
        return ()
    tables, values = tables_of(platform), values_of(platform)
    costs = (
        (tables, profile.ingest_seconds, profile.ingest_seconds_per_byte),
        (values, profile.inline_seconds, profile.inline_seconds_per_byte),
    )
    return tuple(
        Conversion(source, target, fixed, per_byte, by=platform)
        for source in (ARROW_TABLE, ARROW_STREAM)
        for target, fixed, per_byte in costs
        if fixed is not None
    )
