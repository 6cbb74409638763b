"""An explanation as data that JSON can hold.

Keys are stable within a ``version``; new ones may come. An *estimate* is ``low``, ``likely``,
``high``, ``confidence`` (0 to 1) and ``provenance``; a *cost* is ``seconds`` and its parts
``startup``, ``cpu`` and ``network``, and ``moved`` in bytes; *columns* are a list of ``name``,
``type`` and ``nullable``. Where nothing is known there is null.

============  =============================================================================
key           value
============  =============================================================================
version       1
stage         ``logical``, ``rewritten``, ``placed``, ``physical`` or ``executed``
platforms     names, the result's first
cost          estimated cost of everything
moved         estimated bytes between platforms
seconds       wall time of the execution
planning      seconds by part of planning
cached        whether the plan was made before, and is used again
objective     ``time`` or ``bytes``: what was to be small
calibrated    platforms whose costs were measured on this installation
side_by_side  estimated seconds where every fragment has cores of its own
rules         each firing of a rewrite rule: ``name``, ``before`` and ``after``
events        sentences: what was planned again, retried or placed elsewhere in the execution
assumptions   sentences: what was guessed because nothing is known of it, and what would tell
notes         sentences
rejected      whole plans that were not chosen: ``text``, ``cost``, ``reason``; where asked for
plan          an operator: ``kind``, ``text``, ``columns``, ``rows`` (estimate), ``platform``,
              ``arrives`` (channels), ``costs`` (by platform), ``table`` (of a read) and
              ``inputs`` (operators)
fragments     a list, each after those it reads
============  =============================================================================

A *fragment*:

============  =============================================================================
key           value
============  =============================================================================
id, platform  its name in the plan, and where it runs
plan          an operator
asked         what the platform is asked, in ``language``
columns       of its result
rows, bytes   estimated; ``rows`` is an estimate
output        channel
held          estimated bytes that its largest hash table or sort holds
cost, total   of its own, and with all that it needs
rival         the next best plan: the ``operator`` that would be done on ``platform``, the
              ``cost`` of the whole plan, the ``reason`` of what is more
forced        whether ``on`` said where it is to run
alternatives  where else it could end: ``platform``, ``cost`` up to there, ``reason``
sources       ``table``, ``description``, ``channel``, ``rows``, ``columns`` that are read,
              ``of`` how many
exchanges     ``fragment``, ``channels``, ``bytes``, ``cost``, ``role``
actual        ``rows``, ``bytes``, ``seconds``, ``metrics``, ``runs``
inside        the variable of the loop in whose iterations it runs
variables     of loops whose rows it reads
loop          of a loop or look-up: ``variable``, ``limit``, ``body``, ``until``, ``line``,
              ``candidates`` (the fragment whose rows are looked up), and as counted
              ``iterations``, ``runs`` and ``unfinished``
============  =============================================================================
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from wayfed.execution.loops import LoopCount
    from wayfed.execution.report import FragmentReport
    from wayfed.explain.loops import LoopView
    from wayfed.explain.model import (
        ExchangeView,
        Explanation,
        FragmentView,
        OperatorView,
        RivalView,
        SourceView,
    )
    from wayfed_optimizer.cost import Cost
    from wayfed_optimizer.physical import Alternative
    from wayfed_optimizer.statistics import Estimate
    from wayfed_optimizer.types import Schema

VERSION: Final = 1


def to_dict(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as dictionaries, lists, texts and numbers."""
    return {
        "version": VERSION,
        "stage": explanation.stage,
        "platforms": list(explanation.platforms),
        "cost": _cost(explanation.cost),
        "moved": _number(explanation.moved),
        "seconds": explanation.seconds,
        "planning": dict(explanation.planning),
        "cached": explanation.cached,
        "objective": explanation.objective,
        "calibrated": list(explanation.calibrated),
        "side_by_side": explanation.side_by_side,
        "rules": [
            {"name": rule.name, "before": rule.before, "after": rule.after}
            for rule in explanation.rules
        ],
        "events": list(explanation.events),
        "assumptions": list(explanation.assumptions),
        "notes": list(explanation.notes),
        "rejected": [
            {"text": each.text, "cost": _cost(each.cost), "reason": each.reason}
            for each in explanation.rejected
        ],
        "plan": _operator(explanation.operators),
        "fragments": [_fragment(fragment) for fragment in explanation.fragments],
    }


def _operator(operator: OperatorView) -> dict[str, Any]:
    return {
        "kind": operator.kind,
        "text": operator.text,
        "columns": _columns(operator.columns),
        "rows": _estimate(operator.rows),
        "platform": operator.platform,
        "arrives": list(operator.arrives),
        "costs": {platform: _cost(cost) for platform, cost in operator.costs},
        "table": operator.table,
        "inputs": [_operator(below) for below in operator.inputs],
    }


def _fragment(fragment: FragmentView) -> dict[str, Any]:
    return {
        "id": fragment.id,
        "platform": fragment.platform,
        "plan": _operator(fragment.operators),
        "asked": fragment.asked,
        "language": fragment.language,
        "columns": _columns(fragment.columns),
        "rows": _estimate(fragment.rows),
        "bytes": _number(fragment.bytes),
        "output": fragment.output,
        "cost": _cost(fragment.cost),
        "total": _cost(fragment.total),
        "alternatives": [_alternative(each) for each in fragment.alternatives],
        "sources": [_source(each) for each in fragment.sources],
        "exchanges": [_exchange(each) for each in fragment.exchanges],
        "actual": _actual(fragment.actual),
        "inside": fragment.inside,
        "held": _number(fragment.held),
        "rival": _rival(fragment.rival),
        "forced": fragment.forced,
        "variables": list(fragment.variables),
        "loop": _loop(fragment.loop, fragment.actual.loop if fragment.actual else None),
    }


def _loop(loop: LoopView | None, count: LoopCount | None) -> dict[str, Any] | None:
    if loop is None:
        return None
    return {
        "variable": loop.variable,
        "limit": loop.limit,
        "body": loop.body,
        "until": loop.until,
        "line": loop.line,
        "candidates": loop.candidates,
        "iterations": count.iterations if count else None,
        "runs": count.runs if count else None,
        "unfinished": count.unfinished if count else None,
    }


def _alternative(alternative: Alternative) -> dict[str, Any]:
    return {
        "platform": alternative.platform,
        "cost": _cost(alternative.cost),
        "reason": alternative.reason,
    }


def _rival(rival: RivalView | None) -> dict[str, Any] | None:
    if rival is None:
        return None
    return {
        "operator": rival.operator,
        "platform": rival.platform,
        "cost": _cost(rival.cost),
        "reason": rival.reason,
    }


def _source(source: SourceView) -> dict[str, Any]:
    return {
        "table": source.table,
        "description": source.description,
        "channel": source.channel,
        "rows": _estimate(source.rows),
        "columns": list(source.columns),
        "of": source.of,
    }


def _exchange(exchange: ExchangeView) -> dict[str, Any]:
    return {
        "fragment": exchange.fragment,
        "channels": list(exchange.channels),
        "bytes": _number(exchange.bytes),
        "cost": _cost(exchange.cost),
        "role": exchange.role,
    }


def _actual(actual: FragmentReport | None) -> dict[str, Any] | None:
    if actual is None:
        return None
    return {
        "rows": actual.rows,
        "bytes": actual.bytes,
        "seconds": actual.seconds,
        "metrics": {name: _number(value) for name, value in actual.metrics.items()},
        "runs": actual.runs,
    }


def _columns(schema: Schema) -> list[dict[str, Any]]:
    return [{"name": f.name, "type": str(f.type), "nullable": f.nullable} for f in schema]


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {
        "low": _number(estimate.low),
        "likely": _number(estimate.likely),
        "high": _number(estimate.high),
        "confidence": _number(estimate.confidence),
        "provenance": estimate.provenance.value,
    }


def _cost(cost: Cost | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    parts = ("seconds", "startup", "cpu", "network", "moved")
    return {part: _number(getattr(cost, part)) for part in parts}


def _number(value: float) -> float | None:
    # JSON has no infinity and no NaN.
    return value if isfinite(value) else None
