"""Costs in seconds by part, and the constants from which a platform's costs are computed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from wayfed_optimizer.cost.work import FLOORS, OF_ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.cost.work import Work


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
    """What work takes on a platform of this installation.

    Parameters
    ----------
    startup
        Seconds until a platform that is not running takes work.
    per_fragment
        Seconds that any piece of work takes there, however small.
    rates
        Seconds for each of a quantity of `wayfed_optimizer.cost.work`; ``read.table`` goes before
        ``read`` where a table is read.
    default_per_row
        The same for rows of which it does not say it.
    per_byte_out
        Seconds a byte that leaves.
    memory
        Bytes that an operator may hold before it goes to disk.
    per_byte_spilled
        Seconds a byte that is written to disk, or read from there.
    least
        Bytes that an operator must hold all the same, however much of its rows is on disk;
        infinite where nothing goes to disk.

    Examples
    --------
    >>> CostProfile(rates={"read": 1e-7}).rate("read.table")
    1e-07
    """

    startup: float = 0.0
    per_fragment: float = 0.001
    rates: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    default_per_row: float = 1e-8
    per_byte_out: float = 1e-9
    memory: float = math.inf
    per_byte_spilled: float = 2e-9
    least: float = 0.0

    def rate(self, quantity: str) -> float:
        """Return the seconds for each of a quantity."""
        known = self.rates.get(quantity)
        if known is not None:
            return known
        base, _, of = quantity.partition(".")
        if of:
            return self.rate(base)
        match base:
            case "fragment":
                return self.per_fragment
            case "out_byte":
                return self.per_byte_out
            case "spill":
                return self.per_byte_spilled
        return self.default_per_row if base in OF_ROWS else 0.0

    def takes(self, quantity: str) -> bool:
        """Say whether a quantity may take time here, or is work that only others do.

        Examples
        --------
        >>> CostProfile().takes("build"), CostProfile().takes("index")
        (True, False)
        """
        return self.rate(quantity) > 0.0 or FLOORS.get(quantity.partition(".")[0], 0.0) > 0.0

    def measured(self, rates: Mapping[str, float]) -> CostProfile:
        """Return this profile with rates that were measured in the place of its own.

        What takes no time here is left as it is.
        """
        kept = {**self.rates, **{name: rates[name] for name in rates if self.takes(name)}}
        return replace(
            self,
            per_fragment=kept.pop("fragment", self.per_fragment),
            per_byte_out=kept.pop("out_byte", self.per_byte_out),
            per_byte_spilled=kept.pop("spill", self.per_byte_spilled),
            rates=MappingProxyType(kept),
        )


def seconds_of(profile: CostProfile, work: Work) -> float:
    """Return the seconds that work takes on a platform.

    Examples
    --------
    >>> seconds_of(CostProfile(rates={"sort": 1e-8}), (("sort", 1000.0),))
    1e-05
    """
    rates = profile.rates
    total = 0.0
    for quantity, amount in work:
        rate = rates.get(quantity)
        total += amount * (profile.rate(quantity) if rate is None else rate)
    return total
