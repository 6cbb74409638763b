"""Who takes part in a federation, as a person looks at it: tables, policies, and what binds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wayfed.federated.parties.policy import Purpose
from wayfed.federated.parties.session import PLAN
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.rounds.guard import GuardedGrid
from wayfed.federated.wire import flower_process, question, read_json
from wayfed_optimizer.relations import Read
from wayfed_optimizer.wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wayfed.federated.grids.base import PartyGrid
    from wayfed_optimizer.types import Schema


@dataclass(frozen=True, slots=True)
class PartyInfo:
    """A party of the federation, as `FederatedContext.parties` lists it.

    Parameters
    ----------
    name
        The party.
    tables
        The published tables that it has.
    min_rows
        The least number of training rows with which it takes part.
    policy
        Its other rules, in words; a party elsewhere tells them when it is asked what binds.
    binds
        Whether its tables fit the published ones, or what does not; None where nobody asked.
    """

    name: str
    tables: tuple[str, ...]
    min_rows: int
    policy: tuple[str, ...] = ()
    binds: str | None = None


def look(grid: PartyGrid, published: Mapping[str, Schema]) -> dict[str, PartyInfo]:
    """Ask every party for its tables and rules, and whether it fits what is published; no rows.

    Parameters
    ----------
    grid
        The parties; closed afterwards.
    published
        What plans are written against.
    """
    problems: dict[str, list[str]] = {name: [] for name in grid.parties.values()}
    found = {name: PartyInfo(name, (), 1) for name in problems}
    guarded = GuardedGrid(grid)
    try:
        with flower_process():
            for table, schema in published.items():
                plan = to_wire(Read(table, schema), names=tuple(published)).decode()
                asked = question({"plan": plan, "purpose": Purpose.LOOK.value})
                for party, answer in guarded.ask(asked, PLAN).items():
                    told = read_json(answer, ReleaseKind.BINDING)
                    problems[party] += told.get("problems", ())
                    tables, rules = (
                        tuple(map(str, told.get(key, ()))) for key in ("tables", "rules")
                    )
                    found[party] = PartyInfo(party, tables, int(told.get("min_rows", 1)), rules)
    finally:
        grid.close()
    for failure in guarded.failures:
        problems[failure.party].append(failure.reason)
    absent = {f"table '{table}' is not in its catalog" for table in published}
    return {
        party: replace(each, binds=_in_one([p for p in problems[party] if p not in absent]))
        for party, each in found.items()
    }


def _in_one(problems: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(problems)) or "yes"
