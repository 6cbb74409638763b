"""How many rows of a result one row of a table can change, decided from the plan."""

from __future__ import annotations

import math

import pytest

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed.federated.context import FederatedContext
from wayfed.federated.privacy.reach import reach

KEYS = {"customers": (("customer_id",),)}


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> FederatedContext:
    path = tmp_path_factory.mktemp("bank") / "empty.csv"
    path.write_text("customer_id,amount,age\n")
    return wf.context(
        env="federated",
        parties={
            "schema": {
                "customers": {"customer_id": "int64", "age": "int64"},
                "tx": {"customer_id": "int64", "amount": "float64"},
            },
            "keys": {"customers": ["customer_id"]},
            "party": {"bank": {"tables": {"tx": {"source": str(path)}}}},
        },
    )


def tx(ctx: FederatedContext) -> Dataset:
    return ctx.read("tx")


def totals(ctx: FederatedContext) -> Dataset:
    return tx(ctx).group_by("customer_id").agg(total=wf.sum("amount"))


def joined(ctx: FederatedContext, how: str = "inner") -> Dataset:
    return ctx.read("customers").join(tx(ctx), on="customer_id", how=how)


def test_a_row_that_may_make_the_plan_fail_changes_all_of_it(ctx: FederatedContext) -> None:
    age = wf.col("age")
    customers = ctx.read("customers")

    def failing(plan: Dataset) -> dict[str, float]:
        return dict(reach(plan.relation, lambda table: KEYS.get(table, ()), failing=True))

    assert failing(customers.filter(age > 30)) == {"customers": 1}
    assert failing(customers.with_columns(age=age.cast("float64") * 2)) == {"customers": 1}
    assert failing(customers.with_columns(age=age * 2)) == {"customers": math.inf}
    assert failing(customers.filter(age.cast("text").cast("int64") > 1)) == {"customers": math.inf}
    assert failing(tx(ctx).join(customers.filter(age + 1 > 30), on="customer_id", how="semi")) == {
        "customers": math.inf,
        "tx": 1,
    }


PLANS = {
    "rows as they are": (tx, {"tx": 1}),
    "a filter and a value": (
        lambda c: tx(c).filter(wf.col("amount") > 1).with_columns(x=wf.col("amount") * 2),
        {"tx": 1},
    ),
    "sorted": (lambda c: tx(c).sort("amount"), {"tx": 1}),
    "a copy": (lambda c: tx(c).union(tx(c)), {"tx": 2}),
    "totals": (totals, {"tx": 2}),
    "one total": (lambda c: c.sql("select count(*) as n from tx"), {"tx": 2}),
    "different rows": (lambda c: tx(c).distinct(), {"tx": 1}),
    "the first rows": (lambda c: tx(c).sort("amount").limit(5), {"tx": math.inf}),
    "joined to many": (joined, {"customers": math.inf, "tx": 1}),
    "joined and grouped by the key": (
        lambda c: joined(c).group_by("customer_id").agg(total=wf.sum("amount")),
        {"customers": 2, "tx": 2},
    ),
    "joined and grouped by another": (
        lambda c: joined(c).group_by("age").agg(total=wf.sum("amount")),
        {"customers": 2, "tx": 2},
    ),
    "grouped, then joined": (
        lambda c: c.read("customers").join(totals(c), on="customer_id"),
        {"customers": 1, "tx": 2},
    ),
    "grouped, then joined, with who has none": (
        lambda c: c.read("customers").join(totals(c), on="customer_id", how="left"),
        {"customers": 1, "tx": 4},
    ),
    "joined with itself": (
        lambda c: totals(c).join(totals(c).rename(total="again"), on="customer_id"),
        {"tx": 8},
    ),
    "customers with transactions": (
        lambda c: c.read("customers").join(tx(c), on="customer_id", how="semi"),
        {"customers": 1, "tx": 1},
    ),
    "transactions of customers": (
        lambda c: tx(c).join(c.read("customers"), on="customer_id", how="semi"),
        {"customers": math.inf, "tx": 1},
    ),
    "compared with the mean": (
        lambda c: c.sql("select amount - (select avg(amount) from tx) as x from tx"),
        {"tx": math.inf},
    ),
    "a filter by the mean": (
        lambda c: c.sql("select amount from tx where amount > (select avg(amount) from tx)"),
        {"tx": math.inf},
    ),
    "ranked": (
        lambda c: c.sql(
            "select customer_id, row_number() over (partition by customer_id order by amount) as n "
            "from tx"
        ),
        {"tx": math.inf},
    ),
    "ranked, then grouped by the same": (
        lambda c: c.sql(
            "select customer_id, max(n) as n from (select customer_id, row_number() over "
            "(partition by customer_id order by amount) as n from tx) group by customer_id"
        ),
        {"tx": 2},
    ),
    "ranked over all, then grouped": (
        lambda c: c.sql(
            "select customer_id, max(n) as n from (select customer_id, row_number() over "
            "(order by amount) as n from tx) group by customer_id"
        ),
        {"tx": math.inf},
    ),
}


@pytest.mark.parametrize(("plan", "expected"), PLANS.values(), ids=PLANS)
def test_a_row_reaches_as_far_as_the_plan_lets_it(
    ctx: FederatedContext, plan: object, expected: dict[str, float]
) -> None:
    assert dict(reach(plan(ctx).relation, lambda table: KEYS.get(table, ()))) == expected


def test_without_a_declared_key_a_join_is_to_many(ctx: FederatedContext) -> None:
    assert dict(reach(joined(ctx).relation, lambda table: ())) == {
        "customers": math.inf,
        "tx": math.inf,
    }


def test_a_plan_that_names_its_parts_many_times_is_traced_at_once(ctx: FederatedContext) -> None:
    plan = tx(ctx)
    for _ in range(60):
        plan = plan.union(plan)

    assert dict(reach(plan.relation, lambda table: ())) == {"tx": 2.0**60}
