"""What is asked of a topic for a fragment: offsets, columns, and how many rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from wayfed_kafka.conditions import Comparison, comparisons_of, earliest_instant, narrowed
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Column
from wayfed_optimizer.relations import Filter, Limit, Read, Select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed_kafka.ranges import Range
    from wayfed_kafka.table import TopicTable
    from wayfed_optimizer.relations import Relation


@dataclass(frozen=True, slots=True)
class Keep:
    """Only the rows for which every comparison is true."""

    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Choose:
    """Some columns under new names: (new, old)."""

    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Take:
    """At most `count` rows after the first `skip`."""

    count: int | None
    skip: int


Step: TypeAlias = Keep | Choose | Take


@dataclass(frozen=True, slots=True)
class Scan:
    """A fragment over a topic, as steps over decoded batches.

    Parameters
    ----------
    table
        The topic.
    columns
        What is decoded.
    steps
        What is done with it, in order.
    comparisons
        Those among the steps that say which records are wanted at all.
    """

    table: TopicTable
    columns: tuple[str, ...]
    steps: tuple[Step, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def ranges(self) -> tuple[Range, ...]:
        """What is read of each partition, by all that is known without asking."""
        return narrowed(self.table.ranges, self.comparisons)

    @property
    def since(self) -> int | None:
        """The instant, in milliseconds, before which no record is wanted; found when it runs."""
        return earliest_instant(self.comparisons)

    def text(self) -> str:
        """Say what will be read, for people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        table = self.table
        isolation = "committed records" if table.committed else "records, committed or not,"
        yield f"{isolation} of topic {table.topic} at {table.location.cluster}"
        for each in self.ranges:
            yield f"partition {each.partition}: offsets {each}"
        if self.since is not None:
            yield f"from the first record at or after {_iso(self.since)} on"
        yield f"as {table.format}: {', '.join(self.columns) or 'counted only'}"
        if table.on_error != "fail":
            to = f" and sent to {table.dead_letter}" if table.dead_letter else ""
            yield f"what is not of the format is left out{to}"
        for step in self.steps:
            match step:
                case Keep(comparisons):
                    yield f"where {' and '.join(map(str, comparisons))}"
                case Take(count, skip):
                    after = f" after the first {skip}" if skip else ""
                    yield f"at most {count} rows{after}" if count is not None else after.strip()


def scan_of(relation: Relation, table: TopicTable) -> Scan:
    """Return what a relation over a topic asks of it.

    Raises
    ------
    Unsupported
        Where it asks for more than the capabilities say.
    """
    steps: list[Step] = []
    columns = _collect(relation, steps)
    early: list[Comparison] = []
    for step in steps:  # what stands above a limit must not choose what is counted off
        if isinstance(step, Take):
            break
        if isinstance(step, Keep):
            early += step.comparisons
        elif any(new != old for new, old in step.columns):
            break
    own = tuple(each for each in early if each.column in table.metadata)
    return Scan(table, columns, tuple(steps), own)


def _collect(relation: Relation, steps: list[Step]) -> tuple[str, ...]:
    match relation:
        case Read(schema=schema):
            return schema.names
        case Filter(input, predicate):
            columns = _collect(input, steps)
            comparisons = comparisons_of(predicate)
            if comparisons is not None:
                steps.append(Keep(comparisons))
                return columns
        case Limit(input, count, skip):
            columns = _collect(input, steps)
            steps.append(Take(count, skip))
            return columns
        case Select(input, outputs):
            columns = _collect(input, steps)
            chosen = tuple(
                (output.name, output.expression.name)
                for output in outputs
                if isinstance(output.expression, Column)
            )
            if len(chosen) == len(outputs):
                steps.append(Choose(chosen))
                return columns
    raise Unsupported(type(relation).__name__, "kafka", "a topic is read, and nothing computed")


def _iso(milliseconds: int) -> str:
    import datetime

    moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (moment + datetime.timedelta(milliseconds=milliseconds)).isoformat()
