"""Policies: no way through a plan hides what it does with a column."""

from __future__ import annotations

import pytest

from wayfed.federated.parties.policy import Policy, Role
from wayfed_optimizer.expressions import (
    Call,
    Case,
    Cast,
    Named,
    SortKey,
    Subquery,
    SubqueryKind,
    WindowCall,
    call,
    column,
    literal,
)
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    JoinKind,
    MapBatches,
    MapKind,
    Read,
    Relation,
    Sample,
    Select,
    SetKind,
    SetOperation,
    Sort,
    Window,
)
from wayfed_optimizer.rewrite import rewrite
from wayfed_optimizer.types import INT64, Schema

TABLE = Read("t", Schema.of(id="int64", amount="float64", label="int64", secret="float64"))
POLICY = Policy(
    columns={
        "id": Role.JOIN_KEY,
        "amount": Role.FEATURE,
        "label": Role.LABEL,
        "secret": Role.AGGREGATE_ONLY,
    }
)


def select(below: Relation, **outputs: str) -> Select:
    return Select(
        below, tuple(Named(name, column(below.schema, old)) for name, old in outputs.items())
    )


AMOUNT = select(TABLE, amount="amount")
BOTH = select(TABLE, amount="amount", secret="secret")
SECRETS = select(TABLE, s="secret")
TOTALS = Aggregate(TABLE, (), (Named("total", call("sum", column(TABLE.schema, "secret"))),))
RANKED = Window(
    TABLE,
    (Named("rank", WindowCall("row_number", (), (), (SortKey(column(TABLE.schema, "secret")),))),),
)


def above(value: object) -> object:
    return call("greater", value, literal(1.0))


def scalar(relation: Relation) -> Subquery:
    return Subquery(SubqueryKind.SCALAR, relation)


BREAKING = {
    "a filter": select(Filter(TABLE, above(column(TABLE.schema, "secret"))), amount="amount"),
    "a sort": Sort(BOTH, (SortKey(column(BOTH.schema, "secret")),)),
    "a sample": select(Sample(TABLE, ("secret",), 0.0, 0.5), amount="amount"),
    "one row for each": select(Distinct(TABLE, ("secret",)), amount="amount"),
    "different rows": select(Distinct(BOTH), amount="amount"),
    "a difference": select(SetOperation(SetKind.EXCEPT, BOTH, BOTH), amount="amount"),
    "a union without doubles": select(SetOperation(SetKind.UNION, BOTH, BOTH), amount="amount"),
    "a rank": select(
        Filter(RANKED, call("equal", column(RANKED.schema, "rank"), literal(1))), amount="amount"
    ),
    "a semi join": Join(BOTH, SECRETS, JoinKind.SEMI, (("secret", "s"),)),
    "a join's condition": Join(AMOUNT, SECRETS, predicate=above(column(SECRETS.schema, "s"))),
    "a subquery in a join's condition": Join(
        AMOUNT,
        select(TABLE, key="id"),
        predicate=call("greater", column(AMOUNT.schema, "amount"), scalar(SECRETS)),
    ),
    "a subquery's filter": Filter(
        AMOUNT,
        Subquery(SubqueryKind.EXISTS, Filter(SECRETS, above(column(SECRETS.schema, "s")))),
    ),
    "a case": Select(
        TABLE,
        (
            Named(
                "x",
                Case(((above(column(TABLE.schema, "secret")), literal(1)),), literal(0)),
            ),
        ),
    ),
    "some row's value": Aggregate(
        TABLE, (), (Named("x", call("any_value", column(TABLE.schema, "secret"))),)
    ),
    "the first in an order": Aggregate(
        TABLE,
        (),
        (
            Named(
                "x",
                Call(
                    "first",
                    (column(TABLE.schema, "amount"),),
                    order_by=(SortKey(column(TABLE.schema, "secret")),),
                ),
            ),
        ),
    ),
    "a function over batches": Aggregate(
        MapBatches(BOTH, "f", "f", MapKind.BATCHES, Schema.of(z="int64")),
        (),
        (Named("n", call("count")),),
    ),
}


@pytest.mark.parametrize("plan", BREAKING.values(), ids=BREAKING)
def test_a_column_that_only_aggregates_may_use_decides_nothing(plan: Relation):
    violations = POLICY.violations(rewrite(plan).relation)

    assert any("'secret' is 'aggregate_only'" in sentence for sentence in violations)


def constant(name: str) -> Select:
    return Select(TABLE, (Named(name, literal(1017)),))


def equals(value: int) -> Call:
    return call("equal", column(TABLE.schema, "id"), literal(value))


KEYS = select(TABLE, k="id")
WHOLE = select(TABLE, id="id", amount="amount")
ONE = Select(TABLE, (Named("id", literal(1017)), Named("amount", column(TABLE.schema, "amount"))))
KEEPING = {
    "a sum": TOTALS,
    "a sum as a value": Select(TABLE, (Named("x", scalar(TOTALS)),)),
    "a union of all": select(SetOperation(SetKind.UNION, BOTH, BOTH, all=True), amount="amount"),
    "different keys": select(Distinct(TABLE, ("id",)), amount="amount"),
    "different rows": Distinct(select(TABLE, id="id", amount="amount", label="label")),
    "a join of keys": select(
        Join(WHOLE, select(TABLE, k="id"), on=(("id", "k"),)), amount="amount"
    ),
    "a group of a key": Aggregate(
        TABLE,
        (Named("id", column(TABLE.schema, "id")),),
        (Named("usual", call("mean", column(TABLE.schema, "amount"))),),
    ),
    "a column that nothing needs": select(BOTH, amount="amount"),
}


FILTERING = {
    "a filter": select(Filter(TABLE, equals(1017)), amount="amount"),
    "a join with a literal": select(Join(WHOLE, constant("k"), on=(("id", "k"),)), amount="amount"),
    "a semi join with a literal": Join(WHOLE, constant("k"), JoinKind.SEMI, (("id", "k"),)),
    "a literal on the left": select(Join(constant("k"), WHOLE, on=(("k", "id"),)), amount="amount"),
    "what is computed of the key": Join(
        WHOLE,
        Select(
            TABLE,
            (Named("k", call("multiply", column(TABLE.schema, "id"), literal(0))),),
        ),
        JoinKind.SEMI,
        (("id", "k"),),
    ),
    "a feature": Join(
        WHOLE,
        Select(TABLE, (Named("k", Cast(column(TABLE.schema, "amount"), INT64)),)),
        JoinKind.SEMI,
        (("id", "k"),),
    ),
    "a literal among keys": Join(
        WHOLE,
        SetOperation(SetKind.UNION, KEYS, constant("k"), all=True),
        JoinKind.SEMI,
        (("id", "k"),),
    ),
    "an intersection with a literal": select(
        SetOperation(SetKind.INTERSECT, WHOLE, ONE), amount="amount"
    ),
    "groups of who is it": Aggregate(
        TABLE,
        (Named("one", equals(1017)),),
        (Named("n", call("mean", column(TABLE.schema, "amount"))),),
    ),
}


@pytest.mark.parametrize("plan", FILTERING.values(), ids=FILTERING)
def test_a_join_key_is_filtered_by_nothing_that_is_like_a_filter(plan: Relation):
    violations = POLICY.violations(rewrite(plan).relation)

    assert any("'id' is 'join_key'" in told and "to decide which" in told for told in violations)


@pytest.mark.parametrize("plan", KEEPING.values(), ids=KEEPING)
def test_a_plan_that_keeps_to_the_roles_is_allowed(plan: Relation):
    assert POLICY.violations(rewrite(plan).relation) == ()


def test_a_label_stays_a_label_through_a_subquery():
    plan = Select(TABLE, (Named("x", scalar(select(TABLE, label="label"))),))

    assert POLICY.result_roles(plan) == {"x": Role.LABEL}


def test_where_no_column_is_listed_every_column_is_a_feature():
    assert Policy().violations(TABLE) == ()


def test_where_some_are_listed_the_others_are_for_nothing():
    (sentence,) = Policy(columns={"amount": Role.FEATURE}).violations(
        select(TABLE, amount="amount", id="id")
    )

    assert sentence == (
        "column 'id' is not listed, so it is 'never', and the plan uses it as a value of the "
        "result; leave it out of the plan"
    )
