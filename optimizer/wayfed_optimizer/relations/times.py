"""Relations of rows that arrive over time."""

from __future__ import annotations

from dataclasses import dataclass, field

from wayfed_optimizer.errors import InvalidOption, TypeMismatch
from wayfed_optimizer.relations.base import Relation
from wayfed_optimizer.types import Field, Schema, is_temporal


@dataclass(frozen=True, slots=True, eq=False)
class Watermark(Relation):
    """`input`, none of whose rows comes over `delay_seconds` late, by `column`."""

    input: Relation
    column: str
    delay_seconds: float
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        _require_time(self.input.schema.field(self.column))
        self.derive(schema=self.input.schema)


@dataclass(frozen=True, slots=True, eq=False)
class TimeWindow(Relation):
    """Each row of `input` with start and end of each window of `size_seconds` it falls into.

    Windows start every `slide_seconds`, counted from 1970-01-01; equal to the size they tile time.
    """

    input: Relation
    column: str
    size_seconds: float
    slide_seconds: float
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        time = self.input.schema.field(self.column)
        _require_time(time)
        if not 0 < self.slide_seconds <= self.size_seconds:
            raise InvalidOption("a time window needs 0 < slide <= size, in seconds")
        added = (Field("window_start", time.type, False), Field("window_end", time.type, False))
        self.derive(schema=Schema((*self.input.schema, *added)))


def _require_time(time: Field) -> None:
    if not is_temporal(time.type):
        raise TypeMismatch(f"{time.name} is {time.type}, not a date or timestamp")
