"""A million records of a topic as an Arrow table: through wayfed, and by a hand-written loop.

Both read the same topics of a real broker in turns, JSON and Avro, and the best of each counts. The
hand-written loops are the fastest that we know: confluent-kafka's `consume` in batches, values
joined by newlines for pyarrow's JSON reader; for Avro, values behind a file's header for polars'.
What of their speed is kept is printed as JSON; the budget is 80 %.

With ``--memory`` five million records go through ``to_batches()`` instead, and the greatest memory
that the process takes is printed; the budget is 500 MB.

Run ``python benchmarks/kafka_read.py [--memory] [HOST:PORT]``; without an address a broker is
started.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from time import perf_counter, process_time
from uuid import uuid4

import fastavro
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Consumer, IsolationLevel, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec
from pyarrow import json as arrow_json

import wayfed as wf
from wayfed.testing.servers.kafka import KafkaServer

ROWS = 1_000_000
MANY_ROWS = 5_000_000
PARTITIONS = 4
ROUNDS = 4
BUDGET = 0.8
MEMORY_BUDGET = 500
TYPES = {
    "id": "int64",
    "user": "text",
    "amount": "float64",
    "country": "text",
    "ts": "int64",
    "note": "text",
}
ARROW = pa.schema(
    [
        ("id", pa.int64()),
        ("user", pa.string()),
        ("amount", pa.float64()),
        ("country", pa.string()),
        ("ts", pa.int64()),
        ("note", pa.string()),
    ]
)
AVRO = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "user", "type": "string"},
        {"name": "amount", "type": ["null", "double"]},
        {"name": "country", "type": "string"},
        {"name": "ts", "type": "long"},
        {"name": "note", "type": "string"},
    ],
}


def row(number: int) -> dict[str, object]:
    """Return an event of about 120 bytes of JSON."""
    return {
        "id": number,
        "user": f"user{number % 5000:05d}",
        "amount": (number * 7919 % 100_000) / 100,
        "country": ("DE", "FR", "US", "JP")[number % 4],
        "ts": 1_700_000_000_000 + number,
        "note": f"lorem ipsum dolor sit amet {number % 977:04d}",
    }


def in_json(number: int) -> bytes:
    """Return an event as JSON."""
    return json.dumps(row(number), separators=(",", ":")).encode()


def in_avro() -> Callable[[int], bytes]:
    """Return what makes an event a record of Avro."""
    schema = fastavro.parse_schema(AVRO)

    def encode(number: int) -> bytes:
        buffer = BytesIO()
        fastavro.schemaless_writer(buffer, schema, row(number))
        return buffer.getvalue()

    return encode


def fill(bootstrap: str, encode: Callable[[int], bytes], rows: int) -> str:
    """Make a topic of events and return its name."""
    topic = f"benchmark-{uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(30)
    settings = {"bootstrap.servers": bootstrap, "linger.ms": 20, "batch.size": 1 << 20}
    producer = Producer({**settings, "log_level": 0, "compression.type": "lz4"})
    for number in range(rows):
        while True:
            try:
                producer.produce(topic, encode(number), partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 10_000 == 0:
            producer.poll(0)
    assert producer.flush(120) == 0
    return topic


def values(bootstrap: str, topic: str) -> Iterator[list[bytes]]:
    """Yield the values of a topic, tens of thousands at a time, up to where it ends now."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    partitions = range(PARTITIONS)

    def offsets(spec: OffsetSpec) -> dict[int, int]:
        asked = admin.list_offsets(
            {TopicPartition(topic, each): spec for each in partitions},
            isolation_level=IsolationLevel.READ_COMMITTED,
        )
        return {at.partition: future.result(30).offset for at, future in asked.items()}

    starts, ends = offsets(OffsetSpec.earliest()), offsets(OffsetSpec.latest())
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "benchmark",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.message.max.bytes": 8 << 20,
            "fetch.max.bytes": 64 << 20,
            "queued.min.messages": 200_000,
            "fetch.queue.backoff.ms": 5,
            "auto.offset.reset": "error",
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(topic, each, starts[each]) for each in partitions])
    waiting = {each for each in partitions if ends[each] > starts[each]}
    taken: list[bytes] = []
    while waiting:
        for message in consumer.consume(10_000, 0.03):
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                waiting.discard(message.partition())
                continue
            end = ends[message.partition()]
            if message.offset() < end:
                taken.append(message.value())
            if message.offset() >= end - 1:
                waiting.discard(message.partition())
        if len(taken) >= 50_000 or not waiting:
            yield taken
            taken = []
    consumer.close()


def json_by_hand(bootstrap: str, topic: str) -> pa.Table:
    """Read a topic of JSON as a hand-written program would."""
    read = arrow_json.ReadOptions(block_size=4 << 20)
    parse = arrow_json.ParseOptions(explicit_schema=ARROW, unexpected_field_behavior="ignore")
    return pa.concat_tables(
        arrow_json.read_json(pa.BufferReader(b"\n".join(each)), read, parse)
        for each in values(bootstrap, topic)
    )


def avro_by_hand(bootstrap: str, topic: str) -> pa.Table:
    """Read a topic of Avro as a hand-written program would."""
    empty = BytesIO()
    fastavro.writer(empty, AVRO, [], sync_marker=b"s" * 16)
    return pa.concat_tables(
        pl.read_avro(BytesIO(empty.getvalue() + _block(each))).to_arrow()
        for each in values(bootstrap, topic)
    )


def _block(records: list[bytes]) -> bytes:
    body = b"".join(records)
    return _number(len(records)) + _number(len(body)) + body + b"s" * 16


def _number(value: int) -> bytes:
    value, found = value << 1, bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def best(reads: dict[str, Callable[[], pa.Table]]) -> dict[str, tuple[float, float]]:
    """Return the least seconds, and seconds of CPU, of each; read in turns."""
    found = dict.fromkeys(reads, (float("inf"), float("inf")))
    for _ in range(ROUNDS):
        for name, read in reads.items():
            wall, cpu = perf_counter(), process_time()
            table = read()
            spent = perf_counter() - wall, process_time() - cpu
            assert table.num_rows == ROWS
            assert pc.sum(table["id"]).as_py() == ROWS * (ROWS - 1) // 2
            found[name] = min(found[name][0], spent[0]), min(found[name][1], spent[1])
            del table
    return found


def compare(bootstrap: str) -> None:
    """Print how fast a table is there, and what of a hand-written loop's speed that is."""
    in_topics = {"json": fill(bootstrap, in_json, ROWS), "avro": fill(bootstrap, in_avro(), ROWS)}
    by_hand = {"json": json_by_hand, "avro": avro_by_hand}
    given = {"json": {"schema": TYPES}, "avro": {"avro_schema": AVRO}}
    kept = {}
    for name, topic in in_topics.items():
        with wf.context() as ctx:
            url = f"kafka://{bootstrap}/{topic}"
            found = best(
                {
                    "by hand": lambda n=name, t=topic: by_hand[n](bootstrap, t),
                    "wayfed": lambda n=name, u=url, c=ctx: c.read(
                        u, format=n, **given[n]
                    ).to_arrow(),
                }
            )
        kept[name] = found["by hand"][0] / found["wayfed"][0]
        told = {
            each: {"rows/s": round(ROWS / wall), "cpu s": round(cpu, 2)}
            for each, (wall, cpu) in found.items()
        }
        print(json.dumps({"format": name, **told, "kept": round(kept[name], 2)}), flush=True)
    assert min(kept.values()) >= BUDGET, f"the budget is {BUDGET:.0%}"


def in_bounded_memory(bootstrap: str) -> None:
    """Print the most memory that five million records take as a stream of batches."""
    topic = fill(bootstrap, in_json, MANY_ROWS)
    before, began, rows = _greatest(), perf_counter(), 0
    with wf.context() as ctx:
        read = ctx.read(f"kafka://{bootstrap}/{topic}", format="json", schema=TYPES)
        with read.to_batches() as batches:
            for batch in batches:
                rows += batch.num_rows
    assert rows == MANY_ROWS
    told = {
        "rows": rows,
        "rows/s": round(rows / (perf_counter() - began)),
        "MB before": before,
        "MB at most": _greatest(),
    }
    print(json.dumps(told), flush=True)
    assert _greatest() < MEMORY_BUDGET, f"the budget is {MEMORY_BUDGET} MB"


def _greatest() -> int:
    """Return the greatest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main() -> None:
    """Start a broker where none is given, and measure."""
    arguments = [each for each in sys.argv[1:] if each != "--memory"]
    with ExitStack() as stack:
        bootstrap = arguments[0] if arguments else None
        if bootstrap is None:
            bootstrap = stack.enter_context(KafkaServer.start()).bootstrap()
        (in_bounded_memory if "--memory" in sys.argv else compare)(bootstrap)


if __name__ == "__main__":
    main()
