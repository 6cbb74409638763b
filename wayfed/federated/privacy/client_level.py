"""Privacy of whole parties: updates cut to one length, summed alike, blurred at the coordinator."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from flwr.serverapp.strategy import FedAvg

from wayfed.federated.privacy.accounting import multiplier_for
from wayfed.federated.privacy.noise import noised
from wayfed.federated.wire import record_of, weights_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
    from flwr.serverapp import Grid
    from numpy.typing import NDArray

    from wayfed.federated.privacy.dp import DifferentialPrivacy


def cut_update(
    start: Mapping[str, NDArray[Any]], end: Mapping[str, NDArray[Any]], clip: float
) -> dict[str, NDArray[Any]]:
    """Go from `start` towards `end`, at most `clip` far in L2; not at all where `end` is nowhere.

    Examples
    --------
    >>> cut_update({"w": np.zeros(2)}, {"w": np.array([3.0, 4.0])}, clip=1.0)
    {'w': array([0.6, 0.8])}
    >>> cut_update({"w": np.zeros(2)}, {"w": np.zeros(2)}, clip=1.0)
    {'w': array([0., 0.])}
    """
    return {name: value + start[name] for name, value in _cut(start, end, clip).items()}


def noisy_average(privacy: DifferentialPrivacy, rounds: int) -> NoisyAverage:
    """Return the strategy that keeps so many rounds within a budget."""
    multiplier = multiplier_for(privacy.epsilon, privacy.delta, times=rounds)
    return NoisyAverage(clip=privacy.clip, multiplier=multiplier)


class NoisyAverage(FedAvg):  # type: ignore[misc]  # Flower is untyped here
    """FedAvg with privacy of parties: equal weights, a fixed divisor, noise for one party's clip.

    After McMahan et al., Learning differentially private recurrent language models, ICLR 2018. How
    many rows a party has does not weigh: the sensitivity of a weighted mean is the largest weight
    times the clip, and who may choose her weight may choose that. Who does not answer counts as
    no change, so that the divisor tells nothing.

    Parameters
    ----------
    clip
        What each party's update is cut to, at the party and here again.
    multiplier
        The noise's standard deviation over the clip.
    """

    def __init__(self, *, clip: float, multiplier: float) -> None:
        super().__init__(min_train_nodes=1, min_evaluate_nodes=1, min_available_nodes=1)
        self._clip = clip
        self._multiplier = multiplier
        self._start: dict[str, NDArray[Any]] = {}
        self._asked = 0

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Ask everybody, and remember from where."""
        messages = list(super().configure_train(server_round, arrays, config, grid))
        self._start, self._asked = weights_of(arrays), len(messages)
        return messages

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Take the noisy mean of the cut updates."""
        sums = {name: np.zeros(value.shape) for name, value in self._start.items()}
        for reply in replies:
            (record,) = reply.content.array_records.values()
            for name, change in _cut(self._start, weights_of(record), self._clip).items():
                sums[name] += change
        noisy = noised(sums, sensitivity=self._clip, multiplier=self._multiplier)
        mean = {
            name: (start + noisy[name] / self._asked).astype(start.dtype)
            for name, start in self._start.items()
        }
        return record_of(mean), None


def _cut(
    start: Mapping[str, NDArray[Any]], end: Mapping[str, NDArray[Any]], clip: float
) -> dict[str, NDArray[np.float64]]:
    with np.errstate(over="ignore", invalid="ignore"):
        changes = {name: end[name].astype(np.float64) - start[name] for name in start}
        norm = math.sqrt(sum(float(np.square(change).sum()) for change in changes.values()))
    if not math.isfinite(norm):
        return {name: np.zeros(change.shape) for name, change in changes.items()}
    factor = clip / max(norm, clip)
    return {name: change * factor for name, change in changes.items()}
