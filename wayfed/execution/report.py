"""What a run counted, fragment by fragment, and what it changed in its plan on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed.execution.meter import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.execution.loops import LoopCount
    from wayfed_optimizer.statistics import Estimate


PLACED_ELSEWHERE: Final = "placed elsewhere"
"""The action of a recovery that gave a platform up."""


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
    kept
        Whether it ran before the plan was made anew: its rows were kept, and read by the new one.
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
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """A fragment, and where it runs.

    Parameters
    ----------
    id, platform
        Of the fragment.
    """

    id: str
    platform: str

    def __str__(self) -> str:
        return f"{self.id} on {self.platform}"


@dataclass(frozen=True, slots=True)
class Replanning:
    """The rest of a plan was planned again, because a fragment gave other rows than estimated.

    Parameters
    ----------
    fragment, platform
        The fragment whose rows were counted, and where it ran.
    estimated
        How many it was thought to give.
    rows
        How many it gave.
    complete
        Whether that is all of them; else there were at least so many, and more to come.
    kept
        The fragments whose rows go on to be used.
    before
        What was still to be done by the plan until then: the fragments that had not begun, and
        those that had and were given up.
    after
        What is to be done instead; equal to `before` where the plan stayed as it was.
    seconds
        What planning again took.
    """

    fragment: str
    platform: str
    estimated: Estimate
    rows: int
    complete: bool
    kept: tuple[str, ...]
    before: tuple[Placement, ...]
    after: tuple[Placement, ...]
    seconds: float

    @property
    def changed(self) -> bool:
        """Whether there was a better plan than that which was being followed."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Recovery:
    """A failure that the run got over.

    Parameters
    ----------
    fragment, platform
        The fragment that failed, where that is known, and where it ran.
    error
        What was wrong, in a line.
    action
        ``retried`` the fragment alone, ``restarted`` the whole run, or ``placed elsewhere``: the
        platform takes no further part in the run.
    seconds
        How long was waited before that.
    after
        The fragments of the new plan, where it was placed elsewhere.
    """

    fragment: str | None
    platform: str | None
    error: str
    action: str
    seconds: float = 0.0
    after: tuple[Placement, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a run counted; complete once the result has been read to its end.

    Parameters
    ----------
    fragments
        By fragment id: those whose rows were kept from an earlier plan, then those of the plan
        that was run in the end, in its order.
    seconds
        Wall time from the start of the run to its end, or until now.
    replannings
        Where the rest was planned again, in order.
    recoveries
        The failures that the run got over, in order.
    """

    fragments: Mapping[str, FragmentReport]
    seconds: float
    replannings: tuple[Replanning, ...] = ()
    recoveries: tuple[Recovery, ...] = ()
