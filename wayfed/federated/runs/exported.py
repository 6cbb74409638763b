"""A model on its own: its arrays as ``.npz``, and a card of JSON that says what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wayfed.federated.runs.versions import versions

if TYPE_CHECKING:
    from wayfed.federated.runs.results import FederatedRun, TrainedModel

MODEL: Final = "model.npz"
CARD: Final = "card.json"


def card_of(run: FederatedRun, model: TrainedModel) -> dict[str, Any]:
    """Say what a run's model is, and where it comes from, as plain values."""
    return {
        **model.to_dict(),
        "run": run.id,
        "strategy": run.strategy,
        "rounds": len(run.history),
        "parties": [name for name in run.parties if name not in run.left_out],
        "metrics": dict(run.metrics),
        "versions": dict(versions()),
    }
