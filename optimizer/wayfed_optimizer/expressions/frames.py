"""The frame of a window function: which rows around the current one it sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from wayfed_optimizer.errors import InvalidOption
from wayfed_optimizer.node import Node

FRAME_UNITS: Final = ("rows", "groups", "range")
FRAME_EXCLUSIONS: Final = ("current row", "group", "ties")
FRAME_TIMES: Final = ("month", "day", "second", "microsecond")
"""The units in which all others are whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame(Node):
    """The rows around the current one that a window function sees.

    Parameters
    ----------
    units
        What `start` and `end` count: "rows", "groups" of rows that are equal in the order, or, in a
        "range", how far the value that is ordered by is from that of the current row.
    start, end
        From the current row, negative before it; None is unbounded, and 0 in groups and ranges
        takes in all rows equal to the current one.
    unit
        What a range of times counts: "day", "month", "second" …
    exclude
        The rows that are left out: "current row", its "group", or the "ties" with it.
    """

    units: str = "range"
    start: int | float | None = None
    end: int | float | None = 0
    unit: str = ""
    exclude: str = ""

    def __post_init__(self) -> None:
        if self.units not in FRAME_UNITS:
            raise InvalidOption(f"no frame of {self.units}", available=FRAME_UNITS)
        if self.exclude and self.exclude not in FRAME_EXCLUSIONS:
            raise InvalidOption(f"no frame leaves out {self.exclude}", available=FRAME_EXCLUSIONS)
        if self.unit and (self.units != "range" or self.unit not in FRAME_TIMES):
            raise InvalidOption(f"no {self.units} of {self.unit}", available=FRAME_TIMES)
        whole = self.units != "range" or bool(self.unit)
        if whole and any(isinstance(bound, float) for bound in (self.start, self.end)):
            raise InvalidOption(f"bounds in {self.unit or self.units} are whole numbers")
        if not all(math.isfinite(bound or 0) for bound in (self.start, self.end)):
            raise InvalidOption("the bounds of a frame are finite, or None")

    @property
    def has_distance(self) -> bool:
        """Whether it is a range that reaches a distance from the current row's value."""
        return self.units == "range" and any(each not in (None, 0) for each in self.bounds)

    @property
    def bounds(self) -> tuple[int | float | None, int | float | None]:
        """Start and end."""
        return self.start, self.end

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        exclude = f" exclude {self.exclude}" if self.exclude else ""
        first = "start" if self.start is None else f"{self.start:+}{unit}"
        last = "end" if self.end is None else f"{self.end:+}{unit}"
        return f"{self.units} {first} to {last}{exclude}"
