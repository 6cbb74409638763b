"""Attacks that work without privacy, and what is left of them with it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from flwr.app import ConfigRecord, Message, MetricRecord, RecordDict

import wayfed as wf
from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.parties.party import Party
from wayfed.federated.privacy.accounting import Gaussian, epsilon_of
from wayfed.federated.privacy.client_level import NoisyAverage
from wayfed.federated.run import run_federated
from wayfed.federated.wire import flower_process, record_of, weights_of

SIZE = 40_000


def heavy_party(name: str, *, examples: int, change: float) -> Party:
    """Make a party that adds `change` to one weight, and says how many examples it has."""

    def answer(message: Message, context: object) -> Message:
        (record,) = message.content.array_records.values()
        weights = {key: value.copy() for key, value in weights_of(record).items()}
        weights["w"][0] += change
        told = {"update": record_of(weights), "training": MetricRecord({"num-examples": examples})}
        return Message(RecordDict(told), reply_to=message)

    return Party(name, answer, lambda: Arrays.from_table(pa.table({"x": [0.0]})))


def moved_by_the_heavy_party(change: float) -> tuple[float, float]:
    """Return where one round of ten parties has moved the first weight, and the others' noise."""
    strategy = NoisyAverage(clip=1.0, multiplier=1.0)
    light = [heavy_party(f"light{n}", examples=1, change=0.0) for n in range(9)]
    with flower_process():
        grid = LocalGrid([heavy_party("heavy", examples=9_991, change=change), *light])
        start = record_of({"w": np.zeros(SIZE)})
        messages = strategy.configure_train(1, start, ConfigRecord(), grid)
        combined, _ = strategy.aggregate_train(1, grid.send_and_receive(messages))
    assert combined is not None
    weights = weights_of(combined)["w"]
    return float(weights[0]), float(weights[1:].std())


def test_who_says_to_have_9991_of_10000_examples_moves_the_mean_by_a_tenth_of_the_clip() -> None:
    places = [moved_by_the_heavy_party(change=5.0)[0] for _ in range(40)]
    _, noise = moved_by_the_heavy_party(change=0.0)

    # The clip over ten parties is 0.1, and so is the noise: a multiplier of 1, as was paid for.
    # Weighted by examples it would be 1. What is asserted is off by six standard deviations or
    # more: noise is drawn anew each time.
    assert noise == pytest.approx(0.1, rel=0.05)
    assert np.mean(places) == pytest.approx(0.1, abs=0.1)
    assert epsilon_of((Gaussian(0.1 / noise, times=20),), 1e-5) == pytest.approx(28.4, abs=2.0)


MEMBER = {"x": [3.0], "y": [True]}
OTHERS = {"x": [-1.0, -0.5, 0.5, 1.0, -2.0, 2.0], "y": [False, False, True, True, True, False]}
TRIALS = 150


def trained(*, with_member: bool, **options: object) -> float:
    columns = {k: [*OTHERS[k], *(MEMBER[k] if with_member else [])] for k in OTHERS}
    run = run_federated(
        {"bank": Arrays.from_table(pa.table(columns))},
        label="y",
        model=models.logistic_regression(learning_rate=1.0, local_epochs=5),
        rounds=2,
        classes=[False, True],
        test=None,
        **options,  # type: ignore[arg-type]
    )
    return float(run.arrays["coefficients"][0])


def right_guesses(trials: int, **options: object) -> float:
    """Return how often an attacker is right who knows all other rows, and guesses by the weight."""
    within = np.array([trained(with_member=True, **options) for _ in range(trials)])
    without = np.array([trained(with_member=False, **options) for _ in range(trials)])
    edge = (np.median(within) + np.median(without)) / 2
    right = np.mean(within > edge), np.mean(without <= edge)
    return float(np.mean(right))


def test_membership_is_seen_without_privacy_and_a_guess_with_it() -> None:
    private = wf.dp(epsilon=0.3, delta=1e-6, clip=1.0)

    # Without noise, each trial would be the first one again.
    openly, privately = right_guesses(1), right_guesses(TRIALS, privacy=private)

    # With epsilon 0.3 nobody is right more often than e^0.3 / (1 + e^0.3) = 0.574 in the long run;
    # of 300 guesses, 0.7 is more than four standard deviations away.
    assert openly == 1.0
    assert 0.3 < privately < 0.7
