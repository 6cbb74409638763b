"""Rows to a topic: through ``Dataset.write``, and as a program written by hand sends them.

All write the same rows of six columns, as JSON, to a topic of four partitions, in turns; the best
of each counts. ``bytes`` sends values that somebody else has made before (idempotent, batches of
ten thousand): what a client can do at most. ``program`` makes them of the same Arrow table with
``json.dumps``. ``wayfed`` makes them and sends them in one transaction. Rates and ratios are
printed as JSON. The budget is the speed of ``program``.

Run ``python benchmarks/kafka_write.py [ROWS]``; a broker is started.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from confluent_kafka import Producer

import wayfed as wf
from wayfed.testing.servers import KafkaServer

ROUNDS = 3
BATCH = 10_000
BUDGET = 1.0
BY_HAND = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 20,
    "batch.size": 1 << 20,
    "queue.buffering.max.messages": 2_000_000,
    "queue.buffering.max.kbytes": 1 << 20,
}


def made(count: int) -> pa.Table:
    """Return the rows: about 120 bytes of JSON each."""
    numbers = np.arange(count)
    return pa.table(
        {
            "id": numbers,
            "user": [f"user{n % 5000:05d}" for n in range(count)],
            "amount": (numbers * 7919 % 100_000) / 100,
            "country": [("DE", "FR", "US", "JP")[n % 4] for n in range(count)],
            "ts": 1_700_000_000_000 + numbers,
            "note": [f"lorem ipsum dolor sit amet {n % 977:04d}" for n in range(count)],
        }
    )


def send(server: KafkaServer, topic: str, values: Any) -> None:
    """Send values as a program written by hand does."""
    producer = Producer({**server.client(), **BY_HAND})
    for batch in values:
        queued = producer.produce_batch(topic, [{"value": value} for value in batch])
        assert queued == len(batch)
        producer.poll(0)
    assert producer.flush(120) == 0


def dumped(table: pa.Table) -> Any:
    """Return the rows as JSON, batch by batch, as a program written by hand makes them."""
    for batch in table.to_batches(max_chunksize=BATCH):
        yield [json.dumps(row).encode() for row in batch.to_pylist()]


def measure(count: int) -> dict[str, float]:
    """Return the best rates of each, in rows a second."""
    table = made(count)
    ready = list(dumped(table))
    best: dict[str, float] = {}
    with KafkaServer.start() as server, wf.context() as ctx:
        rows = ctx.read(table)
        ways: dict[str, Callable[[str], object]] = {
            "bytes": lambda topic: send(server, topic, ready),
            "program": lambda topic: send(server, topic, dumped(table)),
            "wayfed": lambda topic: rows.write(server.url(topic), mode="append"),
        }
        for _ in range(ROUNDS):
            for name, way in ways.items():
                topic = server.create_topic(f"{name}-{uuid4().hex[:8]}", partitions=4)
                began = perf_counter()
                way(topic)
                best[name] = max(best.get(name, 0.0), count / (perf_counter() - began))
    return best


def main() -> None:
    """Print the rates and what is kept of them."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    best = measure(count)
    report = {f"{name} rows/s": round(rate) for name, rate in best.items()}
    ratios = {f"wayfed/{name}": round(best["wayfed"] / best[name], 2) for name in best}
    print(json.dumps({"rows": count, **report, **ratios}, indent=2))
    assert best["wayfed"] >= BUDGET * best["program"]


if __name__ == "__main__":
    main()
