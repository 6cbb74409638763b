"""The search finds what trying all assignments finds, on random plans of up to 8 operators."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from tests.unit.placement.exhaustive import cheapest_by_trying_all
from tests.unit.placement.synthetic import (
    PaperPlatform,
    cardinalities,
    environment,
    random_platforms,
    read,
    seeds,
)
from wayfed_optimizer.environment import Environment
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Named, call, column, literal
from wayfed_optimizer.placement import Memo, place
from wayfed_optimizer.relations import (
    RELATIONS,
    Aggregate,
    Distinct,
    Filter,
    Join,
    JoinKind,
    Relation,
    Select,
    walk,
)

_OPERATORS = 8
_PLATFORMS = 4
_REFUSED = (Aggregate, Distinct, Filter, Join, Select)


@pytest.mark.parametrize("seed", seeds(100, 2_000))
def test_the_search_finds_what_trying_everything_finds(seed: int):
    random_ = Random(seed)
    platforms = _limited(random_, random_platforms(random_, random_.randint(2, _PLATFORMS)))
    tables = {
        name: (random_.choice(platforms).name, 10 ** random_.uniform(1, 7))
        for name in ("a", "b", "c", "d")[: random_.randint(1, 4)]
    }
    env = environment(platforms, tables)
    plan = _random_plan(random_, env)

    expected = cheapest_by_trying_all(plan, env)

    assert len([*walk(plan)]) <= _OPERATORS
    if expected == float("inf"):
        with pytest.raises(Unsupported):
            _cost(plan, env)
    else:
        assert _cost(plan, env) == pytest.approx(expected, rel=1e-9)


def _cost(plan: Relation, env: Environment) -> float:
    placed = place(plan, env, cardinalities(env), Memo(lambda *_: (), env.sources))
    return placed.cost.seconds


def _limited(random_: Random, platforms: list[PaperPlatform]) -> list[PaperPlatform]:
    """Leave some platforms without an operator, with little memory, or closed to others' rows."""
    limited = []
    for platform in platforms:
        if random_.random() < 0.3:
            relations = frozenset(RELATIONS) - {random_.choice(_REFUSED)}
            platform = replace(platform, relations=relations)  # noqa: PLW2901  # one by one
        if random_.random() < 0.3:
            costs = replace(platform.costs, memory=10 ** random_.uniform(3, 8))
            platform = replace(platform, costs=costs)  # noqa: PLW2901  # one by one
        limited.append(replace(platform, ingests=random_.random() < 0.8))
    return limited


def _random_plan(random_: Random, env: Environment) -> Relation:
    """Join all tables, in any order, with as many operators between as there is room for."""
    parts: list[Relation] = [read(env, name) for name in env.sources]
    left = random_.randint(0, _OPERATORS - 2 * len(parts) + 1)
    while left or len(parts) > 1:
        part = parts.pop(random_.randrange(len(parts)))
        if parts and random_.random() * (left + len(parts)) < len(parts):
            part = _joined(random_, part, parts.pop(0))
        elif left:
            part = _with_an_operator(random_, part, left)
            left -= 1
        parts.append(part)
    return parts[0]


def _joined(random_: Random, left: Relation, right: Relation) -> Relation:
    kind = random_.choice([JoinKind.INNER, JoinKind.INNER, JoinKind.LEFT, JoinKind.SEMI])
    return Join(left, right, kind, ((_some(random_, left, "_id"), _some(random_, right, "_id")),))


def _with_an_operator(random_: Random, below: Relation, number: int) -> Relation:
    key, value = (column(below.schema, _some(random_, below, ending)) for ending in ("_id", "_x"))
    match random_.randrange(4):
        case 0:
            return Filter(below, call("greater", value, literal(0.5)))
        case 1:
            return Distinct(below, (key.name,))
        case 2:
            total = Named(f"sum{number}_x", call("sum", value))
            return Aggregate(below, (Named(key.name, key),), (total,))
    more = Named(f"more{number}_x", call("add", value, literal(1.0)))
    return Select(below, (Named(key.name, key), more))


def _some(random_: Random, relation: Relation, ending: str) -> str:
    return random_.choice([name for name in relation.schema.names if name.endswith(ending)])
