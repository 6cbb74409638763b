"""What is held at once costs more where there is no room for it, and may run elsewhere then."""

from __future__ import annotations

import pytest

from tests.unit.placement.synthetic import PaperPlatform, environment, read
from wayfed_optimizer.cost import CostProfile, held_bytes, spilling_seconds
from wayfed_optimizer.expressions import Named, SortKey, call, column
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Join,
    JoinKind,
    Limit,
    SetKind,
    SetOperation,
    Sort,
)
from wayfed_optimizer.stages import plan

ROWS = 1_000_000
BYTES = 16 * ROWS


@pytest.fixture
def tables():
    return environment([PaperPlatform("p")], {"a": ("p", ROWS), "b": ("p", ROWS)})


def joined(env, kind=JoinKind.INNER):
    return Join(read(env, "a"), read(env, "b"), kind, on=(("a_id", "b_id"),))


def sorted_by_id(env):
    a = read(env, "a")
    return Sort(a, (SortKey(column(a.schema, "a_id")),))


def test_a_join_holds_its_smaller_side(tables):
    assert held_bytes(joined(tables), (100.0, 40.0), 500.0) == 60.0


def test_a_semi_join_holds_the_side_that_it_looks_into(tables):
    assert held_bytes(joined(tables, JoinKind.SEMI), (10.0, 40.0), 10.0) == 60.0


def test_a_union_that_keeps_duplicates_holds_nothing(tables):
    a = read(tables, "a")
    assert held_bytes(SetOperation(SetKind.UNION, a, a, all=True), (10.0, 10.0), 20.0) == 0.0
    assert held_bytes(SetOperation(SetKind.UNION, a, a), (10.0, 10.0), 20.0) == 30.0


def test_an_aggregate_holds_its_groups_and_all_values_that_it_collects(tables):
    a = read(tables, "a")
    keys, number = (Named("k", column(a.schema, "a_x")),), column(a.schema, "a_id")
    added = Aggregate(a, keys, (Named("s", call("sum", number)),))
    collected = Aggregate(a, keys, (Named("m", call("median", number)),))
    assert held_bytes(added, (100.0,), 20.0) == 30.0
    assert held_bytes(collected, (100.0,), 20.0) == 150.0


def test_what_goes_to_disk_is_work_that_can_be_measured():
    small = PaperPlatform("p", CostProfile(memory=BYTES, per_byte_spilled=1e-8))
    env = environment([small], {"a": ("p", ROWS), "b": ("p", ROWS)})
    assert env.costs_of("p").rate("spill") == 1e-8
    assert env.costs_of("p").measured({"spill": 3e-8}).per_byte_spilled == 3e-8
    (fragment,) = plan(sorted_by_id(env), env).physical.fragments
    assert fragment.work["spill"] == pytest.approx(2 * BYTES * (1 - 1 / 1.5))


def test_what_fits_costs_nothing_more():
    assert spilling_seconds(CostProfile(memory=100.0), 100.0, (80.0, 20.0)) == 0.0


def test_what_does_not_fit_is_written_and_read_again():
    profile = CostProfile(memory=50.0, per_byte_spilled=1.0)
    assert spilling_seconds(profile, 100.0, (80.0, 20.0)) == 2 * 100 * 0.5


def test_a_join_too_large_for_one_platform_runs_on_another():
    small = PaperPlatform("small", CostProfile(memory=BYTES / 10, per_byte_spilled=1e-8))
    large = PaperPlatform("large", CostProfile(default_per_row=1.5e-8))
    env = environment([small, large], {"a": ("small", ROWS), "b": ("small", ROWS)})
    assert plan(joined(env), env).physical.result.platform == "large"

    roomy = PaperPlatform("small", CostProfile())
    env = environment([roomy, large], {"a": ("small", ROWS), "b": ("small", ROWS)})
    assert plan(joined(env), env).physical.result.platform == "small"


def test_a_fragment_tells_the_most_that_it_holds(tables):
    stages = plan(Distinct(sorted_by_id(tables), ("a_id",)), tables)
    assert stages.physical.result.held >= 1.5 * 8 * ROWS


def test_of_a_sort_that_is_cut_short_only_the_first_rows_are_held(tables):
    whole = plan(sorted_by_id(tables), tables)
    first = plan(Limit(sorted_by_id(tables), 10), tables)
    assert whole.physical.result.held == 1.5 * BYTES
    assert first.physical.result.held == 0.0
