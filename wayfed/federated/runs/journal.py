"""What is written down of one run while it goes on: its record in the store, its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wayfed.federated.runs.checkpoint import BestWeights, Checkpoint, checkpoint_path
from wayfed.federated.runs.exported import card_of
from wayfed.federated.runs.places import new_id
from wayfed.federated.runs.plain import failures_to_list, parties_to_dict, round_to_dict
from wayfed.federated.runs.results import TrainedModel
from wayfed.federated.runs.store import RunStore, as_texts
from wayfed.federated.runs.strategy_state import strategy_state
from wayfed.federated.runs.versions import versions
from wayfed_optimizer.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from flwr.serverapp.strategy import Strategy

    from wayfed.federated.runs.request import Request
    from wayfed.federated.runs.results import FederatedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """Writes down what comes of a run.

    Parameters
    ----------
    run
        The run's id.
    store
        Where runs are kept; None keeps none.
    request
        What was asked for; None where it cannot be said in plain values.
    directory
        Where checkpoints go; None writes none.
    """

    run: str = field(default_factory=new_id)
    store: RunStore | None = None
    request: Request | None = None
    directory: Path | None = None

    @property
    def checkpoint(self) -> Path | None:
        """Where this run's checkpoint is."""
        return None if self.directory is None else checkpoint_path(self.directory, self.run)

    def begin(self, run: FederatedRun, strategy: Strategy | None) -> None:
        """Write down that the run begins, or goes on; a ServerApp's has no strategy here."""
        self._save(run, strategy)
        if self.store is None:
            return
        request = self.request
        facts = {
            "description": run.description,
            "strategy": run.strategy,
            "runner": None if request is None else request.runner,
            "plan_hash": None if request is None else request.plan_hash,
            "checkpoint": None if self.checkpoint is None else str(self.checkpoint),
            "versions": dict(versions()),
            "request": None if request is None else request.to_dict(),
            "parties": parties_to_dict(run.parties),
            **_standing(run),
        }
        self.store.begin(self.run, as_texts(facts))

    def note_round(self, run: FederatedRun, strategy: Strategy) -> None:
        """Write down the round that has just ended."""
        self._save(run, strategy)
        if self.store is not None:
            self.store.note_round(
                self.run, round_to_dict(run.history[-1]), **as_texts(_standing(run))
            )

    def note_history(self, run: FederatedRun) -> None:
        """Write down all rounds of a run that somebody else has played."""
        if self.store is not None:
            for played in run.history:
                self.store.note_round(self.run, round_to_dict(played), **as_texts(_standing(run)))

    def end(self, run: FederatedRun) -> None:
        """Write down how the run ended."""
        if self.store is None:
            return
        model = run.model
        card = card_of(run, model) if isinstance(model, TrainedModel) else None
        facts = {"status": run.status, "card": card, **_standing(run)}
        self.store.finish(self.run, as_texts(facts), run.arrays)

    def _save(self, run: FederatedRun, strategy: Strategy | None) -> None:
        path, model = self.checkpoint, run.model
        if path is None or self.request is None or strategy is None:
            return
        if not isinstance(model, TrainedModel):
            return
        checkpoint = Checkpoint(
            run=self.run,
            request=self.request,
            weights=model.weights,
            strategy=strategy_state(strategy),
            features=model.features,
            classes=model.classes,
            parties=run.parties,
            history=run.history,
            failures=run.failures,
            versions=versions(),
            best=None if run.best is None else BestWeights(run.best.round, run.best.model.weights),
            privacy_spent=run.privacy_spent or {},
        )
        try:
            checkpoint.write(path)
        except OSError as error:
            raise SourceError(
                f"the checkpoint {path} cannot be written: {error.strerror}",
                hint="checkpoint='a/directory' names another place",
            ) from error


def _standing(run: FederatedRun) -> dict[str, Any]:
    return {
        "rounds": run.rounds,
        "done": len(run.history),
        "seconds": sum(each.seconds for each in run.history),
        "metrics": dict(run.metrics),
        "failures": failures_to_list(run.failures),
    }
