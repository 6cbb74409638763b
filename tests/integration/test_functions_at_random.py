"""Functions of text and times on Spark and Flink, over random rows, against DuckDB."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

import pyarrow as pa
import pytest

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed_optimizer.expressions import Expression, Named, call, cast_to, column, literal
from wayfed_optimizer.relations import Select
from wayfed_optimizer.types import Schema, parse_type

POINTS = ("a", "b", "A", "é", "𝄞", "%", "_", "\\", " ", "\n", "\t", "\u0301", "-", "1", "$", ".")
NUMBERS = (-9, -3, -2, -1, 0, 1, 2, 3, 4, 9, 30)
PATTERNS = ("a+", "[^a-z]", "(a|é)(.)", "^.", r"\W$", "[𝄞%]{1,2}")
UNITS = ("millennium", "century", "decade", "year", "quarter", "month", "week", "day", "hour")
CLOCK = ("minute", "second", "millisecond", "microsecond")
FIRST = dt.datetime(1, 1, 1)
AGES = (dt.datetime.max - FIRST) // dt.timedelta(microseconds=1)
UNTIL_1970 = (dt.datetime(1970, 1, 1) - FIRST) // dt.timedelta(microseconds=1)


def _rows(count: int) -> pa.Table:
    chosen = random.Random(20)

    def text(most: int) -> str | None:
        points = chosen.choices(POINTS, k=chosen.randrange(most))
        return None if chosen.random() < 0.1 else "".join(points)

    def moment() -> dt.datetime | None:
        near_1970 = UNTIL_1970 + chosen.randrange(-(10**7), 10**7)
        micros = chosen.choice((chosen.randrange(AGES), near_1970, chosen.randrange(10**11)))
        return None if chosen.random() < 0.1 else FIRST + dt.timedelta(microseconds=micros)

    moments = [(moment(), moment()) for _ in range(count)]
    return pa.table(
        {
            "id": range(count),
            **{
                name: [text(most) for _ in range(count)]
                for name, most in (("x", 12), ("y", 4), ("z", 4))
            },
            **{name: [chosen.choice(NUMBERS) for _ in range(count)] for name in "ij"},
            "m": pa.array([m for m, _ in moments], pa.timestamp("us")),
            "n": pa.array([n for _, n in moments], pa.timestamp("us")),
            "u": pa.array([m for m, _ in moments], pa.timestamp("us", "UTC")),
            "d": [None if n is None else n.date() for _, n in moments],
        }
    )


def _of_texts(schema: Schema) -> Iterator[Expression]:
    x, y, z, i, j = (column(schema, name) for name in "xyzij")
    for name in ("lower", "length", "octet_length", "trim", "ltrim", "rtrim", "reverse", "ascii"):
        yield call(name, x)
    for name in ("trim", "ltrim", "rtrim", "position", "starts_with", "ends_with", "contains"):
        yield call(name, x, y)
    for name in ("left", "right", "repeat", "substring"):
        yield call(name, x, i)
    yield from (call(name, x, y, z) for name in ("translate", "replace"))
    yield from (call(name, x, i, y) for name in ("lpad", "rpad"))
    yield call("split_part", x, y, i)
    yield call("substring", x, i, j)
    yield call("concat_ws", y, x, z)
    yield call("hash", x)
    yield call("like", x, y)
    yield from (call("like", x, literal(pattern)) for pattern in ("%a_", "%a%b%", "a%", "_"))
    yield call("ilike", x, literal("%A%"))
    for pattern in PATTERNS:
        yield call("regexp_matches", x, literal(pattern))
        yield call("regexp_extract", x, literal(pattern))
        yield call("regexp_replace", x, literal(pattern), literal(r"<\0>"), literal(True))
        yield call("regexp_replace", x, literal(pattern), literal(r"$1\\"), literal(False))


def _of_times(schema: Schema) -> Iterator[Expression]:
    m, n, u, d = (column(schema, name) for name in "mnud")
    for part in ("year", "quarter", "month", "day", "week", "iso_year"):
        yield from (call(part, time) for time in (m, u, d))
    for part in ("day_of_week", "day_of_year", "last_day"):
        yield from (call(part, time) for time in (m, d))
    for part in ("hour", *CLOCK, "epoch"):
        yield from (call(part, time) for time in (m, u))
    for unit in (*UNITS, *CLOCK):
        yield call("date_diff", m, n, literal(unit))
        yield call("date_diff", d, n, literal(unit))
        yield from (call("date_trunc", time, literal(unit)) for time in (m, u, d))
    yield call("strftime", m, literal("%Y|%y|%m|%d|%H:%M:%S.%f|%j|%b|%B|%a|%A|100%%"))
    yield call("strptime", call("strftime", m, literal("%j %Y %f")), literal("%j %Y %f"))
    for time in (m, u, d):
        as_text = cast_to(time, parse_type("text"))
        yield as_text
        yield cast_to(as_text, time.type)
    yield cast_to(m, parse_type("date"))
    yield cast_to(d, parse_type("timestamp"))


@pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("spark", "flink")]
)
@pytest.mark.parametrize("functions", [_of_texts, _of_times])
def test_functions_of_random_rows_give_what_they_give_in_duckdb(engine, functions, request):
    options = {engine: request.getfixturevalue(f"{engine}_options")}
    rows = _rows(300)
    with wf.context(**options) as context:
        read = context.read(rows)
        expressions = list(functions(read.schema))
        computed = _with(read, expressions)
        expected = computed.on("duckdb").to_arrow().sort_by("id")
        found = computed.on(engine).to_arrow().sort_by("id")
    for index, expression in enumerate(expressions):
        pairs = zip(expected[f"e{index}"].to_pylist(), found[f"e{index}"].to_pylist(), strict=True)
        others = [(row, a, b) for row, (a, b) in enumerate(pairs) if a != b]
        assert not others, (str(expression), others[0], rows.slice(others[0][0], 1).to_pylist())


def _with(read: Dataset, expressions: list[Expression]) -> Dataset:
    named = (Named(f"e{index}", expression) for index, expression in enumerate(expressions))
    kept = Named("id", column(read.schema, "id"))
    return read.with_relation(Select(read.relation, (kept, *named)))
