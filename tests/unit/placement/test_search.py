"""Placement: the cheapest choice, proved against trying everything."""

from __future__ import annotations

import random

import pytest

from tests.unit.placement.exhaustive import cheapest_with_a_part
from tests.unit.placement.synthetic import (
    PaperPlatform,
    cardinalities,
    environment,
    random_platforms,
    read,
    seeds,
)
from wayfed_optimizer.capabilities import Capabilities
from wayfed_optimizer.cost import CostProfile
from wayfed_optimizer.errors import PlatformNotFound, Unsupported
from wayfed_optimizer.expressions import (
    Cast,
    Column,
    Named,
    SortKey,
    call,
    column,
    conjunction,
    literal,
)
from wayfed_optimizer.physical import Exchange
from wayfed_optimizer.placement import Memo, cut, place
from wayfed_optimizer.relations import (
    Filter,
    Hint,
    Join,
    Limit,
    Read,
    Relation,
    Select,
    SetKind,
    SetOperation,
    Sort,
    walk,
)
from wayfed_optimizer.types import INT64, TEXT


def _place(root: Relation, env):
    return place(root, env, cardinalities(env), Memo(lambda *_: (), env.sources))


def _positive(table: Relation, name: str) -> Filter:
    return Filter(table, call("greater", column(table.schema, name), literal(0.5)))


def _random_plan(random_: random.Random, env) -> Relation:
    parts: list[Relation] = [read(env, name) for name in env.sources]
    while len(parts) > 1:
        left, right = parts.pop(random_.randrange(len(parts))), parts.pop(0)
        keys = [next(n for n in side.schema.names if n.endswith("_id")) for side in (left, right)]
        joined: Relation = Join(left, right, on=(tuple(keys),))
        if random_.random() < 0.7:
            names = [n for n in joined.schema.names if n.endswith("_x")]
            joined = _positive(joined, random_.choice(names))
        parts.append(joined)
    return parts[0]


def _plan_with_a_part(random_: random.Random, env) -> tuple[Relation, Relation]:
    """A join of two selections of one part, which is itself a table or a selection of it."""
    part: Relation = read(env, "a")
    if random_.random() < 0.7:
        part = _positive(part, "a_x")
    renamed = Select(
        part, tuple(Named(f"other_{f.name}", Column(f.name, f.type)) for f in part.schema)
    )
    other: Relation = _positive(renamed, "other_a_x") if random_.random() < 0.5 else renamed
    return Join(part, other, on=(("a_id", "other_a_id"),)), part


@pytest.mark.parametrize("seed", seeds(4, 100))
def test_a_part_that_two_read_is_kept_or_computed_again_as_is_cheapest(seed: int):
    random_ = random.Random(seed)
    env = environment(random_platforms(random_, 3), {"a": ("p0", 10 ** random_.uniform(2, 7))})
    plan, part = _plan_with_a_part(random_, env)

    placed = _place(plan, env)

    assert placed.cost.seconds == pytest.approx(cheapest_with_a_part(plan, part, env), rel=1e-9)


def test_a_small_job_never_starts_a_platform_that_takes_seconds_to_start():
    small = PaperPlatform("duck", CostProfile(default_per_row=1e-7))
    large = PaperPlatform("spark", CostProfile(startup=6.0, default_per_row=1e-9))
    env = environment([small, large], {"a": ("duck", 10_000)})

    placed = _place(_positive(read(env, "a"), "a_x"), env)

    assert placed.choice.platform == "duck"
    assert placed.considered[placed.choice.relation].keys() == {"duck", "spark"}


def test_a_large_job_goes_where_it_is_fast_although_that_has_to_start():
    slow = PaperPlatform("duck", CostProfile(default_per_row=1e-5))
    fast = PaperPlatform("spark", CostProfile(startup=6.0, default_per_row=1e-9))
    env = environment([slow, fast], {"a": ("duck", 10_000_000), "b": ("spark", 10_000_000)})

    placed = _place(Join(read(env, "a"), read(env, "b"), on=(("a_id", "b_id"),)), env)

    assert placed.choice.platform == "spark"
    assert placed.cost.startup == 6.0


def test_a_hint_forces_what_lies_below_onto_its_platform():
    here, there = PaperPlatform("here"), PaperPlatform("there", CostProfile(default_per_row=1e-4))
    env = environment([here, there], {"a": ("here", 1000), "b": ("here", 1000)})
    joined = Join(read(env, "a"), read(env, "b"), on=(("a_id", "b_id"),))

    plan = cut(_place(Hint(joined, "there"), env), env, cardinalities(env))

    assert [f.platform for f in plan.fragments] == ["here", "here", "there"]
    assert isinstance(plan.result.relation, Join)


def test_what_a_hint_moves_elsewhere_leaves_its_store_filtered():
    here, there = PaperPlatform("here"), PaperPlatform("there")
    env = environment([here, there], {"a": ("here", 1000), "b": ("here", 1000)})
    table = read(env, "a")
    few = Filter(table, call("equal", column(table.schema, "a_x"), literal(1.0)))
    joined = Join(few, read(env, "b"), on=(("a_id", "b_id"),))

    plan = cut(_place(Hint(joined, "there"), env), env, cardinalities(env))
    alone = cut(_place(Hint(few, "there"), env), env, cardinalities(env))

    assert [(f.platform, f.relation) for f in plan.fragments[:2]] == [
        ("here", few),
        ("here", read(env, "b")),
    ]
    assert [f.platform for f in alone.fragments] == ["here", "there"]


def test_a_hint_for_a_platform_that_is_not_there_suggests_one_that_is():
    env = environment([PaperPlatform("duckdb")], {"a": ("duckdb", 10)})

    with pytest.raises(PlatformNotFound, match="'duckbd' is not a platform") as raised:
        _place(Hint(read(env, "a"), "duckbd"), env)

    assert raised.value.hint == "did you mean 'duckdb'?"


def test_what_nobody_runs_is_refused_with_each_platforms_reason():
    only_reads = frozenset({Read})
    env = environment(
        [PaperPlatform("a", relations=only_reads), PaperPlatform("b", relations=only_reads)],
        {"t": ("a", 10)},
    )

    with pytest.raises(Unsupported, match=r"a: Filter .*; b: Filter"):
        _place(_positive(read(env, "t"), "t_x"), env)


def test_rows_keep_their_order_because_sort_and_limit_stay_on_one_platform():
    store = PaperPlatform("store", relations=frozenset({Read, Sort, Filter}))
    engine = PaperPlatform("engine")
    env = environment([store, engine], {"t": ("store", 1000)})
    table = read(env, "t")

    plan = cut(
        _place(Limit(Sort(table, (SortKey(column(table.schema, "t_x")),)), 10), env),
        env,
        cardinalities(env),
    )

    assert [f.platform for f in plan.fragments] == ["store", "engine"]
    assert isinstance(plan.fragments[0].relation, Read)


def test_what_two_fragments_read_is_computed_once_in_a_form_that_can_be_read_twice():
    store = PaperPlatform("store", relations=frozenset({Read, Filter}))
    engine = PaperPlatform("engine", CostProfile(default_per_row=1e-3))
    env = environment([store, engine], {"t": ("store", 1000)})
    part = _positive(read(env, "t"), "t_x")

    union = SetOperation(SetKind.UNION, part, part, all=True)
    plan = cut(_place(union, env), env, cardinalities(env))

    assert [f.platform for f in plan.fragments] == ["store", "engine"]
    (exchange,) = plan.result.inputs.values()
    assert isinstance(exchange, Exchange)
    assert exchange.kept or plan.fragments[0].output.reusable
    assert exchange.conversions[-1].target.reusable


def test_the_same_plan_is_placed_the_same_way_every_time():
    platforms = [PaperPlatform(name) for name in ("x", "y", "z")]
    env = environment(platforms, {"a": ("x", 1000), "b": ("y", 1000), "c": ("z", 1000)})
    plan = _random_plan(random.Random(1), env)

    placements = {tuple(_platforms(_place(plan, env).choice)) for _ in range(5)}

    assert len(placements) == 1


def test_the_objective_bytes_moves_fewer_bytes_whatever_the_time():
    store = PaperPlatform("store", CostProfile(default_per_row=1e-4))
    engine = PaperPlatform("engine", CostProfile(default_per_row=1e-9))
    tables = {"t": ("store", 100_000)}
    by_time = environment([store, engine], tables)
    by_bytes = environment([store, engine], tables, "bytes")
    plan = _positive(read(by_time, "t"), "t_x")

    assert _place(plan, by_time).choice.platform == "engine"
    assert _place(plan, by_bytes).choice.platform == "store"


def _platforms(choice):
    yield choice.platform
    for below, *_ in choice.inputs:
        yield from _platforms(below)


def test_every_relation_of_a_fragment_has_an_estimate():
    env = environment([PaperPlatform("a"), PaperPlatform("b")], {"t": ("a", 10), "u": ("b", 10)})
    rows = cardinalities(env)
    joined = Join(read(env, "t"), read(env, "u"), on=(("t_id", "u_id"),))

    plan = cut(place(joined, env, rows, Memo(lambda *_: (), env.sources)), env, rows)

    for fragment in plan.fragments:
        assert all(relation in plan.estimates for relation in walk(fragment.relation))


def test_a_part_that_is_used_again_and_again_is_cut_once():
    env = environment([PaperPlatform("store"), PaperPlatform("engine")], {"t": ("store", 10)})
    plan: Relation = read(env, "t")
    for _ in range(40):
        plan = SetOperation(SetKind.UNION, plan, plan, all=True)

    fragments = cut(_place(Hint(plan, "engine"), env), env, cardinalities(env)).fragments

    computed = [(fragment.platform, fragment.computes) for fragment in fragments]
    assert len(computed) == len(set(computed)) <= 41


class Picky(PaperPlatform):
    """A store that compares by `greater` only."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            relations=frozenset({Read, Filter}), functions=frozenset({"greater", "and", "divide"})
        )


def _conditions(names, env):
    table = read(env, "t")
    comparisons = {
        "pushed": call("greater", column(table.schema, "t_x"), literal(0.5)),
        "refused": call("less", column(table.schema, "t_x"), literal(0.9)),
        "raising": call(
            "greater", Cast(Cast(column(table.schema, "t_x"), TEXT), INT64), literal(1)
        ),
    }
    return Filter(table, conjunction(tuple(comparisons[name] for name in names)))


def _filters_by_platform(root, env):
    physical = cut(_place(root, env), env, cardinalities(env))
    return {
        fragment.platform: [str(n.predicate) for n in walk(fragment.relation) if type(n) is Filter]
        for fragment in physical.fragments
    }


@pytest.fixture
def picky_store():
    return environment([Picky("store"), PaperPlatform("engine")], {"t": ("store", 1e6)})


def test_a_store_does_the_part_of_a_filter_that_it_can(picky_store):
    root = _conditions(["pushed", "refused"], picky_store)
    assert _filters_by_platform(root, picky_store) == {
        "store": ["t_x > 0.5"],
        "engine": ["t_x < 0.9"],
    }


def test_a_part_that_may_raise_waits_for_the_others(picky_store):
    root = _conditions(["refused", "raising", "pushed"], picky_store)
    by_platform = _filters_by_platform(root, picky_store)
    assert by_platform["store"] == ["t_x > 0.5"]


def test_a_filter_of_which_a_store_can_do_nothing_is_whole(picky_store):
    root = _conditions(["refused", "refused"], picky_store)
    assert len(_filters_by_platform(root, picky_store)["engine"]) == 1
