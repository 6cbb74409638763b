"""What the search finds: choices, how their rows arrive, and which of them may be forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, TypeVar

from wayfed_optimizer.cost import Cost

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from wayfed_optimizer.cost import Work
    from wayfed_optimizer.placement.loops import Loops
    from wayfed_optimizer.placement.movement import Way
    from wayfed_optimizer.placement.shared import SharedParts
    from wayfed_optimizer.relations import Relation


class Arrival(NamedTuple):
    """An input of a choice, and how its rows come to where they are read.

    Attributes
    ----------
    choice
        What gives them.
    way
        How they come; None where they are there already.
    kept
        Whether they are read more often than computed: those that a loop's body needs of outside.
    times
        How often they are computed, for each time that what reads them is.
    """

    choice: Choice
    way: Way | None
    kept: bool = False
    times: float = 1.0


class Share(NamedTuple):
    """A part that is computed once for several readers below a choice.

    Attributes
    ----------
    leaf
        The table by whose name the readers know it.
    choice, way
        What gives its rows, and how they come to the channel in which they are kept.
    """

    leaf: str
    choice: Choice
    way: Way


class Choice(NamedTuple):
    """Rows of a relation, on a platform, as part of a fragment that may still grow.

    Attributes
    ----------
    relation
        The member of the group that was chosen.
    platform
        Where it is computed.
    inputs
        The choices below, and how their rows come here.
    seconds
        Of work on the relation alone.
    score
        What the search compares: seconds or bytes of everything below and this, start-up aside.
    cpu, network, moved
        Of everything below and this.
    started
        The platforms that all this needs, a bit for each.
    shares
        What is computed once for several readers below.
    """

    relation: Relation
    platform: str
    inputs: tuple[Arrival, ...]
    seconds: float
    score: float
    cpu: float
    network: float
    moved: float
    started: int
    shares: tuple[Share, ...] = ()

    @property
    def cost(self) -> Cost:
        """Of everything below and this, start-up aside."""
        return Cost(0.0, self.cpu, self.network, self.moved)


Found: TypeAlias = dict[str, list[Choice]]
"""What may be the cheapest ways to have rows on a platform, by its name."""


class Offer(NamedTuple):
    """An arrival, and what it costs with all that is below it."""

    score: float
    cpu: float
    network: float
    moved: float
    started: int
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class Placed:
    """A placed plan: the chosen tree, how its rows leave, and what the other choices would cost.

    Parameters
    ----------
    choice
        The root of the chosen tree; a part that several read is one object there.
    way
        How the result becomes an Arrow stream.
    cost
        Of everything, start-up included.
    considered
        For each relation at the root of a fragment, the cheapest cost by platform.
    loops
        The loops in it.
    held
        The bytes that each relation holds at once, wherever it is computed.
    work
        What each relation takes, wherever it is computed.
    """

    choice: Choice
    way: Way
    cost: Cost
    considered: Mapping[Relation, Mapping[str, Cost]]
    loops: Loops
    held: Mapping[Relation, float]
    work: Mapping[Relation, Work]


class _Scored(Protocol):
    @property
    def score(self) -> float: ...

    @property
    def started(self) -> int: ...


S = TypeVar("S", bound=_Scored)
_score = attrgetter("score")


def undominated(candidates: Collection[S], lacking: Callable[[int], float]) -> list[S]:
    """Return the candidates that may still be part of what is cheapest, the cheapest first.

    One is left out where another costs no more even after starting the platforms that it needs and
    the first does not: whatever comes above, the other can do as well.

    Parameters
    ----------
    candidates
        Ways to have the same rows at the same place.
    lacking
        Gives the score of starting some platforms.
    """
    if len(candidates) < 2:
        return [*candidates]
    kept: list[S] = []
    for candidate in sorted(candidates, key=_score):
        score, started = candidate.score, candidate.started
        for other in kept:
            more = other.started & ~started
            if not more or other.score + lacking(more) <= score:
                break
        else:
            kept.append(candidate)
    return kept


def resolved(root: Choice, shared: SharedParts) -> Choice:
    """Return a tree in which those that read a shared part have its choice itself below them."""
    done: dict[tuple[int, ...], tuple[Choice, Mapping[str, Share]]] = {}

    def resolve(choice: Choice, bound: Mapping[str, Share]) -> Choice:
        leaves = shared.all_leaves(choice.relation)
        bound = {leaf: share for leaf, share in bound.items() if leaf in leaves}
        key = (id(choice), *map(id, bound.values()))
        known = done.get(key)
        if known is None:
            # What is bound is remembered too: its identities stay its own that way.
            known = done[key] = _resolve(choice, bound), bound
        return known[0]

    def _resolve(choice: Choice, bound: Mapping[str, Share]) -> Choice:
        for share in reversed(choice.shares):
            bound = {**bound, share.leaf: share._replace(choice=resolve(share.choice, bound))}
        inputs = tuple([arrive(arrival, bound) for arrival in choice.inputs])
        return choice._replace(relation=shared.whole(choice.relation), inputs=inputs, shares=())

    def arrive(arrival: Arrival, bound: Mapping[str, Share]) -> Arrival:
        share = bound.get(getattr(arrival.choice.relation, "table", ""))
        if share is None or arrival.way is None:
            return arrival._replace(choice=resolve(arrival.choice, bound))
        return Arrival(share.choice, share.way.then(arrival.way))

    return resolve(root, {})
