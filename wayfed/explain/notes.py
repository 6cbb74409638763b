"""What is worth knowing about a plan besides its parts: barriers, guesses, orders that tie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed.explain.loops import did
from wayfed.explain.numbers import deviation, in_bytes, in_rows
from wayfed_optimizer.expressions import Column, Opaque
from wayfed_optimizer.expressions import walk as walk_expression
from wayfed_optimizer.relations import (
    Aggregate,
    Cache,
    Distinct,
    Filter,
    Hint,
    Iterate,
    Join,
    JoinKind,
    Limit,
    MapBatches,
    Relation,
    Select,
    Sort,
    expressions_of,
    reads,
    walk,
)
from wayfed_optimizer.statistics import TableStatistics
from wayfed_optimizer.statistics.hints import contradictions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wayfed.execution.report import Report
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import PhysicalPlan
    from wayfed_optimizer.stages import Stages

_LARGE_CROSS_JOIN: Final = 1e8
_FEW_ROWS: Final = 1000
"""So few rows cost nothing, however far off their estimate was."""


def notes_of(stages: Stages, environment: Environment, report: Report | None) -> tuple[str, ...]:
    """Return what to know about a plan, the most consequential first, each said once."""
    relations = tuple(walk(stages.logical))
    found = (
        *_unfinished(stages.physical, report),
        *_surprises(stages.physical, report),
        *_barriers(relations),
        *_arbitrary_rows(relations),
        *_requests(relations),
        *_contradictions(stages.logical, environment),
        *_large_products(relations, stages.physical),
        *_spilling(stages.physical, environment),
        *_unbounded(stages.logical),
    )
    return tuple(dict.fromkeys(found))


def _unfinished(physical: PhysicalPlan, report: Report | None) -> Iterator[str]:
    for fragment in physical.fragments if report else ():
        actual = report.fragments.get(fragment.id) if report else None
        if actual is not None and actual.loop is not None and actual.loop.unfinished:
            yield (
                f"the loop {fragment.id} ended at its limit while its condition was not true: "
                f"{did(actual.loop)}"
            )


def _surprises(physical: PhysicalPlan, report: Report | None) -> Iterator[str]:
    for fragment in physical.fragments if report else ():
        actual = report.fragments.get(fragment.id) if report else None
        if actual is None or max(actual.rows, fragment.rows.likely) < _FEW_ROWS:
            continue
        if actual.runs != 1:  # the rows of a loop change from one iteration to the next
            continue
        if off := deviation(fragment.rows.likely, actual.rows):
            yield (
                f"{fragment.id} gave {in_rows(actual.rows)} ({in_bytes(actual.bytes)}), estimated "
                f"{off}: .hint(rows={actual.rows}) there would tell the optimizer"
            )


def _barriers(relations: Iterable[Relation]) -> Iterator[str]:
    for relation in relations:
        if isinstance(relation, MapBatches):
            yield _barrier(relation.name, relation.kind.value)
        for root in expressions_of(relation):
            for expression in walk_expression(root):
                if isinstance(expression, Opaque):
                    yield _barrier(expression.name, "value to value")
        if isinstance(relation, Cache):
            yield "a cache is a barrier to pushdown: what is below it is computed whole, once"
        if isinstance(relation, Iterate):
            yield (
                f"the rows of the loop '{relation.variable}' change from iteration to iteration: "
                "estimates are of the first, costs of ten, or of fewer where its limit is lower"
            )


def _barrier(name: str, kind: str) -> str:
    return f"{name} ({kind}) is an opaque function, a barrier to pushdown: no rule looks into it"


def _arbitrary_rows(relations: Iterable[Relation]) -> Iterator[str]:
    for relation in relations:
        if isinstance(relation, Limit):
            yield from _arbitrary_limit(relation)
        elif isinstance(relation, Distinct) and relation.on:
            yield (
                f"distinct on {', '.join(relation.on)} keeps one row of each: which one is not said"
            )


def _arbitrary_limit(limit: Limit) -> Iterator[str]:
    below = limit.input
    while isinstance(below, Select | Filter | Hint):
        below = below.input
    if not isinstance(below, Sort):
        yield f"limit {limit.count} without an order may pick any rows"
    elif not _is_total(below):
        keys = ", ".join(str(key.expression) for key in below.keys)
        yield f"limit {limit.count} by {keys}: of rows that tie at the end it may pick any"


def _is_total(sort: Sort) -> bool:
    """Say whether no two rows can be equal on the keys of a sort, as far as the plan tells."""
    keys = {key.expression.name for key in sort.keys if isinstance(key.expression, Column)}
    below = sort.input
    while isinstance(below, Filter | Hint):
        below = below.input
    if isinstance(below, Aggregate):
        return keys >= {named.name for named in below.keys}
    if isinstance(below, Distinct):
        return keys >= set(below.on or below.schema.names)
    return False


def _requests(relations: Iterable[Relation]) -> Iterator[str]:
    for relation in relations:
        if isinstance(relation, Hint) and relation.platform:
            yield f".on('{relation.platform}') decides where a part runs, not its cost"
        if isinstance(relation, Hint) and relation.rows is not None:
            yield f".hint(rows={relation.rows}) is taken for what statistics would say"


def _contradictions(root: Relation, environment: Environment) -> Iterator[str]:
    def known(table: str) -> TableStatistics:
        """Return what is known of a table; nothing of the rows of a loop."""
        is_there = table in environment.sources
        return environment.statistics_of(table) if is_there else TableStatistics.unknown()

    return contradictions(root, known)


def _large_products(relations: Iterable[Relation], physical: PhysicalPlan) -> Iterator[str]:
    for relation in relations:
        crosses = isinstance(relation, Join) and (
            relation.kind is JoinKind.CROSS or not (relation.on or relation.asof)
        )
        rows = physical.estimates.get(relation) if crosses else None
        if rows and rows.likely > _LARGE_CROSS_JOIN:
            yield f"a join without keys pairs every row with every row: ~{rows.likely:,.0f} rows"


def _spilling(physical: PhysicalPlan, environment: Environment) -> Iterator[str]:
    for fragment in physical.fragments:
        room = environment.costs_of(fragment.platform).memory
        if fragment.held > room:
            yield (
                f"{fragment.id} holds about {in_bytes(fragment.held)} at once, and "
                f"{fragment.platform} has room for {in_bytes(room)}: the rest goes to disk"
            )


def _unbounded(root: Relation) -> Iterator[str]:
    for read in reads(root):
        if not read.bounded:
            yield f"{read.table} has no end: only what can be said row by row or by window runs"
