"""The versions of the wire form, what two sides agree on, and how large a plan may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import InvalidPlan, Unsupported
from wayfed_optimizer.functions import FUNCTION_TABLE_VERSION

if TYPE_CHECKING:
    from collections.abc import Collection

PLAN_VERSIONS: Final = (1,)
"""The versions of the wire form that this wayfed reads; it writes the last one."""
FUNCTION_VERSIONS: Final = tuple(range(1, FUNCTION_TABLE_VERSION + 1))
"""The versions of the function table that this wayfed computes; it writes the last one."""

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 200
"""Relations and expressions on the longest way down."""
MAX_NODES: Final = 10_000
"""Relations and expressions, shared ones once."""
MAX_USES: Final = 100_000
"""Relations and expressions, shared ones as often as used: what a walk over the plan visits."""
MAX_WORK: Final = 2_000_000
"""The uses below each node, over all nodes: what checking every one of them may visit."""

MAX_COLUMNS: Final = 500_000
"""Columns of all relations together; each relation holds a schema."""


def negotiate(ours: Collection[int], theirs: Collection[int], *, of: str) -> int:
    """Return the newest version of `of` that both sides have.

    Raises
    ------
    Unsupported
        Where they have none in common.

    Examples
    --------
    >>> negotiate((1, 2), (2, 3), of="the function table")
    2
    """
    common = set(ours) & set(theirs)
    if not common:
        raise Unsupported(
            f"{of} in version {_listed(theirs)}",
            reason=f"this side has version {_listed(ours)}",
            hint="update the older side",
        )
    return max(common)


def _listed(versions: Collection[int]) -> str:
    return ", ".join(map(str, sorted(versions))) or "none"


@dataclass(frozen=True, slots=True)
class Size:
    """What grows with a plan however its parts are shared: its depth, and the uses of its parts."""

    depth: int = 1
    uses: int = 1

    def over(self, part: Size, where: str | None = None) -> Size:
        """Return the size with one more part; raises InvalidPlan where it is beyond the limits."""
        size = Size(max(self.depth, part.depth + 1), self.uses + part.uses)
        if size.depth > MAX_DEPTH:
            raise InvalidPlan(f"the plan is more than {MAX_DEPTH} nodes deep", where=where)
        if size.uses > MAX_USES:
            raise InvalidPlan(f"the plan uses its parts over {MAX_USES:,} times", where=where)
        return size


@dataclass(slots=True)
class Totals:
    """What the nodes of a plan are together; grows node by node, up to the limits."""

    nodes: int = 0
    work: int = 0
    columns: int = 0

    def add(self, size: Size, columns: int, where: str | None = None) -> None:
        """Count one more node; raises InvalidPlan where that is beyond the limits."""
        self.nodes += 1
        self.work += size.uses
        self.columns += columns
        check_count(self.nodes, where)
        if self.work > MAX_WORK:
            raise InvalidPlan(f"the plan repeats its parts over {MAX_WORK:,} times", where=where)
        if self.columns > MAX_COLUMNS:
            raise InvalidPlan(
                f"the plan's relations have over {MAX_COLUMNS:,} columns together", where=where
            )


def check_count(nodes: int, where: str | None = None) -> None:
    """Raise InvalidPlan where a plan has more nodes than one may have."""
    if nodes > MAX_NODES:
        raise InvalidPlan(f"the plan has {nodes:,} nodes, more than {MAX_NODES:,}", where=where)
