"""Platforms and sources that exist only on paper, to place plans on."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from random import Random

import pytest

from wayfed_optimizer.capabilities import Capabilities
from wayfed_optimizer.cost import CostProfile
from wayfed_optimizer.environment import Environment
from wayfed_optimizer.functions import FUNCTIONS
from wayfed_optimizer.platform import (
    ARROW_STREAM,
    ARROW_TABLE,
    Channel,
    Compiled,
    Conversion,
    Snapshot,
    tables_of,
)
from wayfed_optimizer.relations import RELATIONS, Read, Relation
from wayfed_optimizer.statistics import Cardinalities, Estimate, TableStatistics
from wayfed_optimizer.types import Schema


@dataclass
class PaperPlatform:
    name: str
    costs: CostProfile = field(default_factory=CostProfile)
    relations: frozenset[type[Relation]] = frozenset(RELATIONS)
    running: bool = False
    ingests: bool = True

    @cached_property
    def capabilities(self) -> Capabilities:
        return Capabilities(relations=self.relations, functions=frozenset(FUNCTIONS))

    @property
    def accepts(self) -> tuple[Channel, ...]:
        return (tables_of(self.name),)

    @property
    def produces(self) -> tuple[Channel, ...]:
        return (ARROW_STREAM, ARROW_TABLE)

    @property
    def conversions(self) -> tuple[Conversion, ...]:
        own = tables_of(self.name)
        if not self.ingests:
            return ()
        return (Conversion(ARROW_STREAM, own, 1e-3, 2e-9, by=self.name),)

    def started(self) -> bool:
        return self.running

    def compile(self, fragment, sources):
        return Compiled(str(fragment.relation))


@dataclass
class PaperSource:
    schema: Schema
    store: str
    rows: float

    @property
    def channel(self) -> Channel:
        return tables_of(self.store)

    bounded = True
    description = "on paper"

    def statistics(self) -> TableStatistics:
        return TableStatistics(Estimate.exactly(self.rows))

    def snapshot(self) -> Snapshot:
        return Snapshot("1")


def environment(platforms, tables, objective="time") -> Environment:
    """Make an environment of tables: name -> (store, rows), each with columns name_id, name_x."""
    sources = {
        name: PaperSource(Schema.of(**{f"{name}_id": "int64", f"{name}_x": "float64"}), store, rows)
        for name, (store, rows) in tables.items()
    }
    return Environment({p.name: p for p in platforms}, sources, objective)


def read(environment: Environment, table: str) -> Read:
    return Read(table, environment.sources[table].schema)


def cardinalities(environment: Environment) -> Cardinalities:
    return Cardinalities(lambda table: environment.sources[table].statistics())


def random_platforms(random_: Random, count: int) -> list[PaperPlatform]:
    """Make platforms that differ in all that they cost."""
    return [
        PaperPlatform(
            f"p{i}",
            CostProfile(
                startup=random_.choice([0.0, 0.1, 4.0]),
                per_fragment=random_.choice([1e-4, 0.1]),
                default_per_row=10 ** random_.uniform(-9, -5),
                per_byte_out=10 ** random_.uniform(-10, -7),
            ),
            running=random_.random() < 0.3,
        )
        for i in range(count)
    ]


def seeds(few: int, many: int) -> list[object]:
    """Seeds for random plans: a few at all times, many where there is time."""
    return [
        *range(few),
        *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(few, many)),
    ]
