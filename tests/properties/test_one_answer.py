"""Any plan gives the same rows: as written or rewritten, on each engine, and spread over stores."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import pyarrow as pa
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tests.properties.conftest import FEW, examples
from tests.properties.worlds import STORES, Worlds
from tests.strategies import TABLES, finished_plans
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.relations import Relation
from wayfed_optimizer.text import describe

pytestmark = pytest.mark.postgres


def test_a_plan_gives_the_same_rows_on_each_engine_and_most_plans_run_on_all(
    worlds: Worlds,
) -> None:
    tried: Counter[str] = Counter()
    refused: Counter[str] = Counter()

    @examples(90)
    @given(plan=finished_plans(), world=st.integers(0, worlds.count - 1))
    def check(plan: Relation, world: int) -> None:
        note(describe(plan))
        expected = worlds.expected(plan, world)
        for store in STORES:
            tried[store] += 1
            platform = worlds.platforms[store]
            try:
                found, _ = worlds.answer(plan, world, dict.fromkeys(TABLES, store), platform)
            except Unsupported as refusal:
                note(f"{platform}: {refusal}")
                refused[store] += 1
                continue
            assert_same(found, expected, platform)

    check()
    assert max(refused[store] / tried[store] for store in STORES) <= 0.2, refused


@examples(40)
@given(
    plan=finished_plans(),
    world=st.integers(0, FEW - 1),
    homes=st.fixed_dictionaries({table: st.sampled_from(STORES) for table in TABLES}),
    engine=st.none() | st.sampled_from(STORES),
)
def test_a_plan_over_several_stores_gives_the_same_rows_wherever_it_is_placed(
    worlds: Worlds, plan: Relation, world: int, homes: Mapping[str, str], engine: str | None
) -> None:
    note(describe(plan))
    try:
        platform = engine and worlds.platforms[engine]
        found, _ = worlds.answer(plan, world, homes, platform)
    except Unsupported as refusal:
        assert engine, f"no engine takes it, not even DuckDB: {refusal}"
        return
    assert_same(found, worlds.expected(plan, world), platform or "freely placed")


def assert_same(found: pa.Table, expected: pa.Table, where: str) -> None:
    """Both have the same columns and rows, in any order; floats within 1e-9."""
    assert found.schema == expected.schema, where
    ours, theirs = _sorted_rows(found), _sorted_rows(expected)
    same = len(ours) == len(theirs) and all(map(_same_row, ours, theirs))
    assert same, f"{where}:\n{_told(ours)}\ninstead of\n{_told(theirs)}"


def _sorted_rows(table: pa.Table) -> list[tuple[object, ...]]:
    return sorted((tuple(row.values()) for row in table.to_pylist()), key=_order)


def _order(row: tuple[object, ...]) -> list[tuple[bool, object]]:
    return [(value is not None, 0 if value is None else _digits(value)) for value in row]


def _digits(value: object) -> object:
    return float(f"{value:.9g}") + 0.0 if isinstance(value, float) else value


def _same_row(a: tuple[object, ...], b: tuple[object, ...]) -> bool:
    return all(map(_same, a, b))


def _same(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(a) and math.isnan(b))
    return a == b


def _told(rows: list[tuple[object, ...]]) -> str:
    return "\n".join(map(str, rows)) or "no rows"
