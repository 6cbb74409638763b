"""Runs plans on a platform and says what their fragments had to do, and how long they took."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from wayfed.calibration.fitting import Observation
from wayfed_optimizer.cost import held_bytes, spilled_bytes, work_of, work_of_leaving
from wayfed_optimizer.physical import Exchange
from wayfed_optimizer.platform import ARROW_TABLE
from wayfed_optimizer.relations import (
    Aggregate,
    Limit,
    Read,
    Relation,
    Select,
    Sort,
    Window,
    transform,
    walk_once,
)
from wayfed_optimizer.statistics import Cardinalities

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from wayfed.dataset import Dataset
    from wayfed.execution.report import Report
    from wayfed.local import Context
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Fragment, PhysicalPlan
    from wayfed_optimizer.platform import Conversion

_KEEPS_COUNT = (Select, Sort, Window)


class Prepared:
    """A plan, placed, and the least that each of its fragments on a platform has taken so far."""

    def __init__(self, dataset: Dataset, platform: str, environment: Environment) -> None:
        from wayfed_optimizer.stages import plan

        self._environment = environment
        self.stages = plan(dataset.on(platform).relation, environment)
        self.fragments = [f for f in self.stages.physical.fragments if f.platform == platform]
        self.seconds: dict[str, float] = {}

    def run(self) -> None:
        """Run it once more: the fastest run counts, as what else is done here only slows it."""
        from wayfed.execution import execute

        with execute(self.stages, self._environment) as execution:
            for _batch in execution.stream:
                pass
        for fragment in self.fragments:
            seconds = own_seconds(fragment, execution.report)
            self.seconds[fragment.id] = min(seconds, self.seconds.get(fragment.id, seconds))


class Observer:
    """Says what plans of a context had to do; counts the rows of every operator once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._counts: dict[Relation, int] = {}
        self._alike: dict[str, str] = {}

    def count_in(self, names: Mapping[str, str]) -> None:
        """Count the rows of plans over some tables in others, which have the same rows."""
        self._alike.update(names)

    def prepare(self, dataset: Dataset, platform: str) -> Prepared:
        """Return a plan that is forced onto a platform, to be run."""
        return Prepared(dataset, platform, self._context.environment)

    def observations(self, prepared: Prepared) -> list[Observation]:
        """Return an observation of each fragment of a plan that ran.

        What rows its operators have is counted, not estimated.
        """
        plan, environment = prepared.stages.physical, self._context.environment
        return [
            Observation(self._work(fragment, plan, environment), prepared.seconds[fragment.id])
            for fragment in prepared.fragments
        ]

    def _work(
        self, fragment: Fragment, plan: PhysicalPlan, environment: Environment
    ) -> Mapping[str, float]:
        """Return what a fragment had to do, by the true rows of its operators."""
        widths = Cardinalities(environment.statistics_of)
        profile = environment.costs_of(fragment.platform)
        whole = {name: _whole(plan.fragment(name).relation, plan) for name in _producers(fragment)}

        def complete(relation: Relation) -> Relation:
            return transform(relation, lambda node: _replaced(node, whole))

        def rows(relation: Relation) -> int:
            return self._rows(complete(relation))

        def size(relation: Relation) -> float:
            return rows(relation) * max(1.0, widths.width(complete(relation)))

        total: dict[str, float] = {"fragment": 1.0}
        cut_short = {
            node.input
            for node in walk_once(fragment.relation)
            if isinstance(node, Limit) and isinstance(node.input, Sort)
        }
        for node in walk_once(fragment.relation):
            if isinstance(node, Read) and node.table in whole:
                continue
            count = rows(node)
            lies_in = environment.sources[node.table].channel.name if isinstance(node, Read) else ""
            work = work_of(
                node,
                [rows(below) for below in node.below],
                count,
                size(node),
                lies_in=lies_in,
                is_cut_short=node in cut_short,
            )
            sizes = [size(below) for below in node.below]
            held = 0.0 if node in cut_short else held_bytes(node, sizes, size(node))
            if spilled := spilled_bytes(profile, held, sizes):
                work = (*work, ("spill", spilled))
            for quantity, amount in work:
                total[quantity] = total.get(quantity, 0.0) + amount
        top = fragment.relation
        total.update(work_of_leaving(top, rows(top), size(top)))
        return total

    def _rows(self, relation: Relation) -> int:
        if isinstance(relation, _KEEPS_COUNT):
            return self._rows(relation.input)
        if isinstance(relation, Aggregate) and not relation.keys:
            return 1
        alike = transform(relation, self._counted_in)
        if alike not in self._counts:
            self._counts[alike] = self._context.dataset(alike).count()
        return self._counts[alike]

    def _counted_in(self, node: Relation) -> Relation:
        if isinstance(node, Read) and node.table in self._alike:
            return replace(node, table=self._alike[node.table])
        return node


def own_seconds(fragment: Fragment, report: Report) -> float:
    """Return what a fragment took, without the fragments whose streams it read meanwhile."""
    waited = sum(
        report.fragments[source.fragment].seconds
        for source in fragment.inputs.values()
        if isinstance(source, Exchange) and not source.conversions
    )
    return max(0.0, report.fragments[fragment.id].seconds - waited)


def conversion_seconds(context: Context, conversion: Conversion, rows: pa.Table) -> float:
    """Return what bringing rows of memory into a conversion's form takes."""
    from wayfed.execution.run import RunResources
    from wayfed_optimizer.cancellation import CancellationToken

    platforms = context.environment.platforms
    resources = RunResources(platforms, {}, CancellationToken())
    try:
        session = conversion.by and resources.session(conversion.by)
        before = perf_counter()
        if session:
            session.ingest("f1", rows, ARROW_TABLE, conversion.target)
        elif conversion.convert:
            conversion.convert(rows, resources.run)
        return perf_counter() - before
    finally:
        resources.close()


def _producers(fragment: Fragment) -> list[str]:
    return [each.fragment for each in fragment.inputs.values() if isinstance(each, Exchange)]


def _whole(relation: Relation, plan: PhysicalPlan) -> Relation:
    """Return a relation with what other fragments compute of it in its place."""
    fragments = {each.id: each.relation for each in plan.fragments}

    def replaced(node: Relation) -> Relation:
        if isinstance(node, Read) and node.table in fragments:
            return _whole(fragments[node.table], plan)
        return node

    return transform(relation, replaced)


def _replaced(node: Relation, whole: Mapping[str, Relation]) -> Relation:
    return whole.get(node.table, node) if isinstance(node, Read) else node
