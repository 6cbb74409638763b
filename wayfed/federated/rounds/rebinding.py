"""Before a run goes on: the parties bind its question again, and must have the rows they had."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from wayfed.federated.models.class_weight import settled
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.rounds.binding import (
    Bound,
    begin,
    refuse_problems,
    refuse_violations,
    reports_of,
)
from wayfed.federated.wire import question, read_json
from wayfed_optimizer.errors import SourceChanged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.federated.parties.question import Question
    from wayfed.federated.rounds.guard import GuardedGrid
    from wayfed.federated.runs.checkpoint import Checkpoint
    from wayfed.federated.runs.results import PartyReport


def rebind(
    grid: GuardedGrid, asked: Question, checkpoint: Checkpoint, *, allow_changed: bool
) -> Bound:
    """Let every party check again what is asked; what was fitted before is not asked for again.

    Parameters
    ----------
    grid
        The parties; those that cannot take part are left out of it.
    asked
        The question.
    checkpoint
        Where the run was.
    allow_changed
        Whether a party may have other rows than it had.

    Raises
    ------
    SourceChanged
        Parties have other rows than they had; names them.
    TypeMismatch, PolicyViolation, PartyError
        As `wayfed.federated.rounds.binding.bind`.
    """
    answers = grid.ask(question(asked.to_dict()), "query.bind")
    bindings = {p: read_json(a, ReleaseKind.BINDING) for p, a in answers.items()}
    refuse_violations(bindings, "the question is against the parties' policies")
    refuse_problems({p: b.get("problems", ()) for p, b in bindings.items()})
    reports = reports_of(grid, bindings)
    if not allow_changed:
        _refuse_changed(checkpoint, reports)
    # Who is not there may come back, and then must have the rows that it had.
    for name, digest in checkpoint.digests.items():
        if name in reports and reports[name].digest is None:
            reports[name] = dataclasses.replace(reports[name], digest=digest)
    weights = settled(asked.class_weight, asked.label, checkpoint.classes, {})
    return begin(grid, reports, checkpoint.features, checkpoint.classes, weights)


def _refuse_changed(checkpoint: Checkpoint, reports: Mapping[str, PartyReport]) -> None:
    changed = [
        f"\n  party '{name}': {_change(checkpoint.parties[name].rows, now.rows)}"
        for name, then in checkpoint.digests.items()
        if (now := reports.get(name)) is not None and now.digest not in (None, then)
    ]
    if changed:
        raise SourceChanged(
            f"run {checkpoint.run} cannot go on with other rows than it began with"
            f"{''.join(changed)}",
            hint="resume(…, allow_changed=True) goes on with the rows there are now; "
            "the model is then another than of an undisturbed run",
        )


def _change(then: int, now: int) -> str:
    if then != now:
        return f"{then:,} rows then, {now:,} now"
    return f"{now:,} rows, of other values than then; or the party has another key than then"
