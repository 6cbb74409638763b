"""Secure aggregation: the sum is read, and no update."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flwr.app import Message, RecordDict
from hypothesis import given
from hypothesis import strategies as st

from wayfed import models
from wayfed.federated.features.recipe import Recipe
from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.parties.learning import learning_party
from wayfed.federated.parties.question import Question
from wayfed.federated.privacy.dp import dp
from wayfed.federated.privacy.masking.masks import FRACTION_BITS, decode, encode, mask
from wayfed.federated.privacy.masking.messages import MASKED, REVEAL, SUM
from wayfed.federated.privacy.masking.party import MOST_SHARES, Masking
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.run import run_federated
from wayfed.federated.wire import flower_process, question
from wayfed_optimizer.errors import InvalidOption, PartyError, PolicyViolation

MODEL = models.logistic_regression(learning_rate=0.3, local_epochs=3)


def train(parties: Any, **options: Any) -> Any:
    asked = {"label": "late", "features": ["a", "b", "c"], "model": MODEL, "rounds": 3, **options}
    return run_federated(parties, **asked)


class Lossy(LocalGrid):
    """A grid that loses the messages of one kind to one party."""

    def __init__(self, grid: LocalGrid, party: str, stage: str) -> None:
        super().__init__(grid.seated)
        self._party, self._stage = party, stage

    def send_and_receive(self, messages: Any, *, timeout: float | None = None) -> list[Message]:
        sent = [
            message
            for message in messages
            if (self.parties[message.metadata.dst_node_id], message.metadata.message_type)
            != (self._party, self._stage)
        ]
        return super().send_and_receive(sent, timeout=timeout)


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets a grid lose the messages of one kind to one party."""

    def lose(party: str, stage: str) -> None:
        from wayfed.federated.participants import GivenArrays

        made = GivenArrays.grid
        monkeypatch.setattr(GivenArrays, "grid", lambda *a, **o: Lossy(made(*a, **o), party, stage))

    return lose


@given(st.lists(st.floats(-1e4, 1e4), min_size=3, max_size=3), st.integers(1, 1000))
def test_a_sum_is_exact_to_its_quantisation(values: list[float], weight: int) -> None:
    like = {"w": np.zeros(1)}
    total = sum(encode({"w": np.array([v])}, weight, parties=3) for v in values)
    mean = decode(np.asarray(total), like, 3 * weight)["w"][0]
    assert abs(mean - np.mean(values)) <= 2.0 ** -(FRACTION_BITS + 1) / weight + 1e-11


def test_a_mask_is_the_same_for_who_has_the_secret_and_another_for_who_has_not() -> None:
    assert np.array_equal(mask(b"s" * 32, 1000), mask(b"s" * 32, 1000))
    assert not np.intersect1d(mask(b"s" * 32, 1000), mask(b"t" * 32, 1000)).size
    bits = np.unpackbits(mask(b"s" * 32, 10_000).view(np.uint8)).mean()
    assert abs(bits - 0.5) < 0.01


def test_the_model_is_that_of_open_updates_but_for_rounding(unequal_parties: Any) -> None:
    openly, secretly = (train(unequal_parties, secure_aggregation=secret) for secret in (0, 1))
    for name, weights in openly.model.weights.items():
        np.testing.assert_allclose(secretly.model.weights[name], weights, atol=1e-6, rtol=0)
    assert secretly.metrics == pytest.approx(openly.metrics, abs=1e-6)


def test_no_update_leaves_a_party_but_under_a_mask(unequal_parties: Any) -> None:
    left: list[Any] = []
    train(unequal_parties, secure_aggregation=True, rounds=1, record=left.append)
    kinds = {release.kind for release in left}
    assert ReleaseKind.UPDATE not in kinds
    masked = [each.content[SUM] for each in left if each.kind is ReleaseKind.MASKED]
    assert len(masked) == 3
    # Of 64 bits each, all are taken by the mask: an update alone would leave the upper ones alike.
    assert all(np.unique(vector >> np.uint64(40)).size == vector.size for vector in masked)
    assert len({vector.tobytes() for vector in masked}) == 3


def test_masks_are_others_in_each_run_though_the_seed_is_one(unequal_parties: Any) -> None:
    seen: list[bytes] = []

    def note(release: Any) -> None:
        if release.kind is ReleaseKind.MASKED:
            seen.append(release.content[SUM].tobytes())

    for _ in range(2):
        train(unequal_parties, secure_aggregation=True, rounds=1, seed=7, record=note)
    assert len(set(seen)) == 6


@pytest.mark.parametrize("stage", [
    "query.masking_keys", "query.masking_shares", MASKED, REVEAL
])  # fmt: skip
def test_a_party_that_goes_is_left_out_of_the_sum(
    unequal_parties: Any, losing: Any, stage: str
) -> None:
    losing("birch", stage)
    run = train(unequal_parties, secure_aggregation=True, rounds=1, test=None)
    # What it shared before it went is in the sum; of who gave an update, all is.
    counted = {"ash", "cedar"} | ({"birch"} if stage == REVEAL else set())
    assert set(run.history[0].weights) == counted
    expected = train(
        {name: unequal_parties[name] for name in counted}, rounds=1, test=None
    ).model.weights
    for name, weights in expected.items():
        np.testing.assert_allclose(run.model.weights[name], weights, atol=1e-6, rtol=0)


def test_too_few_parties_are_a_failure_that_names_who_went(
    unequal_parties: Any, losing: Any
) -> None:
    losing("birch", MASKED)
    with pytest.raises(PartyError, match=r"2 parties gave an update, and .* takes 3.*\n.*'birch'"):
        train(unequal_parties, secure_aggregation=True, quorum=3)


def test_two_parties_are_refused(unequal_parties: Any) -> None:
    two = {name: unequal_parties[name] for name in ("ash", "birch")}
    with pytest.raises(InvalidOption, match="takes 3 parties, and here are 2"):
        train(two, secure_aggregation=True)


def test_what_cannot_be_summed_is_said_by_the_party() -> None:
    with pytest.raises(PartyError, match="NaN or infinity"):
        encode({"w": np.array([np.nan])}, 1.0, 3)
    with pytest.raises(PartyError, match="too large to be summed"):
        encode({"w": np.array([1e9])}, 1e6, 3)


def agreed(nodes: tuple[int, ...] = (1, 2, 3)) -> dict[int, Masking]:
    """Parties that have masked an update."""
    parties = {node: Masking(node) for node in nodes}
    keys = {node: list(each.keys(3, 3, 2).values()) for node, each in parties.items()}
    shares = {node: each.shares(keys) for node, each in parties.items()}
    for node, each in parties.items():
        told = {other: shares[other][node] for other in nodes if other != node}
        each.mask({"w": np.ones(2)}, 1.0, told)
    return parties


@pytest.mark.parametrize(
    ("active", "lost"),
    [([1, 2, 3], [2]), ([1], []), ([2, 3], [1]), ([1, 2, 4], [])],
    ids=["both shares of one", "too few", "without oneself", "a stranger"],
)
def test_a_party_uncovers_nothing_but_a_sum(active: list[int], lost: list[int]) -> None:
    with pytest.raises(PolicyViolation, match="more than a sum"):
        agreed()[1].reveal(active, lost)


def test_a_party_uncovers_once() -> None:
    party = agreed()[1]
    party.reveal([1, 2], [3])
    with pytest.raises(PolicyViolation, match="once and in their order"):
        party.reveal([1, 3], [2])


@pytest.mark.parametrize(
    ("parties", "shares", "threshold"), [(3, 3, 1), (2, 2, 2), (9, 4, 2), (99, 33, 17)]
)
def test_a_party_hides_among_enough(parties: int, shares: int, threshold: int) -> None:
    with pytest.raises(PolicyViolation, match="could read an update"):
        Masking(1).keys(parties, shares, threshold)


def test_a_share_that_was_altered_is_refused() -> None:
    parties = {node: Masking(node) for node in (1, 2, 3)}
    keys = {node: list(each.keys(3, 3, 2).values()) for node, each in parties.items()}
    shares = {node: each.shares(keys) for node, each in parties.items()}
    with pytest.raises(PolicyViolation, match="altered"):
        parties[1].mask({"w": np.ones(2)}, 1.0, {2: shares[2][3], 3: shares[3][1]})


def test_it_goes_with_privacy_of_rows(unequal_parties: Any) -> None:
    left: list[Any] = []
    run = train(
        unequal_parties,
        secure_aggregation=True,
        privacy=dp(epsilon=50.0, delta=1e-5, clip=1.0),
        classes=[False, True],
        test=None,
        record=left.append,
    )
    assert run.privacy_spent.keys() == unequal_parties.keys()
    assert ReleaseKind.UPDATE not in {release.kind for release in left}
    assert len(run.history) == 3


def test_many_parties_share_with_some_of_the_others_only(unequal_parties: Any) -> None:
    rows = unequal_parties["cedar"]
    many = {f"p{place:02}": rows for place in range(MOST_SHARES + 2)}
    openly, secretly = (
        train(many, rounds=1, test=None, secure_aggregation=secret) for secret in (0, 1)
    )
    for name, weights in openly.model.weights.items():
        np.testing.assert_allclose(secretly.model.weights[name], weights, atol=1e-6, rtol=0)


def test_a_run_of_masked_updates_gets_none_without_a_mask(unequal_parties: Any) -> None:
    party = learning_party("ash", unequal_parties["ash"])
    grid = LocalGrid([party])
    asked = Question(
        label="late",
        features=("a",),
        sample_weight=None,
        split=None,
        model=MODEL,
        recipe=Recipe(),
        classes=None,
        seed=0,
        secure_aggregation=True,
    )
    with flower_process():
        (node,) = grid.parties
        grid.send_and_receive([Message(question(asked.to_dict()), node, "query.bind")])
        (reply,) = grid.send_and_receive([Message(RecordDict(), node, "train")])
    assert "leave it masked" in reply.error.reason
