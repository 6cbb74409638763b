"""Looks up what belongs to the first of some candidates, batch by batch, until it is enough."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from wayfed.execution.bodies import Body
from wayfed.execution.loops import LoopCount
from wayfed.execution.scope import Scope
from wayfed_optimizer.relations import FirstMatches

if TYPE_CHECKING:
    import pyarrow as pa

    from wayfed.execution.bodies import Steps
    from wayfed_optimizer.physical import Fragment, PhysicalPlan

_MORE: Final = 1.5
"""How many more candidates are taken than so far would have been enough."""

_GROWTH: Final = 2
"""How much larger each batch is at least: candidates of which none matches are few questions."""

_LEAST_RATE: Final = 1 / 16
"""What part of the candidates is taken to match where fewer did."""


class Lookup:
    """A look-up of a physical plan.

    Parameters
    ----------
    fragment
        The one that stands for it.
    plan
        The plan with the fragments of its body.
    steps
        Runs them.
    """

    unfinished: Final = None
    """What to warn of: nothing, it ends when there is enough."""

    def __init__(self, fragment: Fragment, plan: PhysicalPlan, steps: Steps) -> None:
        assert isinstance(fragment.relation, FirstMatches)  # noqa: S101  # what it is made for
        self._lookup = fragment.relation
        self._body = Body(fragment, self._lookup.variable, plan, steps)
        self._pairs = self._body.needed(self._lookup.body)
        self.count = LoopCount()

    def run(self, scope: Scope) -> pa.Table:
        """Look batches of candidates up until there are enough rows, or no candidates any more."""
        import pyarrow as pa

        candidates = self._body.rows(self._lookup.candidates, scope)
        self._body.read_outside(scope)
        self.count.runs += 1
        wanted, found, at, size = self._lookup.count, 0, 0, self._lookup.count
        tables: list[pa.Table] = []
        while not tables or (found < wanted and at < candidates.num_rows):
            batch = candidates.slice(at, size)
            inner = Scope(scope, self._lookup.variable, batch)
            self._body.run(self._pairs, inner)
            tables.append(self._body.rows(self._lookup.body, inner))
            self.count.iterations += 1
            at, found = at + size, found + tables[-1].num_rows
            size = next_size(size, (wanted - found), found / at)
        return pa.concat_tables(tables)


def next_size(size: int, missing: int, rate: float) -> int:
    """Return how many candidates to look up next.

    Parameters
    ----------
    size
        How many were looked up last.
    missing
        How many rows there are to be yet.
    rate
        How many rows each candidate gave so far.

    Examples
    --------
    >>> next_size(20, 1, 0.95), next_size(20, 20, 0.0)
    (40, 480)
    """
    return max(_GROWTH * size, ceil(_MORE * missing / max(rate, _LEAST_RATE)))
