"""Federated statistics: what parties tell of their rows, and what their policies keep from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from wayfed.federated.context import FederatedContext
from wayfed.federated.statistics.sketch import Sketch, merged_quantile
from wayfed.federated.statistics.withholding import withheld
from wayfed_optimizer.errors import ColumnNotFound, InvalidOption, PolicyViolation

SCHEMA = {"amount": "float64", "kind": "text", "owner": "int64"}
Federate = Callable[..., FederatedContext]


def rows(amounts: list[float | None], kinds: list[str | None]) -> pa.Table:
    owners = [n % 3 for n in range(len(amounts))]
    return pa.table({"amount": amounts, "kind": kinds, "owner": owners})


ASH = rows([1.0, 2.0, 3.0, 4.0, None], ["card", "card", "card", "cash", None])
BIRCH = rows([10.0, 20.0, 30.0], ["card", "cash", "cash"])


@pytest.fixture
def federate(tmp_path: Path) -> Iterator[Federate]:
    """Makes a context of parties' tables; `policy` is that of each."""
    with ExitStack() as stack:

        def make(
            policy: dict[str, Any] | None = None,
            schema: dict[str, str] = SCHEMA,
            **tables: pa.Table,
        ) -> FederatedContext:
            party = {}
            for name, table in (tables or {"ash": ASH, "birch": BIRCH}).items():
                pq.write_table(table, tmp_path / f"{name}.parquet")
                source = {"source": str(tmp_path / f"{name}.parquet")}
                party[name] = {"tables": {"tx": source}, "policy": policy or {}}
            parties = {"schema": {"tx": schema}, "party": party}
            return stack.enter_context(wf.context(env="federated", parties=parties))

        yield make


def test_rows_are_counted_at_every_party(federate: Federate):
    assert federate().read("tx").filter(lambda t: t.amount > 2).count() == 5


def test_no_rows_are_counted_as_none(federate: Federate):
    none = federate().read("tx").filter(lambda t: t.amount > 99)

    assert (none.count(), none.describe().rows) == (0, 0)


def test_moments_and_categories_are_those_of_all_rows_together(federate: Federate):
    told = federate().read("tx").describe()

    amounts = [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0]
    assert (told.rows, told.parties, told.left_out) == (8, ("ash", "birch"), {})
    assert (told["amount"].values, told["amount"].missing) == (7, 1)
    assert told["amount"].mean == pytest.approx(np.mean(amounts), rel=1e-12)
    assert told["amount"].stddev == pytest.approx(np.std(amounts, ddof=1), rel=1e-12)
    assert told["kind"].frequent == {"card": 4, "cash": 3}
    assert "of 8 rows at ash, birch" in repr(told)
    assert "<table>" in told._repr_html_()


def test_quantiles_are_within_a_hundredth(federate: Federate):
    amounts = np.random.default_rng(3).lognormal(size=4_000)
    halves = [rows(list(half), ["card"] * 2_000) for half in np.split(amounts, 2)]
    told = federate(ash=halves[0], birch=halves[1]).read("tx").describe(quantiles=[0.1, 0.5, 0.9])

    assert told["amount"].quantiles == {
        f"{q:.0%}": pytest.approx(np.quantile(amounts, q, method="inverted_cdf"), rel=0.0101)
        for q in (0.1, 0.5, 0.9)
    }


def test_a_histogram_counts_what_lies_in_the_ranges_that_were_asked_for(federate: Federate):
    told = federate().read("tx").describe("amount", histograms={"amount": [0, 3, 10, 20]})

    assert told["amount"].histogram == {"[0, 3)": 2, "[3, 10)": 2, "[10, 20]": 2}


def test_categories_that_are_rare_over_all_parties_may_be_left_out(federate: Federate):
    told = federate().read("tx").describe("kind", min_count=4, top=1)

    assert told["kind"].frequent == {"card": 4}


def test_a_party_with_few_rows_tells_nothing_and_a_count_without_it_is_none(federate: Federate):
    few = federate({"min_rows": 4}).read("tx")

    told = few.describe("amount")
    assert (told.parties, told.left_out) == (("ash",), {"birch": "fewer rows than its min_rows=4"})
    with pytest.raises(PolicyViolation, match="party 'birch': fewer rows than its min_rows=4"):
        few.count()


def test_what_fewer_rows_share_than_the_policy_says_is_not_told(federate: Federate):
    kinds = ["card"] * 6 + ["cash"] * 5 + ["gold"]
    told = federate({"min_rows": 5}, ash=rows([float(n) for n in range(12)], kinds))
    described = told.read("tx").describe(
        "amount", "kind", histograms={"amount": [0, 6, 9, 11]}, quantiles=[0.0, 1.0]
    )

    # What "gold" has would follow from the total, if "cash" were told.
    assert described["kind"].frequent == {"card": 6}
    assert described["amount"].histogram == {"[0, 6)": 6, "[6, 9)": None, "[9, 11]": None}
    assert described["amount"].quantiles is not None
    assert all(value < 11 * 1.01 for value in described["amount"].quantiles.values())


def test_a_column_with_few_values_is_withheld_by_name(federate: Federate):
    told = federate({"min_rows": 4}, ash=rows([1.0, None, None, None], ["card"] * 4))

    described = told.read("tx").describe("amount")
    assert described["amount"].withheld_by == ("ash",)
    # Whether few rows have one or few have none would tell of those few.
    few = "everything: fewer rows have a value, or have none, than its min_rows=4"
    assert described.withheld == {"amount": {"ash": few}}
    assert repr(described).endswith(f"\n  not told of 'amount' by ash: {few}")
    assert f"not told of &#x27;amount&#x27; by ash: {few}" in described._repr_html_()


def test_what_is_told_in_part_is_named_with_the_party_and_its_rule(federate: Federate):
    kinds = ["card"] * 6 + ["cash"] * 5 + ["gold"]
    amounts = [float(n) for n in range(11)] + [float("inf")]
    ctx = federate({"min_rows": 5}, ash=rows(amounts, kinds), birch=rows(amounts, ["card"] * 12))
    described = ctx.read("tx").describe("amount", "kind", histograms={"amount": [0, 6, 8, 20]})

    finite = (
        "mean, deviation and quantiles: fewer values are finite, or are not, than its min_rows=5; "
        "ranges of fewer rows than its min_rows=5"
    )
    assert described.withheld == {
        "amount": {"ash": finite, "birch": finite},
        "kind": {"ash": "categories of fewer rows than its min_rows=5"},
    }
    assert described["amount"].withheld_by == ()
    assert f"\n  not told of 'amount' by ash, birch: {finite}\n" in repr(described)


def test_a_group_that_is_smaller_than_a_closed_column_needs_is_named_by_its_rule(
    federate: Federate,
):
    closed = {"columns": {"amount": "aggregate_only", "kind": "feature"}, "min_group": 10}
    described = federate(closed).read("tx").describe("amount")

    few = "everything: fewer rows have a value, or have none, than its min_group=10"
    assert described.withheld == {"amount": {"ash": few, "birch": few}}


CLOSED = {"columns": {"amount": "aggregate_only", "kind": "feature", "owner": "join_key"}}


def test_a_column_of_which_only_aggregates_may_be_told_can_be_described(federate: Federate):
    whole = rows([1.0, 2.0, 3.0, 4.0], ["card", "card", "card", "cash"])
    ctx = federate({**CLOSED, "min_rows": 2}, ash=whole, birch=BIRCH)

    assert ctx.read("tx").describe("amount")["amount"].mean == pytest.approx(10.0)
    with pytest.raises(PolicyViolation, match="'amount' is 'aggregate_only'"):
        ctx.read("tx").select("amount").to_numpy()


def test_a_key_and_a_column_that_is_for_nothing_are_not_described(federate: Federate):
    ctx = federate({"columns": {"amount": "never", "owner": "join_key"}})

    with pytest.raises(PolicyViolation) as raised:
        ctx.read("tx").describe("amount", "owner")
    assert "'amount' is 'never'" in str(raised.value)
    assert "'owner' is 'join_key'" in str(raised.value)


def test_who_names_no_column_gets_what_each_policy_lets_its_party_tell(
    federate: Federate, tmp_path: Path
):
    keyed = {"amount": "feature", "kind": "feature", "owner": "join_key"}
    parties = {"ash": {"columns": keyed}, "birch": {}}
    federate()
    with wf.context(
        env="federated",
        parties={
            "schema": {"tx": SCHEMA},
            "party": {
                name: {"tables": {"tx": {"source": f"{tmp_path}/{name}.parquet"}}, "policy": policy}
                for name, policy in parties.items()
            },
        },
    ) as ctx:
        described = ctx.read("tx").describe()

        assert (described["amount"].values, described["owner"].values) == (7, 3)
        assert described["owner"].withheld_by == ("ash",)
        assert described.withheld["owner"]["ash"] == (
            "everything: column 'owner' is 'join_key', and the plan uses it within an aggregate of "
            "the result"
        )
        with pytest.raises(PolicyViolation, match="'owner' is 'join_key'"):
            ctx.read("tx").describe("owner")
        with pytest.raises(PolicyViolation, match="to decide which rows there are"):
            ctx.read("tx").filter(lambda t: t.owner > 0).describe()


@pytest.mark.parametrize(
    "window", ["sum(amount) OVER (ORDER BY owner)", "rank() OVER (ORDER BY amount)"]
)
def test_columns_beside_one_that_breaks_a_rule_are_described(federate: Federate, window: str):
    policy = {"columns": {"amount": "aggregate_only", "kind": "feature", "owner": "feature"}}
    tx = federate(policy).sql(f"SELECT owner, kind, {window} AS told FROM tx")

    described = tx.describe()

    assert (described["owner"].values, described["kind"].values) == (8, 7)
    assert described["told"].withheld_by == ("ash", "birch")
    assert "'amount'" in described.withheld["told"]["ash"]
    with pytest.raises(PolicyViolation, match="'amount'"):
        tx.describe("told")


def test_few_enough_columns_are_looked_at_one_by_one(federate: Federate):
    policy = {"columns": {"amount": "aggregate_only", "kind": "feature", "owner": "feature"}}
    many = ", ".join(f"owner + {n} AS o{n}" for n in range(64))
    tx = federate(policy).sql(f"SELECT {many}, rank() OVER (ORDER BY amount) AS told FROM tx")

    with pytest.raises(PolicyViolation, match="'amount'"):
        tx.describe()


def test_a_product_with_an_indicator_is_no_statistic_of_a_closed_column(federate: Federate):
    ctx = federate({**CLOSED, "min_rows": 2})
    chosen = ctx.read("tx").select(
        x=wf.when(wf.col("kind") == "cash").then(wf.col("amount")).otherwise(0.0)
    )

    with pytest.raises(PolicyViolation, match="computes with it and 'kind' before it aggregates"):
        chosen.describe()


def test_a_party_whose_policy_requires_privacy_tells_no_statistics(
    federate: Federate, tmp_path: Path
):
    privacy = {"epsilon": 1.0, "delta": 1e-5, "ledger": str(tmp_path / "ledger")}

    with pytest.raises(Exception, match="requires privacy"):
        federate({"privacy": privacy}).read("tx").count()


def test_what_is_asked_wrongly_is_told_before_anyone_is_asked(federate: Federate):
    tx = federate().read("tx")

    with pytest.raises(ColumnNotFound, match="'amont'"):
        tx.describe("amont")
    with pytest.raises(InvalidOption, match="a quantile is a fraction"):
        tx.describe(quantiles=[50])
    with pytest.raises(InvalidOption, match="finite numbers that grow"):
        tx.describe(histograms={"amount": [3, 1]})
    with pytest.raises(InvalidOption, match="'kind' is text; a histogram is of numbers"):
        tx.describe(histograms={"kind": [1, 3]})


def test_a_session_for_statistics_trains_nothing(federate: Federate):
    from flwr.app import Message, RecordDict

    from wayfed.federated.parties.session import Session
    from wayfed.federated.wire import flower_process, question
    from wayfed_optimizer.wire import to_wire

    ctx = federate()
    session = Session(ctx._members[0])
    plan = to_wire(ctx.read("tx").relation, names=("tx",)).decode()

    def send(kind: str, asked: dict[str, Any]) -> RecordDict:
        return session.answer(Message(question(asked), 1, kind), None).content

    with flower_process():
        send("query.plan", {"plan": plan, "purpose": "describe"})
        with pytest.raises(Exception, match="no plan"):
            send("query.begin", {"features": [], "classes": None})


# Sketches


def test_a_sketch_of_parts_is_the_sketch_of_the_whole():
    values = np.random.default_rng(5).normal(scale=1e6, size=1_000)
    values[:3] = [0.0, 1e-300, -1e300]
    parts = [Sketch.of(part) for part in np.array_split(values, 7)]

    for fraction in (0.0, 0.01, 0.5, 1.0):
        assert merged_quantile(parts, fraction) == Sketch.of(values).quantile(fraction)


def test_a_sketch_holds_the_whole_range_of_doubles():
    largest = np.finfo(np.float64).max
    sketch = Sketch.of(np.array([-largest, -1.0, 0.0, 5e-324, largest]))

    assert sketch.quantile(1.0) == pytest.approx(largest, rel=0.011)
    assert sketch.quantile(0.0) == pytest.approx(-largest, rel=0.011)
    assert sketch.quantile(0.5) == 0.0


def test_no_bin_of_a_coarse_sketch_is_of_few_values():
    sketch = Sketch.of(np.random.default_rng(6).lognormal(size=500)).coarsened(30)

    assert sum(count for *_, count in sketch.bins) == 500
    assert min(count for *_, count in sketch.bins) >= 30
    assert Sketch.of(np.arange(29.0)).coarsened(30).bins == ()


@pytest.mark.parametrize(
    "plain",
    [
        None,
        [[1, 2]],
        [[2, 1, 5]],
        [[1, 1, 0]],
        [[1, 1, -5]],
        [[5, 5, 1], [1, 1, 1]],
        [[0, 10**9, 1]],
    ],
)
def test_what_is_no_sketch_is_refused(plain: Any):
    with pytest.raises(InvalidOption):
        Sketch.from_plain(plain)


@pytest.mark.parametrize(
    ("counts", "least", "told"),
    [
        ([5, 5], 5, [5, 5]),
        ([5, 4], 5, [None, None]),
        ([9, 5, 4, 3], 5, [9, 5, None, None]),
        ([0, 1], 5, [0, None]),
        ([], 5, []),
    ],
)
def test_small_counts_cannot_be_had_from_the_total(
    counts: list[int], least: int, told: list[int | None]
):
    assert withheld(counts, least) == told
