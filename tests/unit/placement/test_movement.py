"""Routes are kept from one plan to the next, and nothing of a context with them."""

from __future__ import annotations

import gc
from weakref import ref

import pytest

from tests.unit.placement.synthetic import PaperPlatform
from wayfed_flink.connector import FlinkConnector
from wayfed_optimizer.placement.movement import Movement, _found_before
from wayfed_optimizer.platform import ARROW_STREAM, Channel, Conversion


class Writing(PaperPlatform):
    """A platform whose conversions are functions of its own, made each time, as some are."""

    @property
    def conversions(self) -> tuple[Conversion, ...]:
        def write(rows: object, run: object) -> object:
            return self

        return (Conversion(ARROW_STREAM, Channel("file"), 1e-3, 1e-9, convert=write),)


@pytest.fixture(autouse=True)
def _nothing_is_known_before():
    _found_before.cache_clear()


def _way(platform):
    return Movement([platform]).cheapest((ARROW_STREAM,), (Channel("file"),), 100)


def test_routes_are_looked_for_once_and_lead_through_each_context_s_own_functions():
    for platform in (Writing("a"), Writing("a")):
        for _ in range(3):
            (step,) = _way(platform).conversions
            assert step.convert(None, None) is platform
    told = _found_before.cache_info()
    assert (told.hits, told.misses) == (5, 1)


@pytest.mark.parametrize("make", [lambda: Writing("a"), lambda: FlinkConnector().platform({})])
def test_platforms_that_were_closed_are_forgotten(make):
    platform = make()
    for channel in platform.accepts:
        Movement([platform]).cheapest((ARROW_STREAM,), (channel,), 100)
    _way(platform)
    gone = ref(platform)
    if hasattr(platform, "close"):
        platform.close()
    del platform
    gc.collect()
    assert gone() is None


def test_the_functions_of_flink_s_conversions_stay_the_same():
    platform = FlinkConnector().platform({})
    assert platform.conversions == platform.conversions
