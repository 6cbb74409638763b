"""Relations whose rows a Python function makes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from wayfed_optimizer.relations.base import Relation

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed_optimizer.types import Schema


class MapKind(Enum):
    """What a Python function is given and what it returns."""

    ROW = "row to row"
    ROWS = "row to rows"
    BATCHES = "batch to batch"


@dataclass(frozen=True, slots=True, eq=False)
class MapBatches(Relation):
    """The rows that a Python function makes of those of `input`; no rule looks into it.

    `function` is a callable here, and the name of an installed entry point on the wire.
    """

    _flows: ClassVar[bool] = True
    input: Relation
    name: str
    function: Callable[..., object] | str
    kind: MapKind
    schema: Schema
