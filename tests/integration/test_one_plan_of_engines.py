"""One plan over Kafka, PostgreSQL and Parquet: split across engines by hand, or left free."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from uuid import uuid4

import pyarrow as pa
import pytest

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed.explain import Explanation
from wayfed.local import Context
from wayfed.testing.servers import KafkaServer

pytestmark = [
    pytest.mark.flink,
    pytest.mark.kafka,
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.spark,
]

CUSTOMERS = [{"customer": i, "country": ("NL", "AT", "PT")[i % 3]} for i in range(60)]
ORDERS = [{"buyer": i * 7 % 70, "cents": i * 37 % 1000} for i in range(900)]
VISITS = [{"visitor": i * 11 % 65, "seconds": i % 100 / 4} for i in range(800)]


@pytest.fixture(scope="module")
def context(
    kafka: KafkaServer,
    postgres_url: str,
    spark_options: dict[str, object],
    flink_options: dict[str, object],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Context]:
    """Orders in a topic, customers in a database, visits in a file; all engines."""
    file = tmp_path_factory.mktemp("lake") / "visits.parquet"
    orders, customers = f"orders-{uuid4().hex[:8]}", f"customers_{uuid4().hex[:8]}"
    kafka.create_topic(orders, partitions=3)
    with wf.context(spark=spark_options, flink=flink_options) as context:
        _rows(context, ORDERS).write(kafka.url(orders), mode="append", format="json")
        _rows(context, CUSTOMERS).write(postgres_url, table=customers)
        _rows(context, VISITS).write(file)
        context.register(
            "orders",
            kafka.url(orders),
            format="json",
            schema={"buyer": "int64", "cents": "int64"},
            end="latest",
        )
        context.register("customers", postgres_url, table=customers)
        context.register("visits", file)
        yield context


def _rows(context: Context, rows: list[dict[str, object]]) -> Dataset:
    return context.read(pa.Table.from_pylist(rows))


def by_country(
    context: Context,
    *,
    orders_on: str | None = None,
    visits_on: str | None = None,
    rest_on: str | None = None,
) -> Dataset:
    """What customers paid and how long they looked, by country, with its parts on engines."""
    paid = (
        context.read("orders")
        .join(context.read("customers"), left_on="buyer", right_on="customer")
        .group_by("buyer", "country")
        .agg(orders=wf.count(), cents=wf.sum("cents"))
    )
    looked = context.read("visits").group_by("visitor").agg(seconds=wf.sum("seconds"))
    joined = _on(paid, orders_on).join(
        _on(looked, visits_on), left_on="buyer", right_on="visitor", how="left"
    )
    answer = joined.group_by("country").agg(
        orders=wf.sum("orders"), cents=wf.sum("cents"), longest=wf.max("seconds")
    )
    return _on(answer.sort("country"), rest_on)


def _on(rows: Dataset, platform: str | None) -> Dataset:
    return rows if platform is None else rows.on(platform)


def expected_rows() -> list[dict[str, object]]:
    """The answer, by hand."""
    country = {each["customer"]: each["country"] for each in CUSTOMERS}
    seconds: dict[object, float] = defaultdict(float)
    for visit in VISITS:
        seconds[visit["visitor"]] += float(visit["seconds"])
    answer: dict[object, dict[str, object]] = {}
    for name in sorted(set(country.values())):
        mine = [order for order in ORDERS if country.get(order["buyer"]) == name]
        answer[name] = {
            "country": name,
            "orders": len(mine),
            "cents": sum(order["cents"] for order in mine),
            "longest": max(seconds[order["buyer"]] for order in mine if order["buyer"] in seconds),
        }
    return list(answer.values())


def platforms(explanation: Explanation) -> set[str]:
    return {fragment.platform.partition(":")[0] for fragment in explanation.fragments}


@pytest.mark.parametrize(
    ("orders_on", "visits_on", "rest_on"),
    [
        ("spark", "flink", "duckdb"),
        ("flink", "duckdb", "spark"),
        ("duckdb", "spark", "flink"),
    ],
)
def test_a_plan_split_across_engines_has_the_answer_that_it_has_when_left_free(
    context: Context, orders_on: str, visits_on: str, rest_on: str
) -> None:
    split = by_country(context, orders_on=orders_on, visits_on=visits_on, rest_on=rest_on)
    free = by_country(context)

    assert split.to_arrow().to_pylist() == free.to_arrow().to_pylist() == expected_rows()

    assert platforms(split.explain()) >= {"duckdb", "flink", "spark"}
    assert str(split.explain()) != str(free.explain())


def test_a_small_plan_left_free_runs_on_no_engine_in_java(context: Context) -> None:
    assert not platforms(by_country(context).explain()) & {"flink", "spark"}
