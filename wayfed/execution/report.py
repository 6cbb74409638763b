"""What a run counted, fragment by fragment."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from wayfed.execution.meter import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.execution.loops import LoopCount


@dataclass(frozen=True, slots=True)
class FragmentReport:
    """What a fragment handed out.

    Parameters
    ----------
    id, platform
        Of the fragment.
    rows, bytes
        Of its result; bytes are those of the Arrow buffers.
    seconds
        Wall time spent in it: until its engine answered, and then waiting for its batches.
    metrics
        What the engine itself counted.
    runs
        How often it ran: a fragment inside of a loop does so in each iteration. What else is
        counted is of all these times together.
    loop
        What was counted of the loop that it is, if it is one.
    state
        Whether it waits for what it reads, runs, or is done.
    """

    id: str
    platform: str
    rows: int
    bytes: int
    seconds: float
    metrics: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    runs: int = 1
    loop: LoopCount | None = None
    state: State = State.DONE


@dataclass(frozen=True, slots=True)
class Report:
    """What a run counted; complete once the result has been read to its end.

    Parameters
    ----------
    fragments
        By fragment id, in the order of the plan.
    seconds
        Wall time from the start of the run to its end, or until now.
    """

    fragments: Mapping[str, FragmentReport]
    seconds: float
