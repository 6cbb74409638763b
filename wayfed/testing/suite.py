"""The tests: every case on the platform under test, and that it says what it does not do."""

from __future__ import annotations

import datetime
import decimal
import gzip
import math
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import pytest

from wayfed.testing.agreement import (
    test_every_claim_is_tried,
    test_every_reason_is_tried,
    test_what_is_refused_has_a_reason,
)
from wayfed.testing.asking import arrow_table, plan_of
from wayfed.testing.case import Failure, Plan, Row, Scalar, title
from wayfed.testing.cases import AGGREGATES, FAILURES, RELATIONS, SCALARS, WINDOWS
from wayfed_optimizer.errors import ExecutionError, Unsupported
from wayfed_optimizer.relations import reads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wayfed.dataset import Dataset
    from wayfed.testing.asking import Answers, ValueCase
    from wayfed.testing.case import AnyCase
    from wayfed.testing.platform import PlatformUnderTest
    from wayfed_optimizer.relations import Relation

__all__ = [
    "test_a_compressed_file_holds_what_was_compressed",
    "test_a_function_means_what_is_written",
    "test_a_plan_has_the_rows_that_are_written",
    "test_a_window_means_what_is_written",
    "test_an_aggregate_means_what_is_written",
    "test_every_claim_is_tried",
    "test_every_reason_is_tried",
    "test_nan_is_refused_where_it_cannot_be_held",
    "test_plans_that_run_at_the_same_time_do_not_disturb_each_other",
    "test_what_has_no_answer_is_an_error",
    "test_what_is_refused_has_a_reason",
]

_AT_ONCE: Final = frozenset({"full join", "Sort", "Distinct"})


@pytest.mark.parametrize("case", SCALARS, ids=title)
def test_a_function_means_what_is_written(
    case: Scalar, platform_under_test: PlatformUnderTest, answers: Answers
) -> None:
    """Each example of a case about single rows has its result."""
    judge(case, platform_under_test, lambda: _values(case, answers), plan_of(case))


@pytest.mark.parametrize("case", AGGREGATES, ids=title)
def test_an_aggregate_means_what_is_written(
    case: ValueCase, platform_under_test: PlatformUnderTest, answers: Answers
) -> None:
    """Each group has its result."""
    judge(case, platform_under_test, lambda: _values(case, answers), plan_of(case))


@pytest.mark.parametrize("case", WINDOWS, ids=title)
def test_a_window_means_what_is_written(
    case: ValueCase, platform_under_test: PlatformUnderTest, answers: Answers
) -> None:
    """Each row has its result."""
    judge(case, platform_under_test, lambda: _values(case, answers), plan_of(case))


@pytest.mark.parametrize("case", RELATIONS, ids=title)
def test_a_plan_has_the_rows_that_are_written(
    case: Plan, platform_under_test: PlatformUnderTest, answers: Answers
) -> None:
    """A plan over small tables has its rows, in its order where it has one."""
    if not platform_under_test.tries(case):
        pytest.skip("tried where every relation is over every type")
    plan = answers.plans.plan(case)

    def check() -> None:
        if case.needs_nan and not platform_under_test.holds_nan:
            pytest.xfail("never: it cannot hold NaN")
        assert _is_answer(answers.plans.to(case), case)

    judge(case, platform_under_test, check, plan)


@pytest.mark.parametrize("case", FAILURES, ids=title)
def test_what_has_no_answer_is_an_error(
    case: Failure, platform_under_test: PlatformUnderTest, answers: Answers
) -> None:
    """Overflow and casts of what does not fit end the query."""
    plan = case.plan(answers.tables).relation

    def check() -> None:
        with pytest.raises(ExecutionError):
            platform_under_test.answer(plan)

    judge(case, platform_under_test, check, plan)


def test_nan_is_refused_where_it_cannot_be_held(platform_under_test: PlatformUnderTest) -> None:
    """A platform that cannot hold NaN says so, instead of making it NULL."""
    import pyarrow as pa

    if platform_under_test.holds_nan:
        return
    rows = platform_under_test.context.read(pa.table({"x": [1.0, math.nan]}))
    with pytest.raises((ExecutionError, Unsupported)):
        platform_under_test.answer(rows.filter(lambda row: row.x > 0).relation)


def test_a_compressed_file_holds_what_was_compressed(
    platform_under_test: PlatformUnderTest, tmp_path: Path
) -> None:
    """A file is decompressed once, wherever its rows are computed with."""
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress("n,name\n1,a\n2,\U0001d11e\n".encode()))
    rows = platform_under_test.context.read(str(path))
    plan = rows.filter(lambda row: row.n > 1).select("n", "name").relation
    assert platform_under_test.answer(plan).to_pylist() == [{"n": 2, "name": "\U0001d11e"}]


def test_plans_that_run_at_the_same_time_do_not_disturb_each_other(
    platform_under_test: PlatformUnderTest, answers: Answers
) -> None:
    """Several threads use one context, each with an answer of its own."""
    wanted = [case for case in RELATIONS if case.about in _AT_ONCE and not case.together]
    cases = [case for case in wanted if platform_under_test.mark(case) is None]
    plans = {case: case.plan(answers.tables).relation for case in cases}
    able = [c for c, plan in plans.items() if platform_under_test.refusal(plan) is None]
    with ThreadPoolExecutor(max_workers=4) as threads:
        tables = threads.map(lambda case: platform_under_test.answer(plans[case]), able)
        for case, table in zip(able, tables, strict=True):
            assert _is_answer([tuple(row.values()) for row in table.to_pylist()], case)


def judge(case: AnyCase, platform: PlatformUnderTest, check: Callable[[], None], plan: Any) -> None:
    """Pass where the case holds, or the platform refuses it by name, as it says; else fail.

    A case that is marked must fail.
    """
    if platform.refusal(plan) is not None:
        with pytest.raises(Unsupported):
            platform.answer(plan, _stand_ins(plan, platform))
        return
    mark = platform.mark(case)
    if mark is None:
        check()
        return
    try:
        check()
    except (AssertionError, ExecutionError, Unsupported, pytest.fail.Exception):
        pytest.xfail(f"{mark.kind}: {mark.reason}")
    pytest.fail(f"{platform.name} passes {title(case)}, though marked {mark.kind}: {mark.reason}")


def _stand_ins(plan: Relation, platform: PlatformUnderTest) -> dict[str, Dataset]:
    """Return tables without rows for those that a plan reads and nobody has loaded."""
    context = platform.context
    unknown = (read for read in reads(plan) if read.table not in context.environment.sources)
    return {read.table: context.read(arrow_table(read.schema, ())) for read in unknown}


def _values(case: ValueCase, answers: Answers) -> None:
    examples = answers.examples(case)
    if not examples:
        pytest.xfail("never: it cannot hold NaN")
    found = answers.to(case)
    wrong = [
        f"{arguments} gives {value!r} instead of {expected!r}"
        for (*arguments, expected), value in zip(examples, found, strict=True)
        if not _same(value, expected, case.tolerance)
    ]
    assert not wrong, "; ".join(wrong)


def _is_answer(found: list[Row], case: Plan) -> bool:
    """Compare rows with those of a case; raises AssertionError with the difference."""
    ours, theirs = [*map(_comparable, found)], [*map(_comparable, case.expected)]
    if not case.ordered:
        ours.sort(key=repr)
        theirs.sort(key=repr)
    assert ours == theirs, f"{ours} instead of {theirs}"
    return True


def _same(found: object, expected: object, tolerance: float) -> bool:
    if isinstance(found, float) and isinstance(expected, float):
        if math.isnan(found) or math.isnan(expected):
            return math.isnan(found) and math.isnan(expected)
        return found == expected or math.isclose(
            found, expected, rel_tol=tolerance, abs_tol=tolerance
        )
    return type(found) is type(expected) and _comparable((found,)) == _comparable((expected,))


def _comparable(row: Row) -> Row:
    """Return a row in which equal values are written alike."""
    return tuple(map(_canonical, row))


def _canonical(value: object) -> object:
    match value:
        case decimal.Decimal():
            return Fraction(value)
        case datetime.datetime() if value.tzinfo:
            return value.astimezone(datetime.UTC)
        case float():
            return "NaN" if math.isnan(value) else float(f"{value:.12g}")
        case list():
            return [*map(_canonical, value)]
        case dict():
            return {name: _canonical(member) for name, member in value.items()}
    return value
