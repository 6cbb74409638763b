"""The strategy of models that are made of sums: what the parties tell is added, and then fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from flwr.serverapp.strategy import FedAvg

from wayfed.federated.models.statistics import StatisticsModel
from wayfed.federated.wire import record_of, weights_of
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
    from flwr.serverapp import Grid
    from flwr.serverapp.strategy import Strategy
    from numpy.typing import NDArray

    from wayfed.federated.models.adapter import Model


class PooledSums(FedAvg):  # type: ignore[misc]  # Flower is untyped here
    """FedAvg for a model of sums: the sums of all parties, in the order of their names.

    Parameters
    ----------
    model
        Makes weights of sums.
    """

    def __init__(self, model: StatisticsModel) -> None:
        super().__init__(min_train_nodes=1, min_evaluate_nodes=1, min_available_nodes=1)
        self._model = model
        self._about: dict[str, NDArray[Any]] = {}

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Ask everybody, and remember about which weights."""
        self._about = weights_of(arrays)
        messages: Iterable[Message] = super().configure_train(server_round, arrays, config, grid)
        return messages

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Add up what was told, and fit the model to it."""
        sums = {name: np.zeros(value.shape) for name, value in self._about.items()}
        for reply in replies:
            (record,) = reply.content.array_records.values()
            for name, value in weights_of(record).items():
                sums[name] += value
        return record_of(dict(self._model.fitted(self._about, sums))), None


def strategy_of(model: Model, strategy: Strategy) -> Strategy:
    """Return the strategy that a model is trained by: a model of sums has its own."""
    return PooledSums(model) if isinstance(model, StatisticsModel) else strategy


def check_pooled(model: Model, told: str, strategy: Strategy, *, private: bool) -> None:
    """Raise InvalidOption where a strategy makes nothing of what a model tells.

    Sums are added by FedAvg only, of all parties, and without noise; a model without a proximal
    term is not trained by FedProx.

    Parameters
    ----------
    model, told
        The model, and the same in words.
    strategy
        What was asked for.
    private
        Whether updates are blurred.
    """
    if getattr(strategy, "proximal_mu", 0.0) and not getattr(model, "takes_proximal", True):
        raise InvalidOption(
            f"{told} has no proximal term, which fedprox needs",
            hint="wf.models.logistic_regression() and wf.models.mlp() have one; or fedavg",
        )
    if not isinstance(model, StatisticsModel):
        return
    sums = f"{told} is fitted to sums over all parties' rows"
    if private:
        raise InvalidOption(
            f"{sums}, which privacy= has no noise for",
            hint="wf.models.logistic_regression(), linear_regression() or mlp()",
        )
    if type(strategy).__name__ != "FedAvg":
        raise InvalidOption(
            f"{sums}, of which {type(strategy).__name__} makes nothing", hint="strategy='fedavg'"
        )
    if getattr(strategy, "fraction_train", 1.0) < 1.0:
        raise InvalidOption(f"{sums}; fraction_train leaves some out", hint="fraction_train=1.0")
