"""Functions, casts and windows of Spark and Flink, over edge values, against DuckDB.

That each function which they are said to have is tried at all, the conformance suite proves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

import wayfed as wf
from tests.integration.engines import on_duckdb, same, table_of
from tests.integration.function_cases import AGGREGATES, ROWS, SCALARS, SCHEMAS, WINDOWS, Case
from wayfed.testing import PlatformUnderTest
from wayfed_optimizer.errors import ExecutionError, Unsupported
from wayfed_optimizer.expressions import Cast, Column, Expression, Named, call, column, literal
from wayfed_optimizer.functions import Agreement
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import Aggregate, Read, Relation, Select, Window
from wayfed_optimizer.types import Schema, parse_type
from wayfed_sql import FLINK, SPARK, to_sql

DIALECTS = {"spark": SPARK, "flink": FLINK}

Values = list[Any]


class Answers:
    """What an engine and DuckDB answer to each case, asked in one query a table and kind."""

    def __init__(self, engine: PlatformUnderTest) -> None:
        self.engine = engine
        self._answers: dict[str, tuple[Values, Values]] = {}

    def to(self, case: Case, cases: tuple[Case, ...]) -> tuple[Values, Values]:
        """The column that each engine makes of a case; `cases` are those of its kind."""
        if case.id not in self._answers:
            self._ask(case.table, [c for c in cases if c.table == case.table and self.has(c)])
        return self._answers[case.id]

    def _ask(self, table: str, cases: list[Case]) -> None:
        """Ask all at once; where that fails, each half, down to the case that will say why."""
        relation = _relation(table, cases)
        tables = {table: table_of(SCHEMAS[table], ROWS[table])}
        try:
            ours = answer(self.engine, relation, tables).sort_by("key")
        except ExecutionError:
            if len(cases) == 1:
                raise
            middle = len(cases) // 2
            self._ask(table, cases[:middle])
            self._ask(table, cases[middle:])
            return
        theirs = on_duckdb(relation, tables).sort_by("key")
        for name, case in zip(relation.schema.names[1:], cases, strict=True):
            self._answers[case.id] = (
                ours.column(name).to_pylist(),
                theirs.column(name).to_pylist(),
            )

    def has(self, case: Case) -> bool:
        """Whether the engine is said to do it; where it is not, there must be a reason."""
        dialect, reference = DIALECTS[self.engine.name], TableReference((case.table,))
        try:
            to_sql(_relation(case.table, [case]), dialect, {case.table: reference})
        except Unsupported as error:
            assert error.reason
            return False
        return True


def answer(
    engine: PlatformUnderTest, relation: Relation, tables: Mapping[str, pa.Table]
) -> pa.Table:
    """The rows of a relation over tables in memory, computed by an engine."""
    read = {name: engine.context.read(table) for name, table in tables.items()}
    return engine.answer(relation, read)


def _relation(table: str, cases: list[Case]) -> Relation:
    """One relation with a key and a column for each case; the cases are of one kind."""
    read = Read(table, SCHEMAS[table])
    key = column(read.schema, "id")
    outputs = tuple(Named(f"c{i}", case.expression) for i, case in enumerate(cases))
    if cases[0] in AGGREGATES:
        return Aggregate(read, (Named("key", call("remainder", key, literal(7))),), outputs)
    if cases[0] in WINDOWS:
        windows = Window(read, outputs)
        made = (Named(o.name, column(windows.schema, o.name)) for o in outputs)
        return Select(windows, (Named("key", key), *made))
    return Select(read, (Named("key", key), *outputs))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("spark", marks=pytest.mark.spark),
        pytest.param("flink", marks=pytest.mark.flink),
    ],
)
def engine(request: pytest.FixtureRequest) -> Iterator[PlatformUnderTest]:
    """Each engine in turn: those that other tests use too."""
    options = request.getfixturevalue(f"{request.param}_options")
    with wf.context(**{request.param: options}) as context:
        yield PlatformUnderTest(request.param, context)


@pytest.fixture(scope="module")
def answers(engine: PlatformUnderTest) -> Answers:
    return Answers(engine)


def _compare(case: Case, answers: Answers, cases: tuple[Case, ...]) -> None:
    if not answers.has(case):
        return
    tolerance = 1e-9 if case.agreement is Agreement.RELATIVE else 0.0
    rows = ROWS[case.table] if cases is not AGGREGATES else range(7)
    found = zip(rows, *answers.to(case, cases), strict=True)
    differing = [told for told in found if not same(told[1], told[2], tolerance)]
    assert not differing, f"row, {answers.engine.name}, duckdb: {differing[:4]}"


@pytest.mark.parametrize("case", SCALARS, ids=lambda case: case.id)
def test_a_scalar_means_the_same(case: Case, answers: Answers) -> None:
    _compare(case, answers, SCALARS)


@pytest.mark.parametrize("case", AGGREGATES, ids=lambda case: case.id)
def test_an_aggregate_means_the_same(case: Case, answers: Answers) -> None:
    _compare(case, answers, AGGREGATES)


@pytest.mark.parametrize("case", WINDOWS, ids=lambda case: case.id)
def test_a_window_means_the_same(case: Case, answers: Answers) -> None:
    _compare(case, answers, WINDOWS)


@pytest.mark.parametrize(
    "expression",
    [
        call("add", literal(1), Column("n", parse_type("int64"))),
        call("subtract", literal(-2), Column("n", parse_type("int64"))),
        call("multiply", literal(2), Column("n", parse_type("int64"))),
        call("multiply", *[Column("w", parse_type("decimal(38,0)"))] * 2),
        Cast(Column("n", parse_type("int64")), parse_type("int32")),
        Cast(Column("s", parse_type("text")), parse_type("int64")),
    ],
    ids=str,
)
def test_what_overflows_or_cannot_be_read_is_an_error(
    expression: Expression, engine: PlatformUnderTest
) -> None:
    schema = Schema.of(n="int64", w="decimal(38,0)", s="text")
    rows: list[dict[str, object]] = [{"n": 2**63 - 1, "w": Decimal("9" * 38), "s": "12x"}]
    relation = Select(Read("t", schema), (Named("out", expression),))
    with pytest.raises(ExecutionError):
        answer(engine, relation, {"t": table_of(schema, rows)})


def test_a_sum_of_integers_that_overflows_is_an_error(engine: PlatformUnderTest) -> None:
    schema = Schema.of(n="int64")
    total = Named("total", call("sum", column(schema, "n")))
    relation = Aggregate(Read("t", schema), (), (total,))
    rows: list[dict[str, object]] = [{"n": 2**62}, {"n": 2**62}]
    with pytest.raises(ExecutionError):
        answer(engine, relation, {"t": table_of(schema, rows)})


def test_any_value_is_one_of_the_values(engine: PlatformUnderTest) -> None:
    schema = Schema.of(n="int64")
    some = Named("some", call("any_value", column(schema, "n")))
    relation = Aggregate(Read("t", schema), (), (some,))
    rows: list[dict[str, object]] = [{"n": None}, {"n": 3}, {"n": 4}]
    found = answer(engine, relation, {"t": table_of(schema, rows)})
    assert found.column("some").to_pylist()[0] in (3, 4)
