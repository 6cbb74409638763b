"""What of an explanation another organisation may see: how a party runs a plan, not where.

Paths, URLs, names of databases, the text of queries and counted rows stay with the party; so do the
errors that its engines got over. Estimates are told: they are what the choice rests on. Where they
must not tell of rows, the explanation is one of a plan that is made without knowing any (`blind`).
"""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from wayfed.explain.model import (
    STAGES,
    ExchangeView,
    Explanation,
    FragmentView,
    OperatorView,
    RejectedView,
    RivalView,
    SourceView,
)
from wayfed_optimizer.physical import Alternative
from wayfed_optimizer.types import check_option

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.relations import Relation

_VIEWS: Final = (
    Alternative,
    ExchangeView,
    Explanation,
    FragmentView,
    OperatorView,
    RejectedView,
    RivalView,
    SourceView,
)


def blind(
    relation: Relation, environment: Environment, *, stage: str, alternatives: bool
) -> Explanation:
    """Explain how a plan would run if nothing were known of the rows of its tables.

    An estimate may be what was counted in somebody's run, or be made of the extremes that a file
    holds; and so may be the choice that rests on it. So neither is looked at.
    """
    from wayfed.explain.build import explain
    from wayfed_optimizer.relations import Cache, transform
    from wayfed_optimizer.stages import plan
    from wayfed_optimizer.statistics import TableStatistics
    from wayfed_optimizer.statistics.estimates import nothing_observed

    check_option(stage, STAGES, name="stage")
    nothing = dict.fromkeys(environment.sources, TableStatistics.unknown())
    unaware = replace(environment, statistics=nothing, observed=nothing_observed, costs={})
    uncached = transform(relation, lambda each: each.input if isinstance(each, Cache) else each)
    told = explain(plan(uncached, unaware), unaware, stage=stage, alternatives=alternatives)
    assumed = "nothing is looked at of what is known of the rows: its min_rows is above 1"
    return replace(told, assumptions=(assumed,))


def shared(explanation: Explanation, party: str) -> Explanation:
    """Return what somebody who asks a party for an explanation is told."""
    platforms = dict.fromkeys(
        name
        for fragment in explanation.fragments
        for name in (fragment.platform, *(each.platform for each in fragment.alternatives))
    )
    names = _kinds((*explanation.platforms, *platforms))
    counted = tuple(f"{fragment.id} gave " for fragment in explanation.fragments)
    told = replace(
        explanation,
        fragments=tuple(_without_places(each, party) for each in explanation.fragments),
        rejected=tuple(
            replace(each, reason="") if each.cost is None else each for each in explanation.rejected
        ),
        notes=tuple(note for note in explanation.notes if not note.startswith(counted)),
        events=(),
    )
    changed: Explanation = _renamed(told, names)
    return changed


def _kinds(platforms: Iterable[str]) -> dict[str, str]:
    """Return names that say which kind of store each platform is, and not which database."""
    found: dict[str, str] = {}
    for name in platforms:
        kind, _, place = name.partition(":")
        if not place or name in found:
            continue
        taken = found.values()
        numbered = (kind if number == 1 else f"{kind} {number}" for number in count(1))
        found[name] = next(each for each in numbered if each not in taken)
    return found


def _without_places(fragment: FragmentView, party: str) -> FragmentView:
    return replace(
        fragment,
        asked=f"only {party} sees what its engines are asked",
        sources=tuple(replace(each, description=f"at {party}") for each in fragment.sources),
        actual=None,
    )


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a view with other names of platforms in all its texts."""
    if isinstance(value, str):
        for name, told in names.items():
            value = value.replace(name, told)
        return value
    if isinstance(value, tuple):
        return tuple(_renamed(each, names) for each in value)
    if isinstance(value, _VIEWS):
        changed = {f.name: _renamed(getattr(value, f.name), names) for f in fields(value)}
        return replace(value, **changed)
    return value
