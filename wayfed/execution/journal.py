"""What a run changed on its way: re-plannings and recoveries, over all its attempts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wayfed.execution.report import Recovery, Replanning


@dataclass(frozen=True, slots=True)
class Journal:
    """Lists to which any thread of a run may append.

    Parameters
    ----------
    replannings, recoveries
        In the order in which they happened.
    """

    replannings: list[Replanning] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
