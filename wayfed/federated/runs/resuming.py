"""`resume`: from the checkpoint of a run that was interrupted to the model it was on its way to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wayfed.federated.run import run_federated
from wayfed.federated.runs.checkpoint import (
    ENDING,
    Checkpoint,
    check_versions,
    checkpoint_path,
    read_checkpoint,
)
from wayfed.federated.runs.places import checkpoint_directory
from wayfed.federated.runs.request import plan_hash
from wayfed_optimizer.errors import InvalidOption, PlanError, SourceChanged, SourceError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from wayfed.arrays import Arrays
    from wayfed.federated.arrays import FederatedArrays
    from wayfed.federated.participants import Participants
    from wayfed.federated.runs.results import FederatedRun
    from wayfed.federated.runs.store import RunStore
    from wayfed.training import Training


def resume(
    context: Training,
    run_id: str | os.PathLike[str],
    arrays: Mapping[str, Arrays] | FederatedArrays | None,
    *,
    runner: str | None,
    rounds: int | None,
    allow_changed: bool,
    **options: Any,
) -> FederatedRun:
    """Go on with a run; see `wayfed.training.Training.resume`."""
    path = find_checkpoint(context.run_store, run_id)
    checkpoint = read_checkpoint(path)
    if not allow_changed:
        check_versions(checkpoint)
    asked = checkpoint.request.options()
    if rounds is not None:
        if rounds < checkpoint.round:
            raise InvalidOption(
                f"rounds={rounds} is less than the {checkpoint.round} that run "
                f"{checkpoint.run} has behind it"
            )
        _check_paid(checkpoint, rounds)
        asked["rounds"] = rounds
    if runner is not None:
        asked["runner"] = runner
    return run_federated(
        _participants(context, checkpoint, arrays),
        **asked,
        **options,
        checkpoint=path.parent,
        store=context.run_store,
        resumed=checkpoint,
        allow_changed=allow_changed,
    )


def _check_paid(checkpoint: Checkpoint, rounds: int) -> None:
    asked = checkpoint.request.question
    if asked.privacy is not None and rounds != asked.rounds:
        raise InvalidOption(
            f"run {checkpoint.run} is under privacy, and the noise of its {asked.rounds} rounds "
            "was settled when they were paid for",
            hint="leave rounds out; another run is paid for by itself",
        )


def find_checkpoint(store: RunStore, run: str | os.PathLike[str]) -> Path:
    """Return where a run's checkpoint is, by the run's id or the checkpoint's path.

    Raises
    ------
    SourceError
        The run has none, or nobody knows the run.
    """
    if not isinstance(run, str) or run.endswith(ENDING):
        return Path(run).expanduser().absolute()
    usual = checkpoint_path(checkpoint_directory(), run)
    known = {each.id: each.checkpoint for each in store.runs()}
    if run not in known and not usual.exists():
        raise SourceError(
            f"there is no run {run!r} in {store.place}",
            available=list(known)[:5],
            hint=f"give the path of its checkpoint: resume('…/{run}{ENDING}')",
        )
    place = known.get(run)
    if place is None and not usual.exists():
        raise SourceError(
            f"run {run} left no checkpoint",
            hint="run_federated(…, checkpoint=True) writes one after each round",
        )
    return usual if place is None else Path(place)


def _participants(
    context: Training,
    checkpoint: Checkpoint,
    arrays: Mapping[str, Arrays] | FederatedArrays | None,
) -> Participants:
    plan = checkpoint.request.plan
    if arrays is None:
        if plan is None:
            raise PlanError(
                f"run {checkpoint.run} was given arrays, which are not written down",
                hint="resume(run_id, arrays) with the arrays that it was given",
            )
        return context.participants(context.planned(plan.encode()))
    participants = context.participants(arrays)
    if participants.plan != plan:
        then, now = (_named(each) for each in (plan, participants.plan))
        raise SourceChanged(
            f"run {checkpoint.run} was of {then}, these arrays are of {now}",
            hint="resume(run_id) binds the plan that is written down with the run",
        )
    return participants


def _named(plan: str | None) -> str:
    digest = plan_hash(plan)
    return "arrays that were given" if digest is None else f"the plan {digest[:12]}"
