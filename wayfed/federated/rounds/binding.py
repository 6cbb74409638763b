"""Before the first round: parties bind plan and question, and statistics become features."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wayfed.federated.features.fitting import Category, FittedFeatures, Moments, Statistics, fit
from wayfed.federated.models.adapter import Task
from wayfed.federated.models.class_weight import settled
from wayfed.federated.parties.policy import Purpose, Role
from wayfed.federated.parties.question import Problem, Question
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.runs.results import PartyReport
from wayfed.federated.statistics.sketch import Sketch
from wayfed.federated.wire import question, read_json
from wayfed_optimizer.errors import InvalidOption, PartyError, PolicyViolation, TypeMismatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flwr.app import RecordDict

    from wayfed.federated.rounds.guard import GuardedGrid

_SHOWN: Final = 5
_STRICTNESS: Final = (Role.FEATURE, Role.JOIN_KEY, Role.LABEL)


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
    class_weight
        How much the rows of each class count; None where all count alike.
    """

    task: Task
    classes: tuple[Category, ...] | None
    features: FittedFeatures
    parties: Mapping[str, PartyReport]
    class_weight: tuple[tuple[Category, float], ...] | None = None

    @property
    def beginning(self) -> dict[str, Any]:
        """What parties are told when they begin."""
        return beginning(self.features, self.classes, self.class_weight)


@dataclass(frozen=True, slots=True)
class BoundParties:
    """A plan that the parties have agreed to.

    Parameters
    ----------
    roles
        What each column of the result may be used for, by the strictest of the parties.
    parties
        Who has bound it.
    left_out
        Who has not, and why.
    decided_by
        For each column, the parties whose role it is.
    """

    roles: Mapping[str, Role]
    parties: tuple[str, ...]
    left_out: Mapping[str, str]
    decided_by: Mapping[str, tuple[str, ...]]


def bind_plan(
    grid: GuardedGrid, plan: bytes, purpose: Purpose = Purpose.LEARN, *, partly: bool = False
) -> BoundParties:
    """Let every party bind a plan, and raise all that does not fit in one error.

    With `partly`, a party leaves out the columns of which its policy lets it tell nothing.

    Raises
    ------
    PartyError
        Some party's catalog does not fit; names every party and mismatch, and every rule of a
        policy that the plan breaks besides. Or nobody answered.
    PolicyViolation
        Some party's policy forbids what the plan does with a column.
    """
    asked = {
        "plan": plan.decode(),
        "purpose": purpose.value,
        **({"partly": True} if partly else {}),
    }
    answers = grid.ask(question(asked), "query.plan")
    told = {party: read_json(given, ReleaseKind.BINDING) for party, given in answers.items()}
    against = "the plan is against the parties' policies"
    if problems := _sentences(told, "problems"):
        violations = _sentences(told, "violations")
        besides = f"\n{against}{violations}" if violations else ""
        raise PartyError(f"the plan does not fit the parties' catalogs{problems}{besides}")
    hint = "describe('…') of other columns" if purpose is Purpose.DESCRIBE else None
    refuse_violations(told, against, hint)
    by_party = {
        party: {name: Role(role) for name, role in each["roles"].items()}
        for party, each in told.items()
    }
    roles = {
        name: max((each[name] for each in by_party.values()), key=_STRICTNESS.index)
        for name in next(iter(by_party.values()))
    }
    return BoundParties(
        roles,
        tuple(told),
        {failure.party: failure.reason for failure in grid.failures},
        {
            name: tuple(party for party, each in by_party.items() if each[name] is role)
            for name, role in roles.items()
        },
    )


def refuse_violations(
    told: Mapping[str, Mapping[str, Any]], what: str, hint: str | None = None
) -> None:
    """Raise PolicyViolation with every rule of every party that is broken."""
    if violations := _sentences(told, "violations"):
        raise PolicyViolation(f"{what}{violations}", hint=hint)


def _sentences(told: Mapping[str, Mapping[str, Any]], kind: str) -> str:
    return "".join(
        f"\n  party '{party}': {sentence}"
        for party, each in sorted(told.items())
        for sentence in dict.fromkeys(map(str, each.get(kind, ())))
    )


def bind(grid: GuardedGrid, asked: Question, *, bools: Sequence[str]) -> Bound:
    """Let every party check what is asked, leave out those without rows, and fit the features.

    Parameters
    ----------
    grid
        The parties; those that cannot take part are left out of it.
    asked
        The question.
    bools
        The features that hold yes or no.

    Raises
    ------
    TypeMismatch
        Some party's columns do not fit; names every party, column and remedy.
    PolicyViolation
        Some party's policy forbids what is asked.
    PartyError
        No party has enough rows, or all failed.
    InvalidOption
        The label has one value only.
    """
    answers = grid.ask(question(asked.to_dict(), lent=asked.own_model), "query.bind")
    bindings = {p: read_json(a, ReleaseKind.BINDING) for p, a in answers.items()}
    refuse_violations(bindings, "the question is against the parties' policies")
    refuse_problems({p: b.get("problems", ()) for p, b in bindings.items()})
    reports = reports_of(grid, bindings)
    taking_part = [name for name, report in reports.items() if report.left_out is None]
    labels = {p: read_json(answers[p], ReleaseKind.LABELS) for p in taking_part}
    classes = _classes(asked, labels)
    counts = {p: dict(told.get("counts", ())) for p, told in labels.items()}
    weights = settled(asked.class_weight, asked.label, classes, counts)
    told = grid.ask(question({}), "query.statistics")
    fitted = fit(asked.recipe, asked.features, bools, map(_statistics, told.values()))
    return begin(grid, reports, fitted, classes, weights)


def begin(
    grid: GuardedGrid,
    reports: dict[str, PartyReport],
    fitted: FittedFeatures,
    classes: tuple[Category, ...] | None,
    weights: tuple[tuple[Category, float], ...] | None,
) -> Bound:
    """Tell the parties that take part what was fitted; who does not answer is left out."""
    begun = grid.ask(question(beginning(fitted, classes, weights)), "query.begin")
    begun_by = {p: read_json(a, ReleaseKind.BINDING) for p, a in begun.items()}
    refuse_problems({p: b.get("problems", ()) for p, b in begun_by.items()})
    for name in {name for name, each in reports.items() if each.left_out is None} - set(begun):
        grid.leave_out(name)
        reports[name] = dataclasses.replace(reports[name], left_out=last_failure(grid, name))
    task = Task(len(fitted.names), None if classes is None else len(classes))
    return Bound(task, classes, fitted, reports, weights)


def beginning(
    fitted: FittedFeatures,
    classes: tuple[Category, ...] | None,
    weights: tuple[tuple[Category, float], ...] | None,
) -> dict[str, Any]:
    """Return what parties are told when they begin, as plain values."""
    return {
        "features": fitted.to_dict(),
        "classes": classes and list(classes),
        "class_weight": weights and [weight for _, weight in weights],
    }


def refuse_problems(by_party: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Raise TypeMismatch with all that does not fit at every party."""
    parties_of: dict[Problem, list[str]] = {}
    for party, problems in by_party.items():
        for told in problems:
            parties_of.setdefault(Problem(**told), []).append(party)
    if not parties_of:
        return
    lines = []
    for problem, parties in parties_of.items():
        remedy = f"; {problem.hint}" if problem.hint else ""
        lines.append(f"\n  {named_parties(parties)}: {problem.message}{remedy}")
    raise TypeMismatch(f"the arrays do not fit what is to be learned{''.join(lines)}")


def named_parties(parties: Sequence[str]) -> str:
    """Name parties, the first of very many.

    Examples
    --------
    >>> named_parties(["ash"]), named_parties(["ash", "birch"])
    ("party 'ash'", "parties 'ash', 'birch'")
    """
    names = ", ".join(f"'{party}'" for party in parties[:_SHOWN])
    more = f" and {len(parties) - _SHOWN} more" if len(parties) > _SHOWN else ""
    return f"{'parties' if len(parties) > 1 else 'party'} {names}{more}"


def reports_of(
    grid: GuardedGrid, bindings: Mapping[str, Mapping[str, Any]]
) -> dict[str, PartyReport]:
    """Make of the answers what is known of each party; who cannot take part is left out."""
    reports: dict[str, PartyReport] = {}
    for name in list(grid.parties.values()):
        binding = bindings.get(name)
        left_out = last_failure(grid, name) if binding is None else binding.get("left_out")
        if left_out is not None or binding is None:
            reports[name] = PartyReport(name, 0, 0, 0, left_out=str(left_out))
            grid.leave_out(name)
            continue
        rows, training, testing = (int(binding[key]) for key in ("rows", "training", "testing"))
        reports[name] = PartyReport(name, rows, training, testing, str(binding["digest"]))
    refuse_nobody(reports)
    return reports


def refuse_nobody(reports: Mapping[str, PartyReport]) -> None:
    """Raise PartyError where every party was left out."""
    if all(report.left_out is not None for report in reports.values()):
        reasons = "".join(f"\n  party '{r.name}': {r.left_out}" for r in reports.values())
        raise PartyError(
            f"no party can take part{reasons}",
            hint="let the plan leave more rows, or hold fewer out: test=",
        )


def last_failure(grid: GuardedGrid, party: str) -> str:
    """Return why a party gave no usable answer the last time."""
    return next(f.reason for f in reversed(grid.failures) if f.party == party)


def _classes(
    asked: Question, labels: Mapping[str, Mapping[str, Any]]
) -> tuple[Category, ...] | None:
    constant = f"the label '{asked.label}' has one value at every party, so nothing can be learned"
    if asked.model.task == "clustering":
        return None
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
            constant,
            hint="is it the right column, or do filters leave only one class? Values "
            "of few rows are not told: classes=[…] names them",
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
    has_quantiles = ReleaseKind.QUANTILES in told
    quantiles = read_json(told, ReleaseKind.QUANTILES) if has_quantiles else {}
    return Statistics(
        {name: Moments(int(m[0]), float(m[1]), float(m[2])) for name, m in moments.items()},
        {name: {value: int(count) for value, count in pairs} for name, pairs in counts.items()},
        {name: Sketch.from_plain(bins) for name, bins in quantiles.items()},
    )


def first_weights(weights: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Check that weights to begin with are arrays of finite numbers."""
    checked = {name: np.asarray(value) for name, value in weights.items()}
    for name, value in checked.items():
        if value.dtype.kind not in "biufc" or not np.isfinite(value).all():
            raise InvalidOption(f"the initial array '{name}' is not made of finite numbers")
    return checked
