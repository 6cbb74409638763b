"""Relations that put rows somewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from wayfed_optimizer.relations.base import Relation
from wayfed_optimizer.types import Schema


class WriteMode(Enum):
    """What happens when the target is already there."""

    ERROR = "error"
    APPEND = "append"
    OVERWRITE = "overwrite"


@dataclass(frozen=True, slots=True, eq=False)
class Write(Relation):
    """The rows of `input` put into the table `target` of the catalog; itself without rows."""

    input: Relation
    target: str
    mode: WriteMode = WriteMode.ERROR
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        self.derive(schema=Schema(()))
