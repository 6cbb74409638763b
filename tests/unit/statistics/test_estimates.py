"""Row estimates over small tables: what is known, the plan, and what follows from it."""

from __future__ import annotations

import datetime
from types import MappingProxyType

import pytest

from wayfed_optimizer.expressions import (
    Call,
    InList,
    Named,
    call,
    column,
    literal,
)
from wayfed_optimizer.relations import (
    Aggregate,
    Filter,
    Hint,
    Join,
    JoinKind,
    Limit,
    Read,
    Relation,
)
from wayfed_optimizer.statistics import (
    Cardinalities,
    ColumnStatistics,
    Estimate,
    Provenance,
    TableStatistics,
)
from wayfed_optimizer.statistics.hints import contradictions
from wayfed_optimizer.types import Schema

FLIGHTS = Read(
    "flights", Schema.of(id="int64", tail="text", origin="text", day="date", delay="int64")
)
PLANES = Read("planes", Schema.of(plane="text", seats="int64"))
DAYS = tuple(datetime.date(2013, 1, 1) + datetime.timedelta(days=36 * i) for i in range(11))
KNOWN = {
    "flights": TableStatistics(
        Estimate.exactly(10_000),
        {
            "id": ColumnStatistics(distinct=10_000, low=1, high=10_000),
            "tail": ColumnStatistics(distinct=500, null_fraction=0.1),
            "origin": ColumnStatistics(
                distinct=102,
                null_fraction=0.0,
                common=MappingProxyType({"JFK": 0.5, "EWR": 0.3}),
            ),
            "day": ColumnStatistics(distinct=360, low=DAYS[0], high=DAYS[-1], histogram=DAYS),
            "delay": ColumnStatistics(distinct=100, null_fraction=0.2, low=0, high=99),
        },
        keys=(frozenset({"id"}),),
    ),
    "planes": TableStatistics(
        Estimate.exactly(400),
        {"plane": ColumnStatistics(distinct=400, null_fraction=0.0)},
        keys=(frozenset({"plane"}),),
    ),
}


def rows(relation: Relation) -> float:
    return Cardinalities(KNOWN.__getitem__).rows(relation).likely


def where(name: str, *args: object) -> Filter:
    expressions = [column(FLIGHTS.schema, args[0]), *(literal(arg) for arg in args[1:])]
    return Filter(FLIGHTS, call(name, *expressions))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("equal", "origin", "JFK"), 5_000),
        (("equal", "origin", "SEA"), 20),  # a fifth of the rows, a hundred other values
        (("not_equal", "origin", "JFK"), 5_000),
        (("equal", "tail", "N14228"), 18),  # nine tenths of the rows, 500 values
        (("is_null", "delay"), 2_000),
        (("is_not_null", "delay"), 8_000),
        (("less", "delay", 25), 2_000),  # a quarter of those that are not NULL
        (("greater_equal", "delay", 1_000), 1),
        (("less", "day", DAYS[5]), 5_000),
        (("greater_equal", "day", DAYS[9]), 1_000),
    ],
)
def test_a_condition_keeps_what_statistics_say(condition, expected):
    assert rows(where(*condition)) == pytest.approx(expected, rel=0.02)


def test_both_ends_of_a_range_are_one_condition():
    day = column(FLIGHTS.schema, "day")
    both = call(
        "and",
        call("greater_equal", day, literal(DAYS[4])),
        call("less", day, literal(DAYS[5])),
    )
    assert rows(Filter(FLIGHTS, both)) == pytest.approx(1_000)


def test_values_of_a_list_add_up():
    origin = column(FLIGHTS.schema, "origin")
    some = InList(origin, (literal("JFK"), literal("EWR"), literal("SEA")))
    assert rows(Filter(FLIGHTS, some)) == pytest.approx(8_020)
    assert rows(Filter(FLIGHTS, call("not", some))) == pytest.approx(1_980, rel=0.01)


def test_a_pattern_is_tried_on_the_frequent_values():
    like = Call("like", (column(FLIGHTS.schema, "origin"), literal("%FK")))
    assert 5_000 <= rows(Filter(FLIGHTS, like)) < 5_500


def test_conditions_on_several_columns_are_not_taken_to_be_independent():
    few = call(
        "and",
        call("equal", column(FLIGHTS.schema, "origin"), literal("SEA")),
        call("less", column(FLIGHTS.schema, "delay"), literal(10)),
    )
    assert 20 * 0.08 < rows(Filter(FLIGHTS, few)) < 20


def test_a_join_to_a_key_never_grows():
    joined = Join(FLIGHTS, PLANES, on=(("tail", "plane"),))
    found = Cardinalities(KNOWN.__getitem__).rows(joined)
    # Of 500 tails 400 are planes, and a tenth of the tails is NULL.
    assert found.likely == pytest.approx(10_000 * 0.9 * 400 / 500)
    assert found.high <= 10_000


def test_a_filter_of_one_side_reaches_through_a_join():
    some = Filter(FLIGHTS, call("equal", column(FLIGHTS.schema, "origin"), literal("SEA")))
    joined = Join(some, PLANES, on=(("tail", "plane"),))
    assert 20 * 0.9 * 400 / 500 <= rows(joined) <= 20 * 0.9


def test_a_semi_join_keeps_what_is_contained_and_an_anti_join_the_rest():
    semi = Join(FLIGHTS, PLANES, JoinKind.SEMI, (("tail", "plane"),))
    anti = Join(FLIGHTS, PLANES, JoinKind.ANTI, (("tail", "plane"),))
    assert rows(semi) == pytest.approx(7_200)
    assert rows(anti) == pytest.approx(2_800)


def test_frequent_values_of_both_sides_are_matched_one_by_one():
    other = Read("other", Schema.of(port="text"))
    half = ColumnStatistics(
        distinct=2, null_fraction=0.0, common=MappingProxyType({"JFK": 0.5, "SEA": 0.5})
    )
    known = {**KNOWN, "other": TableStatistics(Estimate.exactly(100), {"port": half})}
    joined = Join(FLIGHTS, other, on=(("origin", "port"),))
    found = Cardinalities(known.__getitem__).rows(joined).likely
    assert found == pytest.approx(5_000 * 50 + 20 * 50, rel=0.1)


def grouped(*names: str) -> Aggregate:
    return Aggregate(
        FLIGHTS,
        tuple(Named(name, column(FLIGHTS.schema, name)) for name in names),
        (Named("n", Call("count", ())),),
    )


def test_groups_are_as_many_as_values_and_never_more_than_rows():
    assert rows(grouped("origin")) == 102
    assert rows(grouped("tail")) == 501  # NULL is a group
    assert rows(grouped("tail", "delay", "day")) == 10_000


def test_what_follows_from_a_key_makes_no_groups():
    assert rows(grouped("id", "origin", "day")) == 10_000
    few = Filter(FLIGHTS, call("less_equal", column(FLIGHTS.schema, "id"), literal(50)))
    keys = tuple(Named(name, column(FLIGHTS.schema, name)) for name in ("id", "origin", "tail"))
    assert rows(Aggregate(few, keys, ())) == pytest.approx(50)


def test_a_filter_of_a_sum_is_a_tail_of_a_curve():
    totals = Aggregate(
        FLIGHTS,
        (Named("tail", column(FLIGHTS.schema, "tail")),),
        (Named("total", Call("sum", (column(FLIGHTS.schema, "delay"),))),),
    )
    # About twenty flights each of some 50: a thousand, and hardly ever twice as much.
    mean = Filter(totals, call("greater", column(totals.schema, "total"), literal(990)))
    most = Filter(totals, call("greater", column(totals.schema, "total"), literal(2_000)))
    assert 200 < rows(mean) < 300
    assert rows(most) <= 2


def test_distinct_values_are_fewer_after_a_filter():
    few = Filter(FLIGHTS, call("less_equal", column(FLIGHTS.schema, "id"), literal(100)))
    left = Cardinalities(KNOWN.__getitem__).column(few, "tail").distinct
    assert 85 < left < 100  # a hundred rows of five hundred tails: some have two


def test_what_is_guessed_has_wide_bounds():
    unknown = {"flights": TableStatistics(Estimate.exactly(10_000))}
    guess = Cardinalities(unknown.__getitem__).rows(where("less", "delay", 25))
    sure = Cardinalities(KNOWN.__getitem__).rows(where("equal", "origin", "JFK"))
    assert guess.high / guess.low > 3 * (sure.high / sure.low)


def test_an_earlier_run_beats_what_is_derived_but_not_a_count():
    jfk = where("equal", "origin", "JFK")
    seen = {jfk: 7.0, FLIGHTS: 3.0}
    known = Cardinalities(KNOWN.__getitem__, seen.get)
    assert (known.rows(jfk).likely, known.rows(jfk).provenance) == (7.0, Provenance.OBSERVED)
    assert known.rows(FLIGHTS) == Estimate.exactly(10_000)


def test_a_hint_says_no_more_than_there_can_be():
    few = Limit(FLIGHTS, 5)
    assert rows(Hint(few, rows=3)) == 3
    assert rows(Hint(few, rows=1_000_000)) == 5


def test_two_columns_are_equal_as_often_as_the_one_with_more_values_has_each():
    same = call("equal", column(FLIGHTS.schema, "origin"), column(FLIGHTS.schema, "tail"))
    assert rows(Filter(FLIGHTS, same)) == pytest.approx(10_000 * 0.9 / 500)


def test_a_hint_is_the_estimate_of_what_it_is_about():
    some = where("less", "delay", 25)
    known = Cardinalities(KNOWN.__getitem__)
    known.heed(Limit(Hint(some, rows=3), 10))
    assert (known.rows(some).likely, known.rows(some).provenance) == (3, Provenance.HINT)


def test_hints_that_contradict_are_said():
    twice = Hint(Hint(FLIGHTS, rows=5), rows=20_000)
    assert list(contradictions(twice, KNOWN.__getitem__)) == [
        ".hint(rows=20000) says more than there can be: 10,000 is taken",
        ".hint(rows=5) and .hint(rows=20000) are of the same rows: the later is taken",
    ]


def test_columns_besides_a_key_filter_what_it_brings_together():
    towns = Read("towns", Schema.of(plane="text", town="text"))
    places = ColumnStatistics(distinct=102, null_fraction=0.0)
    known = {
        **KNOWN,
        "towns": TableStatistics(
            Estimate.exactly(400),
            {"plane": KNOWN["planes"].columns["plane"], "town": places},
            keys=(frozenset({"plane"}),),
        ),
    }
    joined = Join(FLIGHTS, towns, on=(("tail", "plane"), ("origin", "town")))
    found = Cardinalities(known.__getitem__).rows(joined).likely
    assert found == pytest.approx(10_000 * 0.9 * 400 / 500 / 102, rel=0.05)


@pytest.mark.parametrize("function", ["sum", "mean", "min", "max"])
def test_values_at_the_ends_of_what_a_double_holds_are_summed_up_without_bounds(function):
    table = Read("t", Schema.of(x="float64"))
    known = TableStatistics(
        Estimate.exactly(10), {"x": ColumnStatistics(distinct=10, low=-1e308, high=1e308)}
    )
    total = Aggregate(table, (), (Named("y", call(function, column(table.schema, "x"))),))
    large = Filter(total, call("greater", column(total.schema, "y"), literal(0.0)))

    rows = Cardinalities(lambda _: known).rows(large)

    assert 0.0 <= rows.likely <= 1.0
