"""Why a fragment runs where it does: what other platforms would cost, and what of it is more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed.explain.numbers import cost_parts, in_bytes, in_seconds, listing, times_as_much

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed.explain.model import FragmentView
    from wayfed_optimizer.cost import Cost

_TELLING: Final = 0.2
"""A part of a difference that is worth a word."""
_AS_GOOD: Final = 0.005


def difference(
    here: Cost, there: Cost, *, by_bytes: bool = False, shipment: str | None = None
) -> str:
    """Say in words what makes another cost more, the largest part first.

    Parameters
    ----------
    here, there
        What was chosen, and what was not.
    by_bytes
        Whether the fewest bytes were asked for, not the shortest time.
    shipment
        Which rows would move, where that is known.

    Examples
    --------
    >>> from wayfed_optimizer.cost import Cost
    >>> difference(Cost(cpu=0.1), Cost(startup=3, cpu=0.1, network=2, moved=1.5e8))
    '3 s to start, 150 MB would move'
    >>> difference(Cost(cpu=0.2), Cost(cpu=0.1))
    'as good by the estimates'
    """
    moved = there.moved - here.moved
    more = "more would move" if here.moved else "would move"
    moving = shipment or (f"{in_bytes(moved)} {more}" if moved > 0 else None)
    if by_bytes and moved > 0:
        return moving or ""
    total = there.seconds - here.seconds
    if total <= _AS_GOOD * here.seconds:
        return "as good by the estimates"
    start, work, way = (
        there.startup - here.startup,
        there.cpu - here.cpu,
        there.network - here.network,
    )
    parts = (
        (start, f"{in_seconds(start, 2)} to start"),
        (way, moving or f"{in_seconds(way, 2)} more to move"),
        (work, f"{in_seconds(work, 2)} more work"),
    )
    ordered = sorted(parts, key=lambda part: -part[0])
    told = ", ".join(words for seconds, words in ordered if seconds > _TELLING * total)
    less = -sum(seconds for seconds, _ in parts if seconds < 0)
    return f"{told}, less {in_seconds(less, 2)} elsewhere" if less > _TELLING * total else told


def reason_text(fragment: FragmentView, whole: Cost | None) -> str:
    """Return in one sentence why a fragment runs where it does.

    Parameters
    ----------
    fragment
        One of a plan.
    whole
        The cost of that plan.
    """
    rival = fragment.rival
    if rival is not None and whole is not None:
        much = times_as_much(whole.seconds, rival.cost.seconds)
        there = f"{in_seconds(rival.cost.seconds, 2)}{much and f' ({much})'}"
        return (
            f"the plan takes {in_seconds(whole.seconds, 2)}; next best, with the {rival.operator} "
            f"on {rival.platform}, {there}: {rival.reason}"
        )
    if fragment.forced:
        return f".on('{fragment.platform}') was asked for"
    if fragment.operators.kind == "Read" and fragment.operators.table in fragment.own_tables:
        return f"nobody else reads the tables of {fragment.platform}"
    others = [a.platform for a in fragment.alternatives if a.cost is not None]
    if others and not fragment.sought:
        best = next(a for a in fragment.alternatives if a.cost is not None)
        here, there = (in_seconds(c.seconds, 2) for c in (fragment.total, best.cost) if c)
        return f"{here} up to here; {there} with its end on {best.platform}: {best.reason}"
    if others:
        return f"nobody else can do all of it; {listing(others)} could do the end of it"
    told = "; ".join(refusals(fragment))
    return f"nobody else can: {told}" if told else "there is no other platform"


def refusals(fragment: FragmentView) -> Iterator[str]:
    """Yield why platforms cannot run a fragment, those with one reason together."""
    refused: dict[str, list[str]] = {}
    for other in fragment.alternatives:
        if other.cost is None:
            refused.setdefault(other.reason, []).append(other.platform)
    yield from (f"{listing(names)}: {reason}" for reason, names in refused.items())


def considered(fragment: FragmentView) -> list[tuple[str, str, str]]:
    """Return for each platform what a fragment would cost there with all it needs, by part."""
    rows = [(fragment.platform, _seconds(fragment.total), _parts(fragment.total))]
    for other in fragment.alternatives:
        if other.cost is None:
            rows.append((other.platform, "cannot", other.reason))
        else:
            rows.append((other.platform, _seconds(other.cost), _parts(other.cost)))
    return rows


def _seconds(cost: Cost) -> str:
    return in_seconds(cost.seconds, 2)


def _parts(cost: Cost) -> str:
    return cost_parts(cost) + (f"; moves {in_bytes(cost.moved, 2)}" if cost.moved else "")
