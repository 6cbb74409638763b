"""Where each part of a plan runs: search over the memo, movement between platforms, fragments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.placement.checkpoints import with_checkpoints
from wayfed_optimizer.placement.choices import Arrival, Choice, Placed
from wayfed_optimizer.placement.fragments import cut
from wayfed_optimizer.placement.loops import Loops
from wayfed_optimizer.placement.memo import Memo
from wayfed_optimizer.placement.search import Search

if TYPE_CHECKING:
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.statistics import Cardinalities

__all__ = [
    "Arrival",
    "Choice",
    "Loops",
    "Memo",
    "Placed",
    "Search",
    "cut",
    "place",
    "with_checkpoints",
]


def place(
    root: Relation,
    environment: Environment,
    rows: Cardinalities,
    memo: Memo,
    loops: Loops | None = None,
) -> Placed:
    """Choose the platforms of a rewritten plan; see `Search.place`."""
    return Search(environment, rows, memo, Loops(root) if loops is None else loops).place(root)
