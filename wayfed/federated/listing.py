"""Who takes part in a federation, as a person looks at it: tables, policies, and what binds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wayfed.federated.parties.policy import Role
from wayfed.federated.parties.session import PLAN
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.rounds.guard import GuardedGrid
from wayfed.federated.wire import flower_process, question, read_json
from wayfed_optimizer.relations import Read
from wayfed_optimizer.wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.parties.policy import Policy
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
        Its other rules, in words; what a party elsewhere does not tell of itself is not there.
    binds
        Whether its tables fit the published ones, or what does not; None where nobody asked.
    """

    name: str
    tables: tuple[str, ...]
    min_rows: int
    policy: tuple[str, ...] = ()
    binds: str | None = None


def in_words(policy: Policy) -> tuple[str, ...]:
    """Say what a policy asks besides its least number of rows.

    Examples
    --------
    >>> from wayfed.federated.parties.policy import Policy, Role
    >>> in_words(Policy(10, {"iban": Role.NEVER, "age": Role.FEATURE}, max_rounds=5))
    ('feature: age', 'never: iban, all others', 'max_rounds=5')
    """
    by_role: dict[str, list[str]] = {}
    for column, role in sorted(policy.columns.items()):
        by_role.setdefault(role.value, []).append(column)
    if policy.columns:
        by_role.setdefault(Role.NEVER.value, []).append("all others")
    said = [f"{role}: {', '.join(names)}" for role, names in sorted(by_role.items())]
    for option in ("models", "strategies"):
        if (allowed := getattr(policy, option)) is not None:
            said.append(f"{option}: {', '.join(allowed) or 'none'}")
    if policy.max_rounds is not None:
        said.append(f"max_rounds={policy.max_rounds}")
    if policy.min_group is not None:
        said.append(f"min_group={policy.min_group}")
    if policy.opaque:
        said.append(f"opaque: {', '.join(policy.opaque)}")
    if policy.secure_aggregation:
        said.append("requires secure_aggregation=True")
    if policy.privacy is not None:
        budget = policy.privacy.budget
        asks = "requires privacy" if policy.privacy.required else "grants privacy"
        said.append(f"{asks}, epsilon={budget.epsilon:g} and delta={budget.delta:g} a table")
    return tuple(said)


def what_binds(grid: PartyGrid, published: Mapping[str, Schema]) -> dict[str, str]:
    """Ask every party whether its tables fit the published ones; reads schemas, no rows.

    Parameters
    ----------
    grid
        The parties; closed afterwards.
    published
        What plans are written against.
    """
    told: dict[str, list[str]] = {name: [] for name in grid.parties.values()}
    guarded = GuardedGrid(grid)
    try:
        with flower_process():
            for table, schema in published.items():
                plan = to_wire(Read(table, schema), names=tuple(published)).decode()
                answers = guarded.ask(question({"plan": plan}), PLAN)
                for party, answer in answers.items():
                    told[party] += read_json(answer, ReleaseKind.BINDING).get("problems", ())
    finally:
        grid.close()
    for failure in guarded.failures:
        told[failure.party].append(failure.reason)
    absent = {f"table '{table}' is not in its catalog" for table in published}
    return {
        party: "; ".join(each for each in dict.fromkeys(problems) if each not in absent) or "yes"
        for party, problems in told.items()
    }
