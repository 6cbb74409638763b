"""Costs in seconds by part, and the constants from which a platform's costs are computed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.relations import Relation


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of work by part, and bytes moved between platforms; costs add up.

    Examples
    --------
    >>> (Cost(cpu=0.5) + Cost(startup=3.0, moved=1000)).seconds
    3.5
    """

    startup: float = 0.0
    cpu: float = 0.0
    network: float = 0.0
    moved: float = 0.0

    @property
    def seconds(self) -> float:
        """All seconds together."""
        return self.startup + self.cpu + self.network

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.startup + other.startup,
            self.cpu + other.cpu,
            self.network + other.network,
            self.moved + other.moved,
        )

    def times(self, count: float) -> Cost:
        """Return the cost of doing this `count` times; what starts, starts once."""
        if count == 1:
            return self
        return Cost(self.startup, self.cpu * count, self.network * count, self.moved * count)

    def __str__(self) -> str:
        parts = (("start", self.startup), ("cpu", self.cpu), ("network", self.network))
        told = ", ".join(f"{name} {seconds:.3g} s" for name, seconds in parts if seconds)
        return f"{self.seconds:.3g} s" + (f" ({told})" if told else "")


@dataclass(frozen=True, slots=True)
class CostProfile:
    """The constants of a platform on this installation.

    Parameters
    ----------
    startup
        Seconds until a platform that is not running takes work.
    per_fragment
        Seconds that any piece of work takes there, however small.
    per_row
        Seconds a row by class of relation, for rows that come in.
    default_per_row
        The same for relations not listed.
    per_byte_out
        Seconds a byte that leaves, in the cheapest channel.
    memory
        Bytes that an operator may hold before it goes to disk.
    per_byte_spilled
        Seconds a byte that is written to disk, or read from there.
    """

    startup: float = 0.0
    per_fragment: float = 0.001
    per_row: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    default_per_row: float = 1e-8
    per_byte_out: float = 1e-9
    memory: float = math.inf
    per_byte_spilled: float = 2e-9


def operator_seconds(
    profile: CostProfile, relation: Relation, rows_in: float, rows_out: float
) -> float:
    """Return the seconds of work that one relation takes, without its inputs."""
    rate = profile.per_row.get(type(relation).__name__, profile.default_per_row)
    return rate * (rows_in + rows_out)
