"""The platform that the suite is run on, and what is known not to be right there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from wayfed.testing.case import title
from wayfed_optimizer.expressions import Named, cast_to, column
from wayfed_optimizer.relations import (
    Cache,
    Hint,
    Iterate,
    MapBatches,
    Read,
    Relation,
    Select,
    transform,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from wayfed.dataset import Dataset
    from wayfed.local import Context
    from wayfed.testing.case import AnyCase, Plan
    from wayfed_optimizer.capabilities import Capabilities
    from wayfed_optimizer.types import Schema


@dataclass(frozen=True, slots=True)
class Mark:
    """Why a platform does not pass a case; it is an error to mark a case that it passes.

    Parameters
    ----------
    kind
        ``notimpl``: the engine could, our connector does not; ``notyet``: the engine does not in
        this version; ``never``: it cannot, by design.
    reason
        For people: it stands in docs/platforms.md.
    """

    kind: Literal["notimpl", "notyet", "never"]
    reason: str


_PART: Final = 5

Loader = Callable[[str, "pa.Table"], "Dataset"]
"""Puts a table into a store, under a name that nothing there has, and reads it from there."""


@dataclass(frozen=True, slots=True, eq=False)
class PlatformUnderTest:
    """A platform, a context that has it, and how tables come to be where it reads them.

    Parameters
    ----------
    name
        What `Dataset.on` takes.
    context
        Where plans are made.
    load
        Where tables are put; without it they are handed over as they are in memory.
    marks
        By what a case is about, or by its name: why it does not pass.
    thorough
        Whether every relation is tried over every type. Otherwise, where a query costs seconds,
        each relation is over a fifth of the types, every relation over another one.

    Examples
    --------
    >>> import wayfed as wf
    >>> with wf.context() as ctx:
    ...     platform = PlatformUnderTest("duckdb", ctx)
    ...     platform.holds_nan
    True
    """

    name: str
    context: Context
    load: Loader | None = None
    marks: Mapping[str, Mark] = field(default_factory=lambda: MappingProxyType({}))
    thorough: bool = True

    @property
    def capabilities(self) -> Capabilities:
        """What the platform says that it does."""
        return self.context.environment.platforms[self.name].capabilities

    @property
    def holds_nan(self) -> bool:
        """Whether its floats can be NaN."""
        return "nan" not in self.capabilities.without

    def mark(self, case: AnyCase) -> Mark | None:
        """Return why a case does not pass, where it is known not to."""
        return self.marks.get(title(case)) or self.marks.get(case.about)

    def tries(self, case: Plan) -> bool:
        """Say whether a plan is asked for."""
        return self.thorough or not case.together or case.turn % _PART == 0

    def read(self, name: str, table: pa.Table, schema: Schema) -> Dataset:
        """Return a table as a dataset of its own store, with the columns of `schema`.

        A table with types that no column there can have is handed over as it is in memory.
        """
        holds = all(self.capabilities.keeps(f.type) for f in schema)
        found = self.load(name, table) if self.load and holds else self.context.read(table)
        relation = found.relation
        if [f.type for f in relation.schema] == [f.type for f in schema]:
            return found
        outputs = (Named(f.name, cast_to(column(relation.schema, f.name), f.type)) for f in schema)
        return found.with_relation(Select(relation, tuple(outputs)))

    def refusal(self, relation: Relation) -> tuple[str, str] | None:
        """Return (what, why) of the first thing in a plan that the capabilities refuse."""
        return refusal(relation, self.capabilities)

    def answer(self, relation: Relation, tables: Mapping[str, Dataset] | None = None) -> pa.Table:
        """Return the rows of a plan, computed there; `tables` are what it reads by name."""

        def locate(node: Relation) -> Relation:
            if tables and isinstance(node, Read) and node.table in tables:
                return tables[node.table].relation
            return node

        located = forced(transform(relation, locate), self.name)
        with self.context.run(located) as execution:
            return execution.stream.read_all()


_IN_PYTHON: Final = (MapBatches, Cache, Iterate)


def forced(relation: Relation, platform: str) -> Relation:
    """Return a plan of which all is forced onto a platform, but what runs in Python above it.

    What the plan itself forces elsewhere stays there.
    """
    if isinstance(relation, Hint):
        return relation
    if isinstance(relation, _IN_PYTHON):
        return relation.with_inputs(lambda below: forced(below, platform))
    return Hint(relation, platform)


def refusal(relation: Relation, capabilities: Capabilities) -> tuple[str, str] | None:
    """Return (what, why) of the first thing in a plan that a platform refuses."""

    def refused(node: Relation) -> tuple[str, str] | None:
        if isinstance(node, Read) and (rows := capabilities.refused_rows(node.schema)):
            return rows
        return capabilities.refusal(node)

    there = (node for node in walk(relation) if not isinstance(node, _IN_PYTHON))
    return next(filter(None, map(refused, there)), None)
