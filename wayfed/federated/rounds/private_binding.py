"""Binding under privacy: parties agree to names and types, pay, and tell numbers with noise."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

from wayfed.federated.features.fitting import FittedFeatures, fit_without_rows
from wayfed.federated.models.adapter import Task
from wayfed.federated.models.class_weight import settled
from wayfed.federated.privacy.charges import KEPT
from wayfed.federated.privacy.dp import Spent
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.rounds.binding import (
    Bound,
    beginning,
    last_failure,
    refuse_nobody,
    refuse_problems,
    refuse_violations,
)
from wayfed.federated.runs.results import PartyReport
from wayfed.federated.wire import question, read_json
from wayfed_optimizer.errors import TypeMismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from wayfed.federated.parties.question import Question
    from wayfed.federated.rounds.guard import GuardedGrid
    from wayfed.federated.runs.checkpoint import Checkpoint
    from wayfed.federated.runs.terms import Terms

_NUMBER: Final = re.compile(r"bool|u?int\d+|float\d*|double|half_?float|decimal")


def _check_numbers(types: Mapping[str, str]) -> None:
    """Raise where a feature is no number; parties are not asked, who would say so by their rows.

    Raises
    ------
    TypeMismatch
        Names every column, its type and the remedy.
    """
    others = [f"'{name}' is {kind}" for name, kind in types.items() if not _NUMBER.match(kind)]
    if others:
        raise TypeMismatch(
            f"{', '.join(others)}, not a number",
            hint="cast it, or name its values: preprocess=wf.features(one_hot={'x': ['a', 'b']})",
        )


def bind_privately(
    grid: GuardedGrid,
    asked: Question,
    terms: Terms,
    *,
    bools: Sequence[str],
    types: Mapping[str, str],
    ready: Callable[[Task, Mapping[str, str]], None],
) -> tuple[Bound, dict[str, Spent]]:
    """Let every party check and pay for what is asked.

    Parameters
    ----------
    grid
        The parties; those that cannot take part are left out of it.
    asked
        The question, with its classes where there are any.
    terms
        How the run is played: whether it may be gone on with, and where it was if it is.
    bools
        The features that hold yes or no.
    types
        The features' types.
    ready
        Raises where those who agree cannot play the run, while nobody has paid; is told what is to
        be learned, and who is left out and why.

    Returns
    -------
    tuple
        What they agreed to, and what it costs each of them.

    Raises
    ------
    TypeMismatch, PolicyViolation, PartyError
        As `wayfed.federated.rounds.binding.bind`; and what `ready` raises.
    """
    known = {name for name, _ in asked.recipe.categories}
    _check_numbers({name: kind for name, kind in types.items() if name not in known})
    kept = {KEPT: terms.run} if terms.keeps else {}
    answers = grid.ask(question({**asked.to_dict(), **kept}, lent=asked.own_model), "query.bind")
    bindings = {p: read_json(a, ReleaseKind.BINDING) for p, a in answers.items()}
    refuse_violations(bindings, "the question is against the parties' policies")
    refuse_problems({p: b.get("problems", ()) for p, b in bindings.items()})
    names = tuple(grid.parties.values())
    silent = {name: last_failure(grid, name) for name in names if name not in answers}
    for name in silent:
        grid.leave_out(name)
    fitted = fit_without_rows(asked.recipe, asked.features, bools)
    task = _task(asked, fitted)
    ready(task, silent)
    weights = settled(asked.class_weight, asked.label, asked.classes, {})
    before = terms.resumed
    named = {"run": terms.run, "after": 0 if before is None else before.round}
    content = question({**beginning(fitted, asked.classes, weights), **named})
    begun = {
        p: read_json(a, ReleaseKind.BINDING) for p, a in grid.ask(content, "query.begin").items()
    }
    reports = {name: _report(grid, name, begun.get(name)) for name in names}
    for report in reports.values():
        if report.left_out is not None:
            grid.leave_out(report.name)
    refuse_nobody(reports)
    spent = {name: _spent(name, told, before) for name, told in begun.items() if "spent" in told}
    return Bound(task, asked.classes, fitted, reports, weights), spent


def _task(asked: Question, fitted: FittedFeatures) -> Task:
    return Task(len(fitted.names), None if asked.classes is None else len(asked.classes))


def _report(grid: GuardedGrid, name: str, told: Mapping[str, Any] | None) -> PartyReport:
    report = PartyReport(name, 0, 0, 0)
    if told is None:
        return dataclasses.replace(report, left_out=last_failure(grid, name))
    if "left_out" in told:
        return dataclasses.replace(report, left_out=str(told["left_out"]))
    training, testing = int(told["training"]), int(told["testing"])
    return PartyReport(name, training + testing, training, testing)


def _spent(name: str, told: Mapping[str, Any], known: Checkpoint | None) -> Spent:
    """Return what a run costs a party; who does not know it any more pays once more."""
    spent = Spent(**told["spent"])
    before = None if known is None else known.privacy_spent.get(name)
    if before is None or told["resumed"]:
        return spent
    return dataclasses.replace(
        spent, epsilon=spent.epsilon + before.epsilon, delta=spent.delta + before.delta
    )
