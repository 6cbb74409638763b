"""An explanation small enough to check by eye: orders of a database join customers of a file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wayfed.execution.report import FragmentReport
from wayfed.explain.model import (
    ExchangeView,
    Explanation,
    FragmentView,
    OperatorView,
    RejectedView,
    RivalView,
    SourceView,
)
from wayfed.explain.rules import RuleView
from wayfed_optimizer.cost import Cost
from wayfed_optimizer.physical import Alternative
from wayfed_optimizer.statistics import Estimate, Provenance
from wayfed_optimizer.types import INT64, TEXT, Schema

ORDERS = Schema.of(customer=INT64, amount=INT64)
CUSTOMERS = Schema.of(id=INT64, segment=TEXT)
RESULT = Schema.of(customer=INT64, amount=INT64, id=INT64, segment=TEXT)

FEW = Estimate(100, 300, 900, 0.72, Provenance.DATABASE)
NASTY = 'Filter name = \'"<b>a#1</b>"\' and x[1] > {y} | `z` %% "q"'


def fragment_in_the_database() -> FragmentView:
    read = OperatorView("Read", "Read orders", ORDERS, Estimate.exactly(1000), table="orders")
    return FragmentView(
        id="f1",
        platform="sqlite",
        operators=OperatorView("Filter", NASTY, ORDERS, FEW, inputs=(read,)),
        asked="SELECT customer, amount FROM orders WHERE name = '\"<b>a#1</b>\"'",
        language="sql",
        columns=ORDERS,
        rows=FEW,
        bytes=4800.0,
        output="arrow.stream",
        cost=Cost(cpu=0.002),
        total=Cost(cpu=0.002),
        alternatives=(Alternative("duckdb", None, "its input cannot be had there"),),
        sources=(
            SourceView(
                "orders", "shop.db", "table@sqlite", Estimate.exactly(1000), ORDERS.names, of=5
            ),
        ),
        exchanges=(),
    )


def fragment_of_the_join() -> FragmentView:
    file = OperatorView("Read", "Read customers", CUSTOMERS, FEW, table="customers")
    crossing = OperatorView("Read", "Read f1", ORDERS, FEW, table="f1")
    return FragmentView(
        id="f2",
        platform="duckdb",
        operators=OperatorView(
            "Join", "Join inner on customer = id", RESULT, FEW, inputs=(crossing, file)
        ),
        asked="SELECT * FROM f1 JOIN customers ON customer = id",
        language="sql",
        columns=RESULT,
        rows=FEW,
        bytes=9600.0,
        output="arrow.stream",
        cost=Cost(cpu=0.001),
        total=Cost(cpu=0.003, network=0.001, moved=4800),
        alternatives=(
            Alternative("spark", Cost(startup=3.0, cpu=0.2, moved=4800), "costs more"),
            Alternative("sqlite", None, "Join: no files there"),
        ),
        sources=(
            SourceView(
                "customers",
                "lake/customers.parquet",
                "files.parquet",
                Estimate.exactly(200, Provenance.FOOTER),
                CUSTOMERS.names,
                of=2,
            ),
        ),
        exchanges=(ExchangeView("f1", ("arrow.stream", "arrow.table"), 4800.0, Cost(cpu=1e-5)),),
        held=4_000_000.0,
        rival=RivalView("Join", "spark", Cost(startup=3.0, cpu=0.2), "3 s to start"),
    )


@pytest.fixture
def explanation() -> Explanation:
    """The physical plan of two fragments."""
    result = fragment_of_the_join()
    return Explanation(
        stage="physical",
        operators=result.operators,
        fragments=(fragment_in_the_database(), result),
        rules=(RuleView("push_filter_below_join", NASTY, "Join inner on customer = id"),),
        rejected=(RejectedView("all that can be on sqlite", None, "Join: <no> files there"),),
        assumptions=("nothing is known of the values of <amount> in orders",),
        calibrated=("duckdb",),
        side_by_side=0.003,
        notes=("limit 5 without an order may pick any rows",),
        cost=Cost(cpu=0.003, network=0.001, moved=14400),
        moved=4800.0,
        planning=(("rewrite", 0.001), ("place", 0.002)),
    )


@pytest.fixture
def executed(explanation: Explanation) -> Explanation:
    """The same plan after a run in which the database had fewer rows than estimated."""
    below, result = explanation.fragments
    return replace(
        explanation,
        stage="executed",
        seconds=0.02,
        events=("f1 on sqlite gave 10 rows where ~300 rows were expected",),
        fragments=(
            replace(below, actual=FragmentReport("f1", "sqlite", 10, 160, 0.004)),
            replace(result, actual=FragmentReport("f2", "duckdb", 10, 320, 0.01)),
        ),
    )
