"""Runs that were kept: a list to look at, and each of them as the object it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed.display import Listing
from wayfed.federated.runs.store import RunInfo, model_arrays

if TYPE_CHECKING:
    from wayfed.federated.runs.results import FederatedRun
    from wayfed.federated.runs.store import RunStore


class Runs(Listing[RunInfo]):
    """The runs of a store, the newest first.

    Parameters
    ----------
    store
        Where they are kept.
    """

    def __init__(self, store: RunStore) -> None:
        super().__init__("run", store.runs())
        self._store = store

    def open(self, run: str) -> FederatedRun:
        """Return a run with its history and its model, as it was when it was last written.

        Raises
        ------
        InvalidOption
            There is no run of that id.
        """
        return open_run(self._store, run)


def open_run(store: RunStore, run: str) -> FederatedRun:
    """Return a run that a store holds."""
    from wayfed.federated.runs.plain import failures_from_list, parties_from_dict, round_from_dict
    from wayfed.federated.runs.results import ClientModel, FederatedRun, TrainedModel

    facts, rounds = store.record(run)
    weights = model_arrays(facts["model"])
    card = facts["card"]
    history = [
        round_from_dict({name: value for name, value in each.items() if name != "run"})
        for each in rounds
    ]
    return FederatedRun(
        id=facts["id"],
        description=facts["description"],
        strategy=facts["strategy"],
        rounds=facts["rounds"],
        model=ClientModel(weights) if card is None else TrainedModel.from_dict(card, weights),
        parties=parties_from_dict(facts["parties"]),
        history=history,
        failures=failures_from_list(facts["failures"]),
        status=facts["status"],
        restored=None if card is None or card["round"] == len(history) else card["round"],
    )
