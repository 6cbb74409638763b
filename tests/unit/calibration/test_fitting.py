"""Fitting: rates from what fragments took."""

from __future__ import annotations

import random

import pytest

from wayfed.calibration import Observation, fit
from wayfed_optimizer.cost import FLOORS, CostProfile

TRUE = {"read": 2e-8, "aggregate": 5e-8, "group": 2e-7, "out_byte": 1e-9, "fragment": 2e-3}
ASSUMED = CostProfile(
    per_fragment=1e-3,
    rates={"read": 1e-8, "aggregate": 1e-7, "group": 1e-7},
    per_byte_out=5e-10,
)


def _seen(count: int, *, noise: float = 0.05) -> list[Observation]:
    random_ = random.Random(1)
    seen = []
    for _ in range(count):
        rows = 10 ** random_.uniform(4, 6)
        grouped = rows * random_.choice([0, 1])
        work = {
            "fragment": 1.0,
            "read": rows,
            "aggregate": grouped,
            "group": grouped * random_.choice([0.001, 0.5]),
            "out_byte": rows * random_.choice([0.1, 16]),
        }
        seconds = sum(TRUE[name] * amount for name, amount in work.items())
        seen.append(Observation(work, seconds * random_.uniform(1 - noise, 1 + noise)))
    return seen


def test_what_is_fitted_predicts_fragments_that_were_not_seen():
    seen = _seen(60)
    fitted = ASSUMED.measured(fit(seen[:30], ASSUMED))

    assert max(each.error(ASSUMED) for each in seen[30:]) > 1.5
    assert max(each.error(fitted) for each in seen[30:]) < 1.3


def test_fragments_that_something_else_slowed_do_not_spoil_the_rates():
    seen = _seen(60)
    slowed = [Observation(e.work, e.seconds * 40) if n % 10 == 0 else e for n, e in enumerate(seen)]

    fitted = ASSUMED.measured(fit(slowed, ASSUMED))

    errors = sorted(each.error(fitted) for each in seen)
    assert errors[len(errors) // 2] < 1.5


def test_no_rate_gets_below_what_no_machine_does():
    seen = [Observation({"read": 1e6, "read_byte": 1e8}, 1e-7) for _ in range(20)]

    rates = fit(seen, CostProfile())

    assert rates["read"] >= FLOORS["read"]
    assert rates["read_byte"] >= FLOORS["read_byte"]


@pytest.mark.parametrize("count", [1, 50])
def test_one_refinement_changes_no_rate_by_more_than_it_may(count: int):
    seen = [Observation({"read": 1e6}, 10.0)] * count

    rate = fit(seen, CostProfile(rates={"read": 1e-8}), most=2.0)["read"]

    assert rate <= 2e-8


def test_nothing_seen_changes_nothing():
    assert fit([], ASSUMED) == {}


def test_the_same_fragments_give_the_same_rates():
    assert fit(_seen(30), ASSUMED) == fit(_seen(30), ASSUMED)


def test_work_that_only_other_platforms_do_gets_no_rate():
    seen = [Observation({"build": 1e5, "index": 1e11}, 1.0)] * 30
    assumed = CostProfile(rates={"build": 1e-6})

    assert fit(seen, assumed).keys() == {"build"}
    assert assumed.measured({"build": 2e-6, "index": 1e-12}).rate("index") == 0.0
