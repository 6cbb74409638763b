"""Before the first round: every party binds the question, and statistics become features."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wayfed.federated.features.fitting import Category, FittedFeatures, Moments, Statistics, fit
from wayfed.federated.models.adapter import Task
from wayfed.federated.parties.learning import Problem, Question
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.runs.results import PartyReport
from wayfed.federated.wire import question, read_json
from wayfed_optimizer.errors import InvalidOption, PartyError, TypeMismatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flwr.app import RecordDict

    from wayfed.federated.rounds.guard import GuardedGrid

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Bound:
    """A question that the parties have agreed to.

    Parameters
    ----------
    task
        What is to be learned.
    classes
        The label's classes; None in a regression.
    features
        The recipe, fitted.
    parties
        What is known of each party, those that were left out among them.
    """

    task: Task
    classes: tuple[Category, ...] | None
    features: FittedFeatures
    parties: Mapping[str, PartyReport]


def bind(
    grid: GuardedGrid, asked: Question, *, bools: Sequence[str], min_rows: int | Mapping[str, int]
) -> Bound:
    """Let every party check what is asked, leave out those without rows, and fit the features.

    Parameters
    ----------
    grid
        The parties; those that cannot take part are left out of it.
    asked
        The question.
    bools
        The features that hold yes or no.
    min_rows
        The least number of training rows that a party needs; of all alike, or by party.

    Raises
    ------
    TypeMismatch
        Some party's columns do not fit; names every party, column and remedy.
    PartyError
        No party has enough rows, or one failed.
    InvalidOption
        The label has one value only.
    """
    answers = grid.ask(question(asked.to_dict()), "query.bind")
    bindings = {p: read_json(a, ReleaseKind.BINDING) for p, a in answers.items()}
    _refuse_problems({p: b["problems"] for p, b in bindings.items()})
    reports = _reports(grid, bindings, min_rows)
    taking_part = [name for name, report in reports.items() if report.left_out is None]
    labels = {p: read_json(answers[p], ReleaseKind.LABELS) for p in taking_part}
    classes = _classes(asked, labels)
    told = grid.ask(question({}), "query.statistics")
    fitted = fit(asked.recipe, asked.features, bools, map(_statistics, told.values()))
    begun = grid.ask(
        question({"features": fitted.to_dict(), "classes": classes and list(classes)}),
        "query.begin",
    )
    for name in set(taking_part) - set(begun):
        grid.leave_out(name)
        reason = next(f.reason for f in reversed(grid.failures) if f.party == name)
        reports[name] = dataclasses.replace(reports[name], left_out=reason)
    task = Task(len(fitted.names), None if classes is None else len(classes))
    return Bound(task, classes, fitted, reports)


def _refuse_problems(by_party: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    parties_of: dict[Problem, list[str]] = {}
    for party, problems in by_party.items():
        for told in problems:
            parties_of.setdefault(Problem(**told), []).append(party)
    if not parties_of:
        return
    lines = []
    for problem, parties in parties_of.items():
        names = ", ".join(f"'{party}'" for party in parties[:_SHOWN])
        more = f" and {len(parties) - _SHOWN} more" if len(parties) > _SHOWN else ""
        many = "parties" if len(parties) > 1 else "party"
        remedy = f"; {problem.hint}" if problem.hint else ""
        lines.append(f"\n  {many} {names}{more}: {problem.message}{remedy}")
    raise TypeMismatch(f"the arrays do not fit what is to be learned{''.join(lines)}")


def _reports(
    grid: GuardedGrid,
    bindings: Mapping[str, Mapping[str, Any]],
    min_rows: int | Mapping[str, int],
) -> dict[str, PartyReport]:
    reports: dict[str, PartyReport] = {}
    for name in list(grid.parties.values()):
        binding = bindings.get(name)
        if binding is None:
            reason = next(f.reason for f in reversed(grid.failures) if f.party == name)
            reports[name] = PartyReport(name, 0, 0, 0, left_out=reason)
            grid.leave_out(name)
            continue
        rows, training = int(binding["rows"]), int(binding["training"])
        left_out = None
        least = min_rows if isinstance(min_rows, int) else min_rows.get(name, 1)
        if training < max(1, least):
            left_out = (
                f"{training:,} training rows, fewer than min_rows={least:,}" if rows else "no rows"
            )
            grid.leave_out(name)
        reports[name] = PartyReport(
            name, rows, training, int(binding["testing"]), str(binding["digest"]), left_out
        )
    if all(report.left_out is not None for report in reports.values()):
        reasons = "".join(f"\n  party '{r.name}': {r.left_out}" for r in reports.values())
        raise PartyError(f"no party can take part{reasons}", hint="lower min_rows or test")
    return reports


def _classes(
    asked: Question, labels: Mapping[str, Mapping[str, Any]]
) -> tuple[Category, ...] | None:
    constant = f"the label '{asked.label}' has one value at every party, so nothing can be learned"
    if asked.model.task == "regression":
        together = Moments(0, 0.0, 0.0)
        for told in labels.values():
            together = together.merge(Moments(*told["moments"]))
        if not together.squares:
            raise InvalidOption(constant, hint="is it the right column?")
        return None
    if asked.classes is not None:
        return asked.classes
    seen = {value for told in labels.values() for value, _ in told["counts"]}
    if len(seen) < 2:  # two values are what "not constant" means
        raise InvalidOption(
            constant, hint="is it the right column, or do filters leave only one class?"
        )
    if len({type(value) for value in seen}) > 1:
        raise TypeMismatch(
            f"the label '{asked.label}' has values of different types: "
            + ", ".join(sorted({type(value).__name__ for value in seen})),
            hint="cast it to one type in the plan",
        )
    return tuple(sorted(seen))


def _statistics(told: RecordDict) -> Statistics:
    moments = read_json(told, ReleaseKind.STATISTICS)
    counts = read_json(told, ReleaseKind.VOCABULARY)
    return Statistics(
        {name: Moments(int(m[0]), float(m[1]), float(m[2])) for name, m in moments.items()},
        {name: {value: int(count) for value, count in pairs} for name, pairs in counts.items()},
    )


def bool_columns(schema: Any, names: Sequence[str]) -> list[str]:
    """Give those of `names` that hold yes or no."""
    from pyarrow import types

    return [name for name in names if types.is_boolean(schema.field(name).type)]


def first_weights(weights: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Check that weights to begin with are arrays of finite numbers."""
    checked = {name: np.asarray(value) for name, value in weights.items()}
    for name, value in checked.items():
        if value.dtype.kind not in "biufc" or not np.isfinite(value).all():
            raise InvalidOption(f"the initial array '{name}' is not made of finite numbers")
    return checked
