"""From the stages of a plan, and what a run counted, to an explanation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wayfed.explain.assumptions import assumptions_of
from wayfed.explain.events import events_of
from wayfed.explain.loops import loop_of, role
from wayfed.explain.model import (
    STAGES,
    ExchangeView,
    Explanation,
    FragmentView,
    OperatorView,
    SourceView,
)
from wayfed.explain.notes import notes_of
from wayfed.explain.reasons import difference
from wayfed.explain.rules import rule_view
from wayfed.explain.side_by_side import longest_path
from wayfed.explain.what_if import WhatIf
from wayfed_optimizer.errors import InvalidOption, mask_secrets
from wayfed_optimizer.physical import Exchange, LoopInput, SourceInput
from wayfed_optimizer.relations import Hint, Read, Relation, reads, walk
from wayfed_optimizer.text import headline
from wayfed_optimizer.types import check_option
from wayfed_sql import DUCKDB, POSTGRESQL, SPARK, SQLITE, format_sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.execution.report import Report
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Alternative, Fragment
    from wayfed_optimizer.placement import Choice, Placed
    from wayfed_optimizer.placement.movement import Way
    from wayfed_optimizer.platform import Channel, Compiled, Conversion
    from wayfed_optimizer.stages import Stages
    from wayfed_optimizer.statistics import Estimate

_DIALECTS: Final = {dialect.name: dialect for dialect in (DUCKDB, POSTGRESQL, SPARK, SQLITE)}


def explain(
    stages: Stages,
    environment: Environment,
    *,
    stage: str = "physical",
    report: Report | None = None,
    alternatives: bool = False,
) -> Explanation:
    """Explain a plan at one of its stages.

    Parameters
    ----------
    stages, environment
        The plan, and what it was placed in.
    stage
        ``logical``, ``rewritten``, ``placed``, ``physical`` or ``executed``.
    report
        What a run of the plan counted; a physical plan with a report is an executed one.
    alternatives
        Whether renderings show every platform that was considered, with its cost by part.

    Raises
    ------
    InvalidOption
        Where there is no such stage, or the plan was not executed.
    """
    stage = check_option(stage, STAGES, name="stage")
    environment = _as_known(stages, environment)
    if stage == "physical" and report is not None:
        stage = "executed"
    if stage == "executed" and report is None:
        raise InvalidOption(
            "stage='executed' needs a run of the plan", hint="use explain(analyze=True)"
        )
    explanation = Explanation(
        stage=stage,
        operators=_operators(stages.logical, stages.physical.estimates),
        notes=notes_of(stages, environment, report),
        with_alternatives=alternatives,
    )
    if stage == "logical":
        return explanation
    explanation = replace(
        explanation,
        operators=_operators(stages.rewritten.relation, stages.physical.estimates),
        rules=tuple(map(rule_view, stages.rewritten.trace)),
        planning=tuple(stages.seconds.items()),
        cached=stages.cached,
    )
    if stage == "rewritten":
        return explanation
    physical = stages.physical
    explanation = replace(
        explanation,
        cost=physical.cost,
        moved=_moved(physical.fragments),
        objective=environment.objective,
        assumptions=assumptions_of(stages.rewritten.relation, environment, physical.estimates),
        calibrated=tuple(
            sorted({f.platform for f in physical.fragments} & environment.costs.keys())
        ),
    )
    if stage == "placed":
        placed = _placed(stages.placed.choice, None, stages.placed, stages.physical.estimates)
        return replace(explanation, operators=placed)
    what_if = WhatIf(stages, environment)
    return replace(
        explanation,
        fragments=tuple(
            replace(
                _fragment(f, stages, environment, report),
                rival=what_if.rival(f.id),
                sought=what_if.is_sought(f.id),
            )
            for f in physical.fragments
        ),
        rejected=what_if.rejected() if alternatives else (),
        side_by_side=longest_path(physical),
        seconds=report.seconds if report else None,
        events=events_of(report) if report else (),
    )


def _as_known(stages: Stages, environment: Environment) -> Environment:
    """Return an environment that asks no source again what it knows of its table."""
    tables = {read.table for read in reads(stages.rewritten.relation)}
    known = {
        table: environment.statistics_of(table)
        for table in sorted(tables & environment.sources.keys())
    }
    return replace(environment, statistics={**environment.statistics, **known})


def _operators(relation: Relation, estimates: Mapping[Relation, Estimate]) -> OperatorView:
    return OperatorView(
        kind=type(relation).__name__,
        text=headline(relation),
        columns=relation.schema,
        rows=estimates.get(relation),
        inputs=tuple(_operators(below, estimates) for below in relation.inputs),
        table=relation.table if isinstance(relation, Read) else None,
    )


def _placed(
    choice: Choice, way: Way | None, placed: Placed, estimates: Mapping[Relation, Estimate]
) -> OperatorView:
    relation = choice.relation
    return OperatorView(
        kind=type(relation).__name__,
        text=headline(relation),
        columns=relation.schema,
        rows=estimates.get(relation),
        platform=choice.platform,
        arrives=_channels(way.channel, way.conversions) if way else (),
        costs=tuple(placed.considered.get(relation, {}).items()),
        inputs=tuple(_placed(each.choice, each.way, placed, estimates) for each in choice.inputs),
        table=relation.table if isinstance(relation, Read) else None,
    )


def _fragment(
    fragment: Fragment, stages: Stages, environment: Environment, report: Report | None
) -> FragmentView:
    compiled = stages.compiled[fragment.id]
    return FragmentView(
        id=fragment.id,
        platform=fragment.platform,
        operators=_operators(fragment.relation, stages.physical.estimates),
        asked=mask_secrets(_laid_out(compiled, fragment.platform)),
        language=compiled.language,
        columns=fragment.relation.schema,
        rows=fragment.rows,
        bytes=_bytes(fragment),
        output=str(fragment.output),
        cost=fragment.cost,
        total=fragment.total,
        alternatives=_alternatives(fragment, stages.logical, environment),
        sources=tuple(
            _source(read, environment)
            for read in reads(fragment.relation)
            if isinstance(fragment.inputs.get(read.table), SourceInput)
        ),
        exchanges=tuple(
            _exchange(each, stages.physical.fragment(each.fragment), fragment)
            for each in fragment.inputs.values()
            if isinstance(each, Exchange)
        ),
        actual=report.fragments.get(fragment.id) if report else None,
        inside=fragment.inside,
        variables=tuple(
            each.variable for each in fragment.inputs.values() if isinstance(each, LoopInput)
        ),
        loop=loop_of(fragment, environment),
        held=fragment.held,
        forced=_is_forced(fragment, stages.logical),
    )


def _laid_out(compiled: Compiled, platform: str) -> str:
    # A platform is called after its engine: duckdb, postgresql:core.
    dialect = _DIALECTS.get(platform.partition(":")[0])
    if compiled.language != "sql" or dialect is None:
        return compiled.text
    return format_sql(compiled.text, dialect)


def _alternatives(
    fragment: Fragment, logical: Relation, environment: Environment
) -> tuple[Alternative, ...]:
    """Return the alternatives of a fragment, those that are possible first, the cheapest first."""
    forced = _is_forced(fragment, logical)
    by_bytes = environment.objective == "bytes"

    def key(alternative: Alternative) -> tuple[bool, float]:
        cost = alternative.cost
        return cost is None, (cost.moved if by_bytes else cost.seconds) if cost else 0.0

    def told(alternative: Alternative) -> Alternative:
        if alternative.cost is None:
            asked = f".on('{fragment.platform}') was asked for"
            return replace(alternative, reason=asked) if forced else alternative
        if key(alternative)[1] < (fragment.total.moved if by_bytes else fragment.total.seconds):
            return replace(alternative, reason="cheaper up to here, dearer with what follows")
        words = difference(fragment.total, alternative.cost, by_bytes=by_bytes)
        return replace(alternative, reason=words)

    possible = [told(a) for a in fragment.alternatives if a.cost is not None]
    impossible = [told(a) for a in fragment.alternatives if a.cost is None]
    return (*sorted(possible, key=key), *impossible)


def _is_forced(fragment: Fragment, logical: Relation) -> bool:
    return any(isinstance(r, Hint) and r.platform == fragment.platform for r in walk(logical))


def _source(read: Read, environment: Environment) -> SourceView:
    source = environment.sources[read.table]
    return SourceView(
        table=read.table,
        description=mask_secrets(source.description),
        channel=str(source.channel),
        rows=environment.statistics_of(read.table).rows,
        columns=read.schema.names,
        of=len(source.schema),
    )


def _exchange(exchange: Exchange, producer: Fragment, consumer: Fragment) -> ExchangeView:
    return ExchangeView(
        fragment=exchange.fragment,
        channels=_channels(producer.output, exchange.conversions),
        bytes=_bytes(producer),
        cost=exchange.cost,
        role=role(exchange, consumer),
    )


def _channels(first: Channel, conversions: tuple[Conversion, ...]) -> tuple[str, ...]:
    return (str(first), *(str(conversion.target) for conversion in conversions))


def _bytes(fragment: Fragment) -> float:
    return fragment.rows.likely * max(1.0, fragment.width)


def _moved(fragments: tuple[Fragment, ...]) -> float:
    by_id = {fragment.id: fragment for fragment in fragments}
    return sum(
        _bytes(by_id[each.fragment])
        for fragment in fragments
        for each in fragment.inputs.values()
        if isinstance(each, Exchange)
    )
