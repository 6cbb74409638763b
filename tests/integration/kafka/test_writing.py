"""Topics that are written: what their readers see, what is refused, and what stays as it was."""

from __future__ import annotations

import datetime
import decimal
import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import fastavro
import pyarrow as pa
import pytest
from confluent_kafka import Producer

import wayfed as wf
from tests.integration.kafka.records import CLIENTS
from tests.integration.kafka.topics import messages, new_name, values
from tests.integration.schema_registry import schema_registry
from wayfed_arrow import schema_from_arrow
from wayfed_kafka.avro_writing import avro_schema
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import (
    Cancelled,
    ColumnNotFound,
    ExecutionError,
    InvalidOption,
    SourceError,
    TypeMismatch,
    Unsupported,
    WayfedError,
)

pytestmark = pytest.mark.kafka

ORDERS = {"id": [1, 2, 3], "note": ["a", None, 'b "c"']}
# What Apache Kafka's own tests of its hash (UtilsTest.testMurmur2) have.
MURMUR2 = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}
ALL_TYPES = pa.table(
    {
        "b": [True, False, None],
        "i": pa.array([2**31 - 1, -(2**31), None], pa.int32()),
        "n": [2**63 - 1, -(2**63), None],
        "f": pa.array([1.5, -0.0, None], pa.float32()),
        "x": [1e300, 0.1, None],
        "d": pa.array([decimal.Decimal("-1.20"), decimal.Decimal(10) ** 35, None]).cast(
            pa.decimal128(38, 2)
        ),
        "t": ['ü\n"\\', "", None],
        "day": [datetime.date(1, 1, 1), datetime.date(9999, 12, 31), None],
        "at": pa.array(
            [datetime.datetime(1, 1, 1, 0, 0, 0, 1), datetime.datetime(2024, 2, 29), None],
            pa.timestamp("us"),
        ),
        "utc": pa.array(
            [datetime.datetime(1969, 12, 31, 23, 59), datetime.datetime(2024, 2, 29), None],
            pa.timestamp("us", "UTC"),
        ),
        "l": [[1, None], [], None],
        "s": [{"a": 1, "b": ["x", None]}, {"a": None, "b": None}, None],
    }
)


@pytest.fixture
def confluent():
    with wf.context() as context:
        yield context


def objects(found):
    return sorted((json.loads(value) for value in found), key=lambda row: row["id"])


def test_rows_become_objects_of_json(ctx, kafka):
    topic = new_name()
    assert ctx.read(ORDERS).write(kafka.url(topic), partitions=2) == 3
    assert objects(values(kafka, topic)) == [
        {"id": 1, "note": "a"},
        {"id": 2, "note": None},
        {"id": 3, "note": 'b "c"'},
    ]


def test_no_rows_are_written_too(ctx, kafka):
    topic = kafka.create_topic(new_name())
    assert ctx.read(ORDERS).filter("id > 3").write(kafka.url(topic), mode="append") == 0
    assert values(kafka, topic) == []


@pytest.mark.parametrize("format", ["json", "avro"])
def test_every_type_comes_back_as_it_was(ctx, kafka, format):
    url = kafka.url(new_name())
    ctx.read(ALL_TYPES).write(url, format=format, partitions=1)
    schema = schema_from_arrow(ALL_TYPES.schema)
    known = {"avro_schema": json.dumps(avro_schema(schema))} if format == "avro" else {}
    back = ctx.read(url, format=format, schema=schema, **known).to_arrow()
    assert back.to_pylist() == ALL_TYPES.to_pylist()


def test_records_of_avro_are_what_other_readers_read(confluent, kafka):
    topic = kafka.create_topic(new_name())
    rows = ALL_TYPES.append_column("raw", pa.array([b"\0\xff", b"", None]))
    confluent.read(rows).write(kafka.url(topic), format="avro", mode="append")
    schema = fastavro.parse_schema(avro_schema(schema_from_arrow(rows.schema)))
    found = [m.value for m in messages(kafka, topic)]
    read = [fastavro.schemaless_reader(io.BytesIO(value), schema) for value in found]
    assert read == rows.to_pylist()


def test_a_registry_gets_the_schema_and_readers_find_it_there(kafka):
    topic = new_name()
    with schema_registry() as (url, subjects), wf.context(kafka={"registry": url}) as ctx:
        ctx.read(ORDERS).write(kafka.url(topic), format="avro", partitions=1)
        ctx.read({"id": [4]}).write(kafka.url(topic), format="avro", mode="append")
        ctx.read(ORDERS).write(kafka.url(topic), format="avro", mode="append", subject="orders")
        assert subjects == {f"{topic}-value": 2, "orders": 1}
        heads = [message.value[:5] for message in messages(kafka, topic)]
        assert heads == [b"\0\0\0\0" + bytes([n]) for n in (1, 1, 1, 2, 1, 1, 1)]
        read = ctx.read(kafka.url(topic), format="avro")
        assert sorted(read.to_numpy()["id"].tolist()) == [1, 1, 2, 2, 3, 3, 4]


def test_raw_values_arrive_as_they_are(ctx, kafka):
    topic = kafka.create_topic(new_name())
    rows = ctx.read({"k": ["a", "b"], "v": [b"\x00\xff", None]})
    rows.write(kafka.url(topic), format="raw", key="k", mode="append")
    assert [(m.key, m.value) for m in messages(kafka, topic)] == [(b"a", b"\x00\xff"), (b"b", None)]


def test_a_key_goes_to_the_partition_that_java_chooses(ctx, kafka):
    partitions = 5
    topic = kafka.create_topic(new_name(), partitions=partitions)
    ctx.read({"k": list(MURMUR2)}).write(kafka.url(topic), key="k", mode="append")
    chosen = {m.key.decode(): m.partition for m in messages(kafka, topic)}
    assert chosen == {k: (hashed & 0x7FFFFFFF) % partitions for k, hashed in MURMUR2.items()}


def test_keys_are_texts_of_one_column_or_objects_of_several(ctx, kafka):
    topic = kafka.create_topic(new_name())
    rows = {"id": [7], "day": [datetime.date(2024, 2, 29)], "x": [decimal.Decimal("0.10")]}
    for key in ("id", "day", "x", ["id", "day"]):
        ctx.read(rows).write(kafka.url(topic), key=key, mode="append")
    keys = [m.key for m in messages(kafka, topic)]
    assert keys == [b"7", b"2024-02-29", b"0.10", b'{"id":7,"day":"2024-02-29"}']


def test_a_tombstone_takes_its_key_back(ctx, kafka):
    topic = kafka.create_topic(new_name(), settings={"cleanup.policy": "compact"})
    rows = ctx.read({"id": [1, 2], "name": ["a", "b"], "gone": [False, True]})
    rows.write(kafka.url(topic), key="id", tombstone="gone", mode="append")
    found = [(m.key, m.value) for m in messages(kafka, topic)]
    assert found == [(b"1", b'{"id":1,"name":"a"}'), (b"2", None)]


def test_a_compacted_topic_wants_keys(ctx, kafka):
    topic = kafka.create_topic(new_name(), settings={"cleanup.policy": "compact"})
    with pytest.raises(InvalidOption, match=r"is compacted.*key= is missing"):
        ctx.read(ORDERS).write(kafka.url(topic), mode="append")
    with pytest.raises(ExecutionError, match="column 'note' is the key of a compacted topic"):
        ctx.read(ORDERS).write(kafka.url(topic), key="note", mode="append")
    assert values(kafka, topic) == []


def test_times_and_headers_come_from_columns(ctx, kafka):
    topic = kafka.create_topic(new_name())
    at = datetime.datetime(2024, 2, 29, 12, 0, 0, 123999, tzinfo=datetime.UTC)
    rows = ctx.read({"id": [1, 2], "at": [at, at], "trace": ["t1", None], "tag": [b"\x01", b""]})
    rows.write(kafka.url(topic), timestamp="at", headers=["trace", "tag"], mode="append")
    first, second = messages(kafka, topic)
    milliseconds = int(at.timestamp() * 1000)
    assert (first.value, first.timestamp) == (b'{"id":1}', milliseconds)
    assert first.headers == [("trace", b"t1"), ("tag", b"\x01")]
    assert second.headers == [("tag", b"")]


def test_a_header_without_a_key_leaves_nothing(ctx, kafka):
    topic = kafka.create_topic(new_name())
    kind = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))
    for header in (None, {"key": None, "value": b"1"}):
        rows = pa.table({"n": [1], "headers": pa.array([[header]], kind)})
        with pytest.raises(ExecutionError, match="holds a header without a key"):
            ctx.read(rows).write(kafka.url(topic), headers="headers", mode="append")
    assert values(kafka, topic, committed=False) == []


def test_a_topic_is_copied_with_all_that_its_messages_have(ctx, kafka):
    topic, copy = kafka.create_topic(new_name()), kafka.create_topic(new_name())
    producer = Producer(kafka.client())
    producer.produce(topic, b"v1", b"k1", headers=[("h", b"1")], timestamp=1_700_000_000_000)
    producer.produce(topic, None, b"k1", timestamp=1_700_000_000_001)
    producer.flush()
    rows = ctx.read(kafka.url(topic), format="raw", metadata=["key", "timestamp", "headers"])
    parts = {"key": "key", "timestamp": "timestamp", "headers": "headers"}
    rows.write(kafka.url(copy), format="raw", mode="append", **parts)
    assert messages(kafka, copy) == [
        message._replace(headers=message.headers or None) for message in messages(kafka, topic)
    ]


def test_a_topic_that_the_plan_reads_can_be_written_to(ctx, kafka):
    url = kafka.url(new_name())
    ctx.read({"n": [1, 2]}).write(url, partitions=2)
    doubled = ctx.read(url, format="json", schema={"n": "int64"}).select(n=wf.col("n") * 2)
    assert doubled.write(url, mode="append") == 2
    again = ctx.read(url, format="json", schema={"n": "int64"})
    assert sorted(again.to_numpy()["n"].tolist()) == [1, 2, 2, 4]


def test_rows_that_fail_midway_leave_nothing(ctx, kafka):
    topic = kafka.create_topic(new_name())

    def batches():
        yield pa.record_batch({"n": list(range(20_000))})
        raise ValueError("the source broke")

    with pytest.raises(WayfedError, match="the source broke"):
        ctx.read({"n": [1]}).map_batches(lambda _: batches(), schema={"n": "int64"}).write(
            kafka.url(topic), mode="append"
        )
    assert values(kafka, topic) == []


@pytest.mark.parametrize("client", CLIENTS)
def test_a_write_that_is_stopped_leaves_nothing(kafka, client, target):
    topic, token = kafka.create_topic(new_name()), CancellationToken()
    table = pa.table({"n": list(range(20_000))})

    def batches():
        yield from table.to_batches()
        token.cancel("enough")
        yield from table.to_batches()

    reader = pa.RecordBatchReader.from_batches(table.schema, batches())
    with pytest.raises(Cancelled, match="enough"):
        target(kafka.url(topic), table, {}, settings={"client": client}).write(reader, token)
    assert values(kafka, topic) == []
    target(kafka.url(topic), table, {}).write(table.to_reader(), CancellationToken())
    assert len(values(kafka, topic)) == table.num_rows


@pytest.mark.parametrize("client", CLIENTS)
def test_a_closed_context_leaves_no_thread_behind(kafka, client):
    before = _threads()
    url = kafka.url(kafka.create_topic(new_name()))
    with wf.context(kafka={"client": client}) as ctx:
        ctx.read({"n": [1]}).write(url, mode="append")
        assert ctx.read(url, format="json", schema={"n": "int64"}).count() == 1
    assert _threads() <= before


def _threads():
    # A thread of C that once called into Python stays listed, as a dummy.
    return {each for each in threading.enumerate() if not isinstance(each, threading._DummyThread)}


@pytest.mark.parametrize("client", CLIENTS)
def test_the_next_writer_of_an_id_takes_back_what_a_killed_one_left(kafka, client, target):
    topic = kafka.create_topic(new_name())
    program = Path(__file__).with_name("topics.py")
    killed = subprocess.run(
        [sys.executable, program, kafka.url(topic), "nightly", client], check=False
    )
    assert killed.returncode < 0
    table = pa.table({"n": [1]})
    options = {"transactional_id": "nightly"}
    url, settings = kafka.url(topic), {"client": client}
    target(url, table, options, settings=settings).write(table.to_reader(), CancellationToken())
    assert values(kafka, topic) == [b'{"n":1}']


@pytest.mark.parametrize("client", CLIENTS)
def test_an_id_that_somebody_else_takes_ends_the_write(kafka, client, target):
    topic = kafka.create_topic(new_name())
    table, options, settings = pa.table({"n": [1]}), {"transactional_id": topic}, {"client": client}

    def batches():
        yield from table.to_batches()
        other = target(kafka.url(topic), table, options, settings=settings)
        other.write(table.to_reader(), CancellationToken())
        yield from table.to_batches()

    reader = pa.RecordBatchReader.from_batches(table.schema, batches())
    with pytest.raises(ExecutionError, match="under the same transactional id"):
        target(kafka.url(topic), table, options, settings=settings).write(
            reader, CancellationToken()
        )
    assert values(kafka, topic) == [b'{"n":1}']


@pytest.mark.parametrize("client", CLIENTS)
def test_a_transaction_that_takes_too_long_is_said_to(kafka, client, target):
    topic = kafka.create_topic(new_name())
    table = pa.table({"n": list(range(10))})

    def batches():
        yield from table.to_batches()
        while values(kafka, topic, committed=False) and not _ended(kafka, topic):
            pass
        yield from table.to_batches()

    options, settings = {"transaction_timeout": 1}, {"client": client}
    reader = pa.RecordBatchReader.from_batches(table.schema, batches())
    with pytest.raises(ExecutionError, match=r"longer than its transaction may, 1 seconds"):
        target(kafka.url(topic), table, options, settings=settings).write(
            reader, CancellationToken()
        )
    assert values(kafka, topic) == []


def _ended(kafka, topic):
    """Say whether no transaction is open: then what is committed reaches as far as anything."""
    from confluent_kafka import IsolationLevel, TopicPartition
    from confluent_kafka.admin import AdminClient, OffsetSpec

    admin = AdminClient(kafka.client())
    ends = []
    for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED):
        asked = {TopicPartition(topic, 0): OffsetSpec.latest()}
        (future,) = admin.list_offsets(asked, isolation_level=level).values()
        ends.append(future.result(10).offset)
    return ends[0] == ends[1] > 0


def test_more_time_than_the_brokers_give_is_refused(ctx, kafka):
    topic = kafka.create_topic(new_name())
    with pytest.raises(ExecutionError, match="no transaction of 86400 seconds"):
        ctx.read(ORDERS).write(kafka.url(topic), mode="append", transaction_timeout=86_400)


def test_a_message_that_is_too_large_is_named(ctx, kafka):
    topic = kafka.create_topic(new_name(), settings={"max.message.bytes": 5_000})
    rows = ctx.read({"id": [1, 2], "text": ["x", "y" * 6_000]})
    with pytest.raises(ExecutionError, match=r"row of key '2' .* of 60\d\d bytes.* at most 5000"):
        rows.write(kafka.url(topic), key="id", mode="append")
    assert values(kafka, topic) == []


def test_a_batch_of_small_messages_may_be_larger_than_one_may(ctx, kafka):
    topic = kafka.create_topic(new_name(), settings={"max.message.bytes": 5_000})
    assert ctx.read({"n": list(range(5_000))}).write(kafka.url(topic), mode="append") == 5_000


def test_what_json_has_no_word_for_leaves_nothing(ctx, kafka):
    topic = kafka.create_topic(new_name())
    with pytest.raises(ExecutionError, match="column 'x' holds NaN or infinity"):
        ctx.read({"x": [1.0, float("inf")]}).write(kafka.url(topic), mode="append")
    with pytest.raises(TypeMismatch, match="column 'x' is binary, for which JSON has no word"):
        ctx.read({"x": [b""]}).write(kafka.url(topic), mode="append")
    assert values(kafka, topic) == []


def test_a_topic_that_is_there_is_in_the_way(ctx, kafka):
    url = kafka.url(kafka.create_topic(new_name()))
    with pytest.raises(SourceError, match="exists already"):
        ctx.read(ORDERS).write(url)
    with pytest.raises(Unsupported, match="no transaction of Kafka takes records away"):
        ctx.read(ORDERS).write(url, mode="overwrite")
    with pytest.raises(InvalidOption, match="exists with 1 partitions, not 3"):
        ctx.read(ORDERS).write(url, mode="append", partitions=3)


def test_a_topic_that_is_not_there_is_made_where_its_partitions_are_said(ctx, kafka):
    url = kafka.url(new_name())
    with pytest.raises(SourceError, match=r"no topic.*(\n.*)*partitions=6 makes it"):
        ctx.read(ORDERS).write(url, mode="append")
    assert ctx.read(ORDERS).write(url, mode="append", partitions=3, replication=1) == 3


def test_compression_makes_no_difference_to_readers(confluent, kafka):
    topic = kafka.create_topic(new_name())
    for compression in ("none", "gzip", "snappy", "lz4", "zstd"):
        confluent.read({"n": [1]}).write(kafka.url(topic), mode="append", compression=compression)
    assert values(kafka, topic) == [b'{"n":1}'] * 5


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"key": "idd"}, ColumnNotFound, "did you mean 'id'"),
        ({"keys": "id"}, InvalidOption, "did you mean 'key'"),
        ({"key": 1}, InvalidOption, "key= is the name of a column"),
        ({"format": "xml"}, InvalidOption, "xml"),
        ({"format": "raw"}, InvalidOption, "needs value="),
        ({"format": "raw", "value": "id"}, TypeMismatch, "a raw value is text or binary"),
        ({"value": "note"}, InvalidOption, "value= is for format='raw'"),
        ({"tombstone": "id", "key": "id"}, TypeMismatch, "tombstone='id' is int64, not bool"),
        ({"tombstone": "gone"}, InvalidOption, "tombstone= needs key="),
        ({"timestamp": "id"}, TypeMismatch, "timestamp='id' is int64"),
        ({"headers": "id"}, TypeMismatch, "headers='id' is int64"),
        ({"compression": "zip"}, InvalidOption, "zip"),
        ({"partitions": 0}, InvalidOption, "partitions=0 is not a number above 0"),
        ({"replication": 1}, InvalidOption, "replication= goes with partitions="),
        ({"transaction_timeout": "1s"}, InvalidOption, "transaction_timeout='1s'"),
        ({"table": "t"}, InvalidOption, "the last part of its URL"),
        ({"partition_by": "id"}, InvalidOption, "key= decides"),
    ],
)
def test_an_option_that_cannot_be_is_refused(confluent, kafka, options, error, said):
    rows = confluent.read({"id": [1], "note": ["a"], "gone": [False]})
    url = kafka.url(kafka.create_topic(new_name()))
    with pytest.raises(error) as raised:
        rows.write(url, mode="append", **options)
    assert said in str(raised.value)
