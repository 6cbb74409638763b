"""Costs are dp-accounting's, and noise is as much as a budget asks for."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from wayfed.federated.privacy.accounting import Gaussian, cost_of, epsilon_of, multiplier_for
from wayfed.federated.privacy.noise import gaussians, grid_of, noised, poisson_sample
from wayfed_optimizer.errors import InvalidOption

ALL_OF_10 = Gaussian(1.0, times=20)
TENTH_OF_1000 = Gaussian(1.0, times=20, sampling=0.1)


@pytest.mark.parametrize(
    ("release", "rdp", "pld"),
    [
        (ALL_OF_10, 30.13, 28.37),
        (TENTH_OF_1000, 4.22, 3.59),
        (Gaussian(8.0, times=20), 2.45, 2.26),
    ],
    ids=["all, multiplier 1", "a tenth, multiplier 1", "all, multiplier 8"],
)
def test_costs_are_the_reference_values(release: Gaussian, rdp: float, pld: float) -> None:
    assert epsilon_of((release,), 1e-5, accountant="rdp") == pytest.approx(rdp, abs=0.005)
    assert epsilon_of((release,), 1e-5) == pytest.approx(pld, abs=0.005)


def test_an_epsilon_of_two_over_twenty_rounds_needs_the_reference_multiplier() -> None:
    assert multiplier_for(2.0, 1e-5, times=20) == pytest.approx(8.92, abs=0.005)


@pytest.mark.parametrize("sampling", [1.0, 0.1])
@pytest.mark.parametrize("epsilon", [0.5, 4.0])
def test_a_multiplier_keeps_the_budget_and_wastes_little_of_it(
    epsilon: float, sampling: float
) -> None:
    counting = Gaussian(multiplier_for(epsilon / 10, 1e-6, times=1))

    multiplier = multiplier_for(epsilon, 1e-5, times=30, sampling=sampling, beside=(counting,))

    cost = cost_of((counting, Gaussian(multiplier, 30, sampling)), 1e-5)
    assert 0.98 * epsilon <= cost <= epsilon


@pytest.mark.parametrize(
    ("times", "sampling"), [(10**7, 0.01), (10**9, 1e-4), (10**9, 0.5), (10**18, 1.0)]
)
def test_very_many_releases_are_accounted_at_once(times: int, sampling: float) -> None:
    beside = (Gaussian(13.0),)

    multiplier = multiplier_for(2.0, 1e-5, times=times, sampling=sampling, beside=beside)

    cost = cost_of((Gaussian(multiplier, times, sampling), *beside), 1e-5)
    assert 1.5 < cost <= 2.0


def test_more_releases_than_can_be_added_up_are_refused() -> None:
    with pytest.raises(InvalidOption, match="more than 1,000,000,000 steps of samples"):
        multiplier_for(2.0, 1e-5, times=10**9 + 1, sampling=0.01)


def test_noise_has_the_deviation_that_was_paid_for() -> None:
    told = noised({"w": np.zeros(40_000)}, sensitivity=0.5, multiplier=3.0)["w"]

    assert told.std() == pytest.approx(1.5, rel=0.03)
    assert abs(told.mean()) < 0.05
    assert abs(gaussians(40_001)).max() < 8.6


def test_what_is_told_lies_on_a_grid_whatever_the_rows_were() -> None:
    step, deviation = grid_of(sensitivity=1.0, multiplier=2.0, size=1)

    told = [
        noised({"w": np.array([value])}, sensitivity=1.0, multiplier=2.0)["w"][0]
        for value in (0.0, 1 / 3, np.pi, -1e-9, 1e6 + 0.1)
    ]

    assert all(float(value / step).is_integer() for value in told)
    assert 2**20 <= deviation < 2**22
    assert np.log2(step).is_integer()


def test_rounding_to_the_grid_is_part_of_the_sensitivity() -> None:
    step, deviation = grid_of(sensitivity=1.0, multiplier=1.0, size=1_000_000)

    assert deviation * step >= 1.0 + 1000 * step


def test_noise_is_never_the_same_twice() -> None:
    np.random.seed(1)
    first = gaussians(10)
    np.random.seed(1)

    assert not np.array_equal(first, gaussians(10))


def test_each_row_is_drawn_for_itself() -> None:
    drawn = [len(poisson_sample(1000, 0.1)) for _ in range(200)]

    assert np.mean(drawn) == pytest.approx(100, abs=5)
    assert np.std(drawn) == pytest.approx(np.sqrt(90), rel=0.3)
    assert poisson_sample(3, 1.0).tolist() == [0, 1, 2]
    assert len(poisson_sample(0, 0.5)) == 0


@pytest.mark.parametrize("delta", [1e-9, 1e-5, 1e-3])
@pytest.mark.parametrize("multiplier", [0.3, 1.0, 9.0, 200.0])
def test_the_exact_cost_of_what_is_not_sampled_is_dp_accountings(
    multiplier: float, delta: float
) -> None:
    from dp_accounting.pld import privacy_loss_mechanism

    epsilon = cost_of((Gaussian(multiplier, times=4), Gaussian(3 * multiplier)), delta)

    together = (4 / multiplier**2 + 1 / (3 * multiplier) ** 2) ** -0.5
    reference = privacy_loss_mechanism.GaussianPrivacyLoss(together)
    assert reference.get_delta_for_epsilon(epsilon) == pytest.approx(delta, rel=1e-5)


def test_what_is_not_sampled_is_accounted_without_a_long_import() -> None:
    program = (
        "import sys\n"
        "from wayfed.federated.privacy.accounting import Gaussian, cost_of, multiplier_for\n"
        "cost_of((Gaussian(multiplier_for(1.0, 1e-5, times=10), 10),), 1e-5)\n"
        "assert 'scipy' not in sys.modules, 'scipy takes seconds'\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
