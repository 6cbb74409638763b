"""What a plan is placed in: the platforms and sources of a context, and what is to be short."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.platform import Platform, Source


@dataclass(frozen=True, slots=True)
class Environment:
    """The platforms and sources there are, by name.

    Parameters
    ----------
    platforms
        By the names that `Dataset.on` takes.
    sources
        By the table names of the plan's reads.
    objective
        ``time`` for seconds of work, ``bytes`` for bytes moved.
    lines
        Where the user's program wrote loops, by their variables: for people.
    """

    platforms: Mapping[str, Platform]
    sources: Mapping[str, Source]
    objective: str = "time"
    lines: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
