"""One plan over Kafka, PostgreSQL and Parquet: placed freely, and in every way it can be forced.

    python -m benchmarks.optimizer.three_stores [--messages 400000] [--runs 5] [--engines spark]

A topic is cut by its messages' time, joined with tables of PostgreSQL and a Parquet file, and
aggregated. The free choice takes turns with all placements of the plan's parts, whole plans on one
engine among them; those that take twice as long as the best are tried once. All have their planning
counted, and the best of each counts. A ratio above one says that some way of forcing it is faster.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import psycopg
import pyarrow as pa
from pyarrow import parquet

import wayfed as wf
from benchmarks.optimizer.choice import text_of, timed
from wayfed.dataset import Dataset
from wayfed.local import Context
from wayfed.plans import Plans
from wayfed.testing.servers import KafkaServer
from wayfed_database.embedded import PostgresServer
from wayfed_optimizer.errors import WayfedError

PARTITIONS: Final = 4
LONGEST: Final = 60.0
VALUE: Final = {"account": "int64", "amount": "float64", "kind": "text", "note": "text"}

On = Callable[[str, Dataset], Dataset]
"""Puts the part of a plan that has a name on the platform that is tried."""


@dataclass(frozen=True)
class Tables:
    """The tables, each where it lies; the topic has `messages`, one a millisecond."""

    events: Dataset
    accounts: Dataset
    transfers: Dataset
    customers: Dataset
    messages: int
    began: datetime

    def last(self, share: float) -> Dataset:
        """Return the last messages of the topic, by their time."""
        after = self.began + timedelta(milliseconds=int(self.messages * (1 - share)))
        return self.events.filter(wf.col("timestamp") >= after)


def _by_country(tables: Tables, on: On) -> Dataset:
    """Count two fifths of the messages, of a tenth of the accounts."""
    accounts = on("accounts", tables.accounts.filter(wf.col("status") == "frozen"))
    retail = tables.customers.filter(wf.col("segment") == "retail")
    events = on("events", tables.last(0.4)).join(accounts, on="account")
    joined = on("joined", events).join(retail, on="customer")
    counted = joined.group_by("country").agg(n=wf.count(), total=wf.sum("amount"))
    return on("top", counted.sort("country"))


def _by_account(tables: Tables, on: On) -> Dataset:
    """Sum what the accounts of the last few messages have transferred so far."""
    recent = on("events", tables.last(0.002)).select("account").distinct()
    transfers = on("joined", tables.transfers.join(recent, on="account"))
    sums = transfers.group_by("account").agg(n=wf.count(), total=wf.sum("value"))
    owned = sums.join(on("accounts", tables.accounts.select("account", "customer")), on="account")
    joined = owned.join(tables.customers, on="customer")
    return on("top", joined.group_by("segment").agg(m=wf.count(), total=wf.sum("total")))


def _compared(tables: Tables, on: On) -> Dataset:
    """Compare what every account has transferred with a tenth of the messages."""
    booked = tables.transfers.group_by("account").agg(booked=wf.sum("value"))
    spent = on("events", tables.last(0.1)).group_by("account").agg(spent=wf.sum("amount"))
    both = on("joined", spent.join(on("accounts", booked), on="account"))
    over = both.filter(wf.col("spent") > wf.col("booked"))
    owned = over.join(tables.accounts.select("account", "customer"), on="account")
    joined = owned.join(tables.customers, on="customer")
    return on("top", joined.group_by("segment", "country").agg(n=wf.count()))


PLANS: Final[Mapping[str, Callable[[Tables, On], Dataset]]] = {
    "by country": _by_country,
    "by account": _by_account,
    "compared": _compared,
}
PARTS: Final = {
    "events": ("kafka", "duckdb"),
    "accounts": ("postgresql", "duckdb"),
    "joined": ("duckdb", "postgresql"),
    "top": ("duckdb", "postgresql"),
}
"""The parts of each plan, and where each may run."""


@dataclass
class Timed:
    """What a placement took: seconds with planning, of which planning, and the plan's text."""

    seconds: list[float] = field(default_factory=list)
    planning: list[float] = field(default_factory=list)
    text: str = ""
    platforms: str = ""
    failed: str = ""

    @property
    def best(self) -> float:
        """The least seconds."""
        return min(self.seconds, default=math.inf)


def tables_of(messages: int, began: datetime) -> Mapping[str, pa.Table]:
    """Return the rows of all tables; the messages are of milliseconds from `began` on."""
    random = np.random.default_rng(7)
    accounts, customers, transfers = messages // 2, messages // 4, messages * 5 // 2

    def chosen(names: tuple[str, ...], count: int) -> pa.Array:
        return pa.array(np.array(names)[random.integers(0, len(names), count)])

    first = np.datetime64(began.replace(tzinfo=None), "us")
    at = first + np.arange(messages) * np.timedelta64(1000, "us")
    return {
        "events": pa.table(
            {
                "account": random.integers(0, accounts, messages),
                "amount": random.integers(0, 1 << 20, messages) / 1024,
                "kind": chosen(("card", "cash", "wire"), messages),
                "note": chosen(tuple(f"lorem ipsum dolor {i:04d}" for i in range(500)), messages),
                "at": pa.array(at, pa.timestamp("us", "UTC")),
            }
        ),
        "accounts": pa.table(
            {
                "account": np.arange(accounts),
                "customer": random.integers(0, customers, accounts),
                "status": chosen(("open",) * 8 + ("closed", "frozen"), accounts),
                "iban": pa.array([f"NL{number:018d}" for number in range(accounts)]),
            }
        ),
        "transfers": pa.table(
            {
                "transfer": np.arange(transfers),
                "account": random.integers(0, accounts, transfers),
                "value": random.integers(0, 1 << 18, transfers) / 1024,
                "subject": chosen(tuple(f"invoice {i:06d}" for i in range(900)), transfers),
            }
        ),
        "customers": pa.table(
            {
                "customer": np.arange(customers),
                "segment": chosen(("retail", "trade", "staff", "public", "other"), customers),
                "country": chosen(("AT", "DE", "ES", "FI", "FR", "IT", "NL", "PT"), customers),
            }
        ),
    }


@contextmanager
def opened(messages: int, engines: tuple[str, ...]) -> Iterator[tuple[Context, Tables]]:
    """Fill the three stores, and give a context and the tables."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        server = stack.enter_context(PostgresServer.start())
        broker = stack.enter_context(KafkaServer.start())
        # A topic's records are mostly of when they are written.
        began = datetime.now(UTC).replace(microsecond=0) - timedelta(milliseconds=messages)
        rows = tables_of(messages, began)
        with wf.context() as filling:
            for name in ("accounts", "transfers"):
                filling.read(rows[name]).write(server.url, table=name)
            topic = broker.url(broker.create_topic("events", partitions=PARTITIONS))
            filling.read(rows["events"]).write(topic, mode="append", format="json", timestamp="at")
        parquet.write_table(rows["customers"], directory / "customers.parquet")
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("alter table accounts add primary key (account)")
            connection.execute("alter table transfers add primary key (transfer)")
            connection.execute("create index on transfers (account)")
            connection.execute("vacuum analyze")
        context = stack.enter_context(wf.context(**{name: {} for name in engines}))
        assert isinstance(context, Context)
        yield (
            context,
            Tables(
                context.read(topic, format="json", schema=VALUE, metadata=["timestamp"]),
                context.read(server.url, table="accounts"),
                context.read(server.url, table="transfers"),
                context.read(directory / "customers.parquet"),
                messages,
                began,
            ),
        )


def placements(
    plan: str, context: Context, tables: Tables, engines: tuple[str, ...]
) -> Iterator[tuple[str, Dataset]]:
    """Yield the free choice, all placements of the parts, and whole plans, each with its name."""

    def put(choice: Mapping[str, str]) -> Dataset:
        def on(part: str, dataset: Dataset) -> Dataset:
            return dataset.on(choice[part]) if part in choice else dataset

        return PLANS[plan](tables, on)

    def named(kind: str) -> str:
        return next(name for name in context.platform_names if name.partition(":")[0] == kind)

    yield "free", put({})
    for kinds in product(*PARTS.values()):
        choice = dict(zip(PARTS, kinds, strict=True))
        yield (
            ", ".join(f"{part} {kind}" for part, kind in choice.items()),
            put({part: named(kind) for part, kind in choice.items()}),
        )
    for kind in ("duckdb", "postgresql", *engines):
        yield f"all {kind}", put({"top": named(kind)})


def compared(
    plan: str, context: Context, tables: Tables, runs: int, engines: tuple[str, ...]
) -> dict[str, Any]:
    """Return what a plan took under each placement, and what the free one did."""
    datasets = dict(placements(plan, context, tables, engines))
    plans = {label: Plans() for label in datasets}
    found = {label: Timed() for label in datasets}
    for _ in range(runs):
        for label, dataset in datasets.items():
            best = min(each.best for each in found.values())
            if label != "free" and found[label].seconds and found[label].best > 2 * best:
                continue
            with suppress_into(found[label]):
                ran = timed(context, plans[label], dataset, LONGEST)
                found[label].seconds.append(ran.planning + ran.seconds)
                found[label].planning.append(ran.planning)
                found[label].text = text_of(ran.stages)
                parts = ran.stages.physical.fragments
                found[label].platforms = " ".join(part.platform for part in parts)
    return told(plan, found)


@contextmanager
def suppress_into(found: Timed) -> Iterator[None]:
    """Take note of what a placement cannot do."""
    try:
        yield
    except WayfedError as error:
        found.failed = f"{type(error).__name__}: {str(error).splitlines()[0]}"


def told(plan: str, found: Mapping[str, Timed]) -> dict[str, Any]:
    """Return a result as it is printed; where the best is the same plan, both times are of it."""
    free = found["free"]
    forced = {label: each for label, each in found.items() if label != "free"}
    label, best = min(forced.items(), key=lambda each: each[1].best)
    same = min((e.best for e in forced.values() if e.text == free.text), default=math.inf)
    return {
        "plan": plan,
        "free": round(free.best, 4),
        "planning": round(min(free.planning), 4),
        "chosen": free.platforms,
        "best": label,
        "best_seconds": round(best.best, 4),
        "ratio": round(min(free.best, same) / best.best, 3),
        "forced": {
            label: each.failed or round(each.best, 4)
            for label, each in sorted(forced.items(), key=lambda each: each[1].best)
        },
    }


def main() -> None:
    """Print a line of JSON for each plan, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=400_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--engines", nargs="*", default=(), help="spark, flink: their JVMs start")
    parser.add_argument("--plans", nargs="*", default=tuple(PLANS), choices=tuple(PLANS))
    asked = parser.parse_args()
    os.environ["WAYFED_CALIBRATION"] = "off"
    results = []
    with opened(asked.messages, tuple(asked.engines)) as (context, tables):
        for plan in asked.plans:
            results.append(compared(plan, context, tables, asked.runs, tuple(asked.engines)))
            print(json.dumps(results[-1]), flush=True)
    ratios = {each["plan"]: each["ratio"] for each in results}
    summary = {"messages": asked.messages, "ratios": ratios, "worst": max(ratios.values())}
    print(json.dumps({**summary, "load": os.getloadavg()}))


if __name__ == "__main__":
    main()
