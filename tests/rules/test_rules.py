"""Rules by example: each fixture names a rule, a plan, and the plan that the rule makes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from tests.rules.plan_text import read_plan
from wayfed_optimizer.expressions import Named, Subquery, SubqueryKind, call, column
from wayfed_optimizer.relations import Filter, Join, JoinKind, Read, Relation, Select, reads
from wayfed_optimizer.rewrite import ALTERNATIVES, NORMALISING, RewriteContext, rewrite
from wayfed_optimizer.rewrite.alternatives import Surroundings
from wayfed_optimizer.rewrite.inference import infer_filters
from wayfed_optimizer.rewrite.prune import prune_columns
from wayfed_optimizer.statistics import (
    Cardinalities,
    ColumnStatistics,
    Estimate,
    TableStatistics,
)
from wayfed_optimizer.text import describe
from wayfed_optimizer.types import INT64, TEXT, Field, Schema

TABLES = {
    "t": Schema.of(a="int64", b="int64", c="text", d="date", x="float64", at="timestamp"),
    "u": Schema.of(k="int64", m="int64", n="text", y="float64", then="timestamp"),
    "v": Schema.of(p="int64", q="int32", r="text"),
    "lists": Schema.of(a="int64", c="text", tags="list<text>"),
    # The first letter of these is their store.
    "p1": Schema.of(p1_a="int64", p1_b="int64", p1_x="float64"),
    "p2": Schema.of(p2_a="int64", p2_b="int64"),
    "q1": Schema.of(q1_a="int64", q1_b="int64"),
    "q2": Schema.of(q2_a="int64", q2_b="int64"),
    "p3": Schema.of(p3_a="int32", p3_c="text"),
    "q3": Schema.of(q3_c="text", q3_x="float64"),
    # Of this one the first column is a key.
    "w": Schema((Field("w", INT64, False), Field("size", INT64), Field("label", TEXT))),
}
RULES = {rule.name: rule for rule in NORMALISING}
OFFERED = {rule.name: rule for rule in ALTERNATIVES}
BY_SIZES = {"reduce_left", "reduce_right", "range_left", "range_right"}
KEYS = {"q2": frozenset({"q2_a"}), "w": frozenset({"w"})}


def keys(table: str) -> tuple[frozenset[str], ...]:
    return (KEYS[table],) if table in KEYS else ()


def sized(table: str) -> TableStatistics:
    """Of what is in p: a million rows, with as many values; of the rest, the first 50,000."""
    rows = 1_000_000 if table.startswith("p") else 50_000
    known = ColumnStatistics(distinct=rows, low=1, high=rows)
    return TableStatistics(Estimate.exactly(rows), dict.fromkeys(TABLES[table].names, known))


@dataclass(frozen=True)
class Fixture:
    place: str
    rule: str
    before: str
    after: str


def fixtures() -> list[Fixture]:
    found = []
    for path in sorted(Path(__file__).parent.glob("*.txt")):
        for number, block in enumerate(path.read_text().strip().split("\n\n"), 1):
            rule, _, plans = block.partition("\n")
            before, _, after = plans.partition("\n=>\n")
            found.append(Fixture(f"{path.stem}-{number}-{rule}", rule, before, after))
    return found


def apply(rule: str, plan: Relation) -> Relation | None:
    context = RewriteContext(keys)
    match rule:
        case "rewrite":
            return rewrite(plan).relation
        case "prune_columns":
            return prune_columns(plan, context)
        case "infer_filters":
            return infer_filters(plan, context)
    if rule in OFFERED:
        stores = lambda relation: [read.table[0] for read in reads(relation)]  # noqa: E731
        rows = Cardinalities(sized) if rule in BY_SIZES else None
        return OFFERED[rule].apply(plan, Surroundings(stores, keys, rows))
    assert isinstance(plan, RULES[rule].on)
    return RULES[rule].apply(plan, context)


@pytest.mark.parametrize("fixture", fixtures(), ids=lambda fixture: fixture.place)
def test_a_rule_makes_of_a_plan_what_its_fixture_says(fixture: Fixture) -> None:
    before = read_plan(fixture.before, TABLES)
    made = apply(fixture.rule, before)
    if fixture.after.strip() == "unchanged":
        assert made is None or made is before, describe(made)
        return
    assert made is not None, "the rule did not fire"
    assert made.schema == before.schema
    if fixture.rule in OFFERED and "FirstMatches" in fixture.after:
        # Nobody writes one, so nobody reads one: its variable is named after the candidates.
        assert re.sub(r"candidates_\w+", "candidates", describe(made)) == dedent(fixture.after)
        return
    expected = read_plan(fixture.after, TABLES)
    assert describe(made) == describe(expected)
    assert made == expected


def test_every_rule_has_a_fixture_in_which_it_fires() -> None:
    shown = {fixture.rule for fixture in fixtures() if "unchanged" not in fixture.after}
    assert set(RULES) - shown == {"turn_subquery_into_semi_join", "turn_subquery_into_anti_join"}
    assert shown >= {"associate_joins", "aggregate_before_join", "look_up_after_top", *BY_SIZES}


@pytest.mark.parametrize("fixture", fixtures(), ids=lambda fixture: fixture.place)
def test_a_rewritten_plan_cannot_be_rewritten_further(fixture: Fixture) -> None:
    once = rewrite(read_plan(fixture.before, TABLES)).relation
    assert rewrite(once).relation == once
    with_keys = rewrite(once, keys).relation
    assert rewrite(with_keys, keys).relation == with_keys


def test_what_a_subquery_says_of_a_row_is_not_inferred_under_another_name() -> None:
    t, u = (Read(name, TABLES[name]) for name in "tu")
    values = Select(t, (Named("v", column(t.schema, "a")),))
    known = Filter(t, call("not", Subquery(SubqueryKind.IN, values, column(t.schema, "a"))))
    renamed = Select(known, (Named("v", column(t.schema, "a")),))
    plan = Join(renamed, u, on=(("v", "k"),))
    assert apply("infer_filters", plan) == plan


def test_what_is_not_in_a_subquery_is_an_anti_join_where_nothing_is_null() -> None:
    w, t = (Read(name, TABLES[name]) for name in "wt")
    given = Filter(t, call("is_not_null", column(t.schema, "a")))
    values = Select(w, (Named("w", column(w.schema, "w")),))
    absent = call("not", Subquery(SubqueryKind.IN, values, column(t.schema, "a")))
    rule = RULES["turn_subquery_into_anti_join"]

    known = rule.apply(Filter(given, absent), RewriteContext(keys))
    unknown = rule.apply(Filter(t, absent), RewriteContext(keys))

    assert isinstance(known, Join)
    assert known.kind is JoinKind.ANTI
    assert unknown is None
