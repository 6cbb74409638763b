"""How long a plan takes when its independent fragments run at the same time: an estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.physical import Exchange

if TYPE_CHECKING:
    from wayfed_optimizer.physical import PhysicalPlan


def longest_path(plan: PhysicalPlan) -> float:
    """Return the estimated seconds of the longest chain of fragments, start-ups included.

    Placement adds up all work, because shared cores do it one piece after another; this is what is
    left where every fragment has cores of its own and starts as soon as its inputs are there.
    """
    ends: dict[str, float] = {}
    for fragment in plan.fragments:
        arrivals = (
            ends[each.fragment] + each.cost.seconds
            for each in fragment.inputs.values()
            if isinstance(each, Exchange)
        )
        ends[fragment.id] = fragment.cost.seconds + max(arrivals, default=0.0)
    # What follows from the last fragment, and what starts once, is of the whole plan.
    work = sum(f.cost.seconds for f in plan.fragments) + sum(
        each.cost.seconds
        for fragment in plan.fragments
        for each in fragment.inputs.values()
        if isinstance(each, Exchange)
    )
    return plan.cost.seconds - max(0.0, work - ends[plan.result.id])
