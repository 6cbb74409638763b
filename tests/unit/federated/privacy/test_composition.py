"""What several runs cost together: as dp-accounting says, and never less."""

from __future__ import annotations

import math

import pytest

from wayfed.federated.privacy.accounting import Gaussian, multiplier_for
from wayfed.federated.privacy.charges import Budget, Charge
from wayfed.federated.privacy.composition import ORDERS, Sides, composed

RUNS: dict[str, list[Sides]] = {
    "whole": [((Gaussian(30.0), Gaussian(12.0, times=20)),)] * 5,
    "sampled": [((Gaussian(40.0), Gaussian(1.1, times=500, sampling=0.01)),)] * 4,
    "mixed": [
        ((Gaussian(25.0, times=10),),),
        ((Gaussian(0.8, times=50, sampling=0.002), Gaussian(60.0)),),
        ((Gaussian(4.0),),),
    ],
    "much": [((Gaussian(0.5, times=3),),)] * 2,
}


def by_dp_accounting(runs: list[Sides], delta: float, orders: tuple[int, ...] | None) -> float:
    """Compose all events of runs with one side each, at one delta."""
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent, rdp

    accountant = rdp.RdpAccountant(orders=orders)
    for (side,) in runs:
        for each in side:
            event = GaussianDpEvent(each.multiplier)
            if each.sampling < 1:
                event = PoissonSampledDpEvent(each.sampling, event)
            accountant.compose(SelfComposedDpEvent(event, each.times))
    return float(accountant.get_epsilon(delta))


@pytest.mark.parametrize("runs", RUNS.values(), ids=RUNS)
def test_the_composition_is_that_of_dp_accounting_with_a_share_of_the_delta_for_each_order(
    runs: list[Sides],
) -> None:
    expected = by_dp_accounting(runs, 1e-5 / len(ORDERS), ORDERS)

    assert composed(runs, 1e-5) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("runs", RUNS.values(), ids=RUNS)
def test_it_is_never_less_than_the_best_order_says_and_little_more(runs: list[Sides]) -> None:
    best = by_dp_accounting(runs, 1e-5, None)

    assert best <= composed(runs, 1e-5) <= 1.3 * best


def test_a_row_that_is_learned_from_is_not_measured_on() -> None:
    learned, measured = (Gaussian(10.0, times=20),), (Gaussian(9.0, times=5),)

    assert composed([(learned, measured)], 1e-5) == composed([(learned,)], 1e-5)
    assert composed([(learned + measured,)], 1e-5) > composed([(learned,)], 1e-5)


def charge(epsilon: float, delta: float = 1e-6, *, known: bool = True) -> Charge:
    """Charge for one Gaussian mechanism that costs so much."""
    sides = ((Gaussian(multiplier_for(epsilon, delta, times=1)),),) if known else ()
    return Charge("tx", "example", epsilon, delta, sides=sides)


def test_many_runs_are_paid_for_that_do_not_add_up() -> None:
    budget = Budget(epsilon=4.0, delta=1e-5)

    paid = next(n for n in range(1, 100) if not budget.has([charge(1.0)] * (n + 1)))

    assert budget.has([charge(1.0, known=False)] * 4)
    assert not budget.has([charge(1.0, known=False)] * 5)
    assert 4 < paid < 16  # the root of 16 is 4: nothing composes to less than the root's sum


def test_what_the_sum_allows_is_paid_for_whatever_composition_says() -> None:
    budget = Budget(epsilon=2.0, delta=1e-6)
    whole, halves = [charge(2.0)], [charge(1.9, 5e-7), charge(0.1, 5e-7)]

    assert budget.composed(whole) > 2.0
    assert budget.composed(halves) > 2.0
    assert budget.has(whole)
    assert budget.has(halves)


def test_charges_of_which_only_the_sum_is_known_are_added_to_the_composition() -> None:
    budget = Budget(epsilon=10.0, delta=1e-4)
    known, unknown = [charge(1.0)] * 3, [charge(2.0, known=False)]

    assert budget.composed(known + unknown) == pytest.approx(2.0 + budget.composed(known))
    assert budget.composed([charge(0.1, 1e-3, known=False)]) == math.inf
    assert budget.composed([]) == 0.0
