"""Topics of a real broker as tables: exact between fixed offsets, with both clients."""

from __future__ import annotations

import datetime
import json
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import fastavro
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

import wayfed as wf
from wayfed.errors import (
    Cancelled,
    DuplicateColumn,
    ExecutionError,
    InvalidOption,
    SourceChanged,
    SourceError,
    UnboundedResult,
)
from wayfed.testing.servers.kafka import KafkaServer

pytestmark = pytest.mark.kafka

CLIENTS = ["confluent", "kafka-python"]
NUMBERS = {"n": "int64"}
NEW_YEAR = 1_704_067_200_000


@pytest.fixture(params=CLIENTS)
def ctx(request) -> Iterator[wf.Context]:
    """A context that reads with one of the clients."""
    with wf.context(kafka={"client": request.param}) as context:
        yield context


@pytest.fixture
def fast() -> Iterator[wf.Context]:
    """A context that reads with confluent-kafka."""
    with wf.context() as context:
        yield context


@pytest.fixture
def topic(kafka) -> Callable[..., str]:
    """Makes topics of names that nothing else has."""

    def make(partitions: int = 1, **settings: object) -> str:
        name = f"t-{uuid.uuid4().hex[:12]}"
        given = {key.replace("_", "."): value for key, value in settings.items()}
        return kafka.create_topic(name, partitions=partitions, settings=given)

    return make


def send(kafka: KafkaServer, topic: str, *values: object, partition: int = 0, **given) -> None:
    """Put records in a partition; what is no bytes and not None is put as JSON."""
    producer = Producer({**kafka.client(), "linger.ms": 0})
    for value in values:
        producer.produce(topic, as_bytes(value), partition=partition, **given)
    assert producer.flush(20) == 0


def as_bytes(value: object) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else json.dumps(value).encode()


def transaction(kafka: KafkaServer, topic: str, *values: object, end: str, partition: int = 0):
    """Put records in a partition in a transaction of their own; `end` says how it ends."""
    given = {**kafka.client(), "transactional.id": uuid.uuid4().hex}
    producer = Producer(given)
    producer.init_transactions(20)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, as_bytes(value), partition=partition)
    assert producer.flush(20) == 0
    if end == "commit":
        producer.commit_transaction(20)
    elif end == "abort":
        producer.abort_transaction(20)
    return producer


def numbers(dataset: wf.Dataset) -> list[int]:
    return sorted(dataset.to_arrow().column("n").to_pylist())


def rows(*values: int) -> list[dict[str, int]]:
    return [{"n": value} for value in values]


# What is read


def test_the_columns_of_values_and_what_kafka_says_of_records(kafka, ctx, topic):
    name = topic(2)
    send(kafka, name, {"n": 1}, key=b"a", timestamp=NEW_YEAR, headers=[("h", b"\xff"), ("h", None)])
    send(kafka, name, {"n": 2}, partition=1, timestamp=NEW_YEAR + 1)
    table = ctx.read(kafka.url(name), format="json", schema=NUMBERS, metadata=True).to_arrow()
    instant = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    assert sorted(table.to_pylist(), key=lambda row: row["n"]) == [
        {
            "n": 1,
            "key": "a",
            "partition": 0,
            "offset": 0,
            "timestamp": instant,
            "headers": [{"key": "h", "value": b"\xff"}, {"key": "h", "value": None}],
        },
        {
            "n": 2,
            "key": None,
            "partition": 1,
            "offset": 0,
            "timestamp": instant + datetime.timedelta(milliseconds=1),
            "headers": [],
        },
    ]


def test_values_and_keys_as_they_are(kafka, ctx, topic):
    name = topic()
    send(kafka, name, b"\x00\xff", None, b"", key=b"\xfe")
    read = ctx.read(kafka.url(name), format="raw", metadata="key", key_format="raw")
    assert read.to_arrow().to_pydict() == {
        "value": [b"\x00\xff", None, b""],
        "key": [b"\xfe", b"\xfe", b"\xfe"],
    }


def test_aborted_and_open_transactions_are_not_read(kafka, ctx, topic):
    name = topic()
    transaction(kafka, name, *rows(1, 2), end="commit")
    transaction(kafka, name, *rows(3, 4), end="abort")
    send(kafka, name, *rows(5))
    transaction(kafka, name, *rows(6), end="commit")
    still_open = transaction(kafka, name, *rows(7), end="none")
    send(kafka, name, *rows(8))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS)
    assert numbers(read) == [1, 2, 5, 6]
    everything = ctx.read(
        kafka.url(name), format="json", schema=NUMBERS, isolation="read_uncommitted"
    )
    assert numbers(everything) == [1, 2, 3, 4, 5, 6, 7, 8]
    still_open.commit_transaction(20)
    assert numbers(read) == [1, 2, 5, 6]
    assert numbers(ctx.read(kafka.url(name), format="json", schema=NUMBERS)) == [1, 2, 5, 6, 7, 8]


def test_a_topic_that_ends_in_markers_or_has_nothing_else_comes_to_its_end(kafka, ctx, topic):
    name = topic(2)
    transaction(kafka, name, *rows(1), end="abort")
    transaction(kafka, name, *rows(2), end="abort", partition=1)
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS)
    assert numbers(read) == []
    assert "partition 1: offsets 0 to 2" in str(read.explain())


def test_what_arrives_later_is_not_of_a_range_that_was_fixed(kafka, ctx, topic):
    name = topic(2)
    send(kafka, name, *rows(1))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS)
    send(kafka, name, *rows(2))
    send(kafka, name, *rows(3), partition=1)
    admin = AdminClient(kafka.client())
    admin.create_partitions([NewPartitions(name, 3)])[name].result(20)
    assert numbers(read) == [1]
    assert numbers(read) == [1]


def test_holes_of_compaction_are_no_rows_and_tombstones_are_rows_of_nulls(kafka, ctx, topic):
    name = topic(
        cleanup_policy="compact",
        segment_ms=100,
        max_compaction_lag_ms=100,
        min_cleanable_dirty_ratio=0.01,
        delete_retention_ms=600_000,
    )
    producer = Producer({**kafka.client(), "linger.ms": 0})
    for number in range(20):
        producer.produce(name, as_bytes({"n": number}), key=b"same")
    producer.produce(name, None, key=b"gone")
    assert producer.flush(20) == 0

    def offsets() -> list[int]:
        # Only what is written afterwards makes the broker close the segment that it compacts.
        producer.produce(name, as_bytes({"n": -1}), key=b"rolling")
        producer.flush(20)
        read = ctx.read(kafka.url(name), format="raw", metadata="offset")
        return read.select("offset").to_arrow().column("offset").to_pylist()

    deadline = threading.Event()
    for _ in range(200):
        found = offsets()
        if len(found) < found[-1] - 15:
            break
        deadline.wait(0.1)
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, metadata=("key", "offset"))
    kept = read.filter("key <> 'rolling'").sort("offset").select("n", "key").to_arrow()
    assert kept.to_pydict() == {"n": [19, None], "key": ["same", "gone"]}
    without = ctx.read(
        kafka.url(name), format="json", schema=NUMBERS, metadata="key", tombstones="skip"
    )
    assert without.filter("key <> 'rolling'").select("n").to_arrow().to_pydict() == {"n": [19]}


# From where to where


def test_a_range_is_said_in_offsets_instants_and_words(kafka, ctx, topic):
    name = topic(2)
    for number in range(5):
        send(kafka, name, *rows(number), timestamp=NEW_YEAR + number)
        send(kafka, name, *rows(10 + number), partition=1, timestamp=NEW_YEAR + number)

    def read(**given: object) -> list[int]:
        return numbers(ctx.read(kafka.url(name), format="json", schema=NUMBERS, **given))

    assert read(start={0: 3}, end={1: 2}) == [3, 4, 10, 11]
    assert read(start="2024-01-01T00:00:00.003+00:00") == [3, 4, 13, 14]
    assert read(end=datetime.datetime(2024, 1, 1, 0, 0, 0, 1000, datetime.UTC)) == [0, 10]
    assert read(start="2034-01-01T00:00:00+00:00") == []
    assert read(start="latest") == []


def test_records_of_no_day_in_the_calendar_are_counted_all_the_same(kafka, ctx, topic):
    name = topic(message_timestamp_after_max_ms=str(2**63 - 1))
    send(kafka, name, *rows(1, 2), timestamp=NEW_YEAR * 1000)  # whose producer says microseconds

    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, metadata="timestamp")

    assert "~2 rows" in str(read.select("n").explain())
    assert numbers(read.select("n")) == [1, 2]


def test_filters_on_partition_offset_and_timestamp_choose_what_is_fetched(kafka, ctx, topic):
    name = topic(2)
    for number, instant in enumerate([5, 1, 9, 2]):
        send(kafka, name, *rows(number), timestamp=NEW_YEAR + instant)
        send(kafka, name, *rows(10 + number), partition=1, timestamp=NEW_YEAR + instant)
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, metadata=True)
    some = read.filter("partition = 1 and offset >= 1 and offset < 3").select("n")
    assert "partition 1: offsets 1 to 3" in str(some.explain())
    assert "partition 0" not in str(some.explain())
    assert numbers(some) == [11, 12]
    late = read.filter(
        wf.col("timestamp") > datetime.datetime(2024, 1, 1, 0, 0, 0, 4000, datetime.UTC)
    )
    assert "from the first record at or after 2024-01-01T00:00:00.004" in str(late.explain())
    assert numbers(late) == [0, 2, 10, 12]
    assert numbers(read.filter("partition in (1) and timestamp < '2024-01-01T00:00:00.002Z'")) == [
        11
    ]


def test_how_many_records_are_of_an_hour_is_told_without_reading_them(kafka, ctx, topic):
    name = topic(2)
    for minute in range(100):
        instant = NEW_YEAR + 60_000 * minute
        send(kafka, name, *rows(minute), partition=minute % 2, timestamp=instant)

    def estimated(**options: object) -> str:
        read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, metadata=True, **options)
        late = wf.col("timestamp") >= datetime.datetime(2024, 1, 1, 1, 20, tzinfo=datetime.UTC)
        return str(read.filter(late).explain())

    assert "~19 rows" in estimated()
    assert "~21 rows" in estimated(start={0: 30})  # that range has another first record: a guess


@pytest.mark.parametrize("milliseconds", [-1, -2, -315_619_200_000])
def test_an_instant_before_1970_is_before_all_records(kafka, ctx, topic, milliseconds):
    name = topic()
    send(kafka, name, *rows(1, 2))
    since = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(
        milliseconds=milliseconds
    )
    given = {"format": "json", "schema": NUMBERS, "metadata": "timestamp"}
    read = ctx.read(kafka.url(name), **given)
    assert numbers(read.filter(wf.col("timestamp") >= since)) == [1, 2]
    assert numbers(ctx.read(kafka.url(name), **given, start=since)) == [1, 2]
    assert numbers(ctx.read(kafka.url(name), **given, end=since)) == []


def test_a_field_called_offset_is_filtered_by_its_value(kafka, ctx, topic):
    name = topic()
    send(kafka, name, {"offset": 7}, {"offset": 0}, {"offset": None})
    read = ctx.read(kafka.url(name), format="json", schema={"offset": "int64"})
    assert read.filter("offset > 5").to_arrow().to_pydict() == {"offset": [7]}


def test_rows_are_counted_off_before_or_after_a_filter_as_the_plan_says(kafka, ctx, topic):
    name = topic()
    send(kafka, name, *rows(*range(10)))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, metadata="offset")
    assert numbers(read.limit(3).filter("offset >= 2")) == [2]
    assert numbers(read.filter("offset >= 2").limit(3)) == [2, 3, 4]
    assert read.count() == 10


# Columns


def test_inferred_columns_are_shown(kafka, ctx, topic):
    name = topic(2)
    send(kafka, name, {"n": 1, "at": "2024-01-01T00:00:00Z"}, None)
    send(kafka, name, {"n": 99999999999999999999}, partition=1)
    read = ctx.read(kafka.url(name), format="json")
    assert [str(field) for field in read.schema] == ["n decimal(38,0)", "at timestamp_utc"]
    assert "inferred from 2 records" in str(read.explain())


PAYMENT = {
    "type": "record",
    "name": "Payment",
    "fields": [{"name": "n", "type": "int"}, {"name": "who", "type": "string"}],
}
LATER = {
    "type": "record",
    "name": "Payment",
    "fields": [
        {"name": "n", "type": "long"},
        {"name": "fee", "type": ["null", "double"], "default": None},
    ],
}


def in_avro(schema: object, row: object, number: int | None = None) -> bytes:
    buffer = BytesIO()
    if number is not None:
        buffer.write(b"\0" + number.to_bytes(4, "big"))
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), row)
    return buffer.getvalue()


@pytest.fixture
def registry() -> Iterator[ThreadingHTTPServer]:
    """A server of our own that answers as a schema registry does; `schemas` is what it knows.

    It is no registry: it speaks the two questions that reading asks, with the password ``secret``.
    """
    schemas: dict[str, object] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urllib.parse.unquote(self.path)
            if not self.headers.get("Authorization", "").endswith("YWRhOnNlY3JldA=="):
                self._answer(401, {"message": "Unauthorized"})
            elif path in schemas:
                self._answer(200, schemas[path])
            else:
                self._answer(404, {"error_code": 40403, "message": "Schema not found"})

        def _answer(self, code: int, body: object) -> None:
            text = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.schemas = schemas
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def login(registry: ThreadingHTTPServer) -> dict[str, str]:
    return {
        "registry": f"http://127.0.0.1:{registry.server_port}",
        "registry_username": "ada",
        "registry_password": "secret",
    }


def test_each_value_is_read_with_the_schema_that_its_writer_registered(kafka, ctx, topic, registry):
    name = topic()
    registry.schemas |= {
        "/schemas/ids/1": {"schema": json.dumps(PAYMENT)},
        f"/subjects/{name}-value/versions/latest": {"id": 2, "schema": json.dumps(LATER)},
    }
    send(
        kafka,
        name,
        in_avro(LATER, {"n": 2**40, "fee": 0.5}, 2),
        in_avro(PAYMENT, {"n": 1, "who": "ada"}, 1),
        None,
        in_avro(LATER, {"n": 3, "fee": None}, 2),
    )
    read = ctx.read(kafka.url(name), format="avro", **login(registry))
    assert read.to_arrow().to_pydict() == {
        "n": [2**40, 1, None, 3],
        "fee": [0.5, None, None, None],
    }
    assert "schema 2 of http://127.0.0.1" in str(read.explain())


def test_a_schema_that_the_registry_does_not_know_is_told_with_its_place(
    kafka, ctx, topic, registry
):
    name = topic()
    latest = f"/subjects/{name}-value/versions/latest"
    registry.schemas[latest] = {"id": 2, "schema": json.dumps(LATER)}
    send(kafka, name, in_avro(LATER, {"n": 1, "fee": None}, 2), b"\0\0\0\0\x63junk")
    read = ctx.read(kafka.url(name), format="avro", **login(registry))
    with pytest.raises(ExecutionError, match=r"offset 1\) is not avro.*knows no schema 99"):
        read.to_arrow()
    other = topic()
    with pytest.raises(SourceError, match=f"no subject '{other}-value'"):
        ctx.read(kafka.url(other), format="avro")


def test_a_registry_that_refuses_the_login_is_told_without_the_password(
    kafka, fast, topic, registry
):
    given = {**login(registry), "registry_password": "wrong"}
    with pytest.raises(SourceError, match="answered 401: Unauthorized") as told:
        fast.read(kafka.url(topic()), format="avro", **given)
    assert "wrong" not in str(told.value)


def test_avro_without_a_registry_is_read_with_the_schema_given(kafka, ctx, topic):
    name = topic()
    send(kafka, name, in_avro(PAYMENT, {"n": 1, "who": "ada"}))
    read = ctx.read(kafka.url(name), format="avro", avro_schema=json.dumps(PAYMENT))
    assert read.to_arrow().to_pydict() == {"n": [1], "who": ["ada"]}


# Records that are not of the format


@pytest.fixture
def poisoned(kafka, topic) -> str:
    """A topic of four numbers and three records that are none."""
    name = topic()
    send(kafka, name, *rows(0, 1), b'{"n": "x"}', *rows(3), b"", b"\xff", *rows(6))
    return name


def test_a_record_that_is_not_of_the_format_ends_the_run_with_its_place(kafka, ctx, poisoned):
    read = ctx.read(kafka.url(poisoned), format="json", schema=NUMBERS)
    with pytest.raises(ExecutionError, match=r"partition 0, offset 2\) is not json.*number to str"):
        read.to_arrow()


def test_records_that_are_not_of_the_format_are_left_out_and_counted(kafka, ctx, poisoned):
    read = ctx.read(
        kafka.url(poisoned), format="json", schema=NUMBERS, on_error="skip", metadata="offset"
    )
    assert numbers(read) == [0, 1, 3, 6]
    assert read.select("offset").to_arrow().column("offset").to_pylist() == [0, 1, 3, 6]
    assert read.count() == 4
    (fragment,) = read.explain(analyze=True).fragments
    assert fragment.actual.metrics["skipped"] == 3


def test_records_that_are_not_of_the_format_are_sent_elsewhere(kafka, ctx, topic, poisoned):
    letters = topic()
    read = ctx.read(
        kafka.url(poisoned),
        format="json",
        schema=NUMBERS,
        on_error="dead_letter",
        dead_letter=letters,
    )
    assert numbers(read) == [0, 1, 3, 6]
    sent = ctx.read(kafka.url(letters), format="raw", metadata="headers").to_arrow().to_pylist()
    assert [each["value"] for each in sent] == [b'{"n": "x"}', b"", b"\xff"]
    headers = {each["key"]: each["value"].decode() for each in sent[1]["headers"]}
    assert headers == {
        "wayfed.topic": poisoned,
        "wayfed.partition": "0",
        "wayfed.offset": "4",
        "wayfed.error": "it is empty",
    }


def test_records_that_cannot_be_sent_elsewhere_name_that_topic(kafka, ctx, topic):
    name, small, large = topic(), topic(max_message_bytes=1_000), topic(max_message_bytes=3_000_000)
    send(kafka, name, b"x" * 900_000, *rows(1))
    url, given = kafka.url(name), {"format": "json", "schema": NUMBERS, "on_error": "dead_letter"}
    read = ctx.read(url, **given, dead_letter=small)
    with pytest.raises(ExecutionError, match=f"larger than topic '{small}'"):
        read.to_arrow()
    assert numbers(ctx.read(url, **given, dead_letter=large)) == [1]
    admin = AdminClient(kafka.client())
    admin.delete_topics([small])[small].result(20)
    with pytest.raises(SourceChanged, match=f"no topic '{small}'"):
        read.to_arrow()


def test_a_sample_with_a_record_that_is_not_json_is_told_when_the_plan_is_made(
    kafka, fast, poisoned
):
    with pytest.raises(SourceError, match=r"partition 0, offset 4\) is not JSON"):
        fast.read(kafka.url(poisoned), format="json")


# Without an end


def test_a_read_without_an_end_says_so_and_gives_what_it_is_asked_for(kafka, ctx, topic):
    name = topic()
    send(kafka, name, *rows(1, 2))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, end="never")
    assert not read.bounded
    with pytest.raises(UnboundedResult, match=r"to_arrow\(\) needs all rows"):
        read.to_arrow()
    with pytest.raises(UnboundedResult, match=r"count\(\) needs all rows"):
        read.count()
    assert numbers(read.limit(2)) == [1, 2]
    with read.to_batches() as batches:
        seen = next(batches).to_pydict()["n"]
        send(kafka, name, *rows(3))
        while 3 not in seen:
            seen += next(batches).to_pydict()["n"]
        (progress,) = ctx.progress()
        assert progress.engine["records"] == 3
        assert progress.engine["records/s"] > 0
    assert seen == [1, 2, 3]


def test_partitions_that_are_added_are_read_where_there_is_no_end(kafka, ctx, topic):
    name = topic()
    send(kafka, name, *rows(1))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS, end="never")
    with read.to_batches() as batches:
        assert next(batches).to_pydict() == {"n": [1]}
        admin = AdminClient(kafka.client())
        admin.create_partitions([NewPartitions(name, 2)])[name].result(20)
        send(kafka, name, *rows(2), partition=1)
        assert next(batches).to_pydict() == {"n": [2]}


def test_silence_does_not_end_a_read_without_an_end_of_which_a_filter_wants_a_part(kafka, topic):
    name = topic()
    send(kafka, name, *rows(1))
    with wf.context(kafka={"timeout": 1}) as context:
        read = context.read(
            kafka.url(name), format="json", schema=NUMBERS, end="never", metadata="offset"
        )
        with read.filter("offset < 2").select("n").to_batches() as batches:
            assert next(batches).to_pydict() == {"n": [1]}
            later = threading.Timer(1.5, lambda: send(kafka, name, *rows(2, 3)))
            later.start()
            assert next(batches).to_pydict() == {"n": [2]}
            assert next(batches, None) is None
        later.join()


def test_a_read_that_waits_is_stopped_by_closing_its_stream_or_context(kafka, topic):
    name = topic()
    with wf.context() as context:
        read = context.read(kafka.url(name), format="raw", end="never")
        batches = read.to_batches()
        failed: list[BaseException] = []

        def wait() -> None:
            try:
                next(batches)
            except wf.errors.WayfedError as error:
                failed.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not context.progress():
            pass
    waiting.join(20)
    assert not waiting.is_alive()
    assert isinstance(failed[0], Cancelled)


# What is wrong


def test_a_topic_that_is_not_there_is_told_with_those_that_are(kafka, ctx, topic):
    name = topic()
    with pytest.raises(SourceError, match=f"no topic '{name}x'") as told:
        ctx.read(kafka.url(f"{name}x"), format="json", schema=NUMBERS)
    assert name in told.value.available
    assert told.value.hint == f"did you mean '{name}'?"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_cluster_that_does_not_answer_is_told_when_the_plan_is_made(client):
    with (
        wf.context(kafka={"client": client}) as context,
        pytest.raises(SourceError, match=r"no answer from Kafka at 127\.0\.0\.1:1"),
    ):
        context.read("kafka://127.0.0.1:1/payments", format="raw")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "format= says of what"),
        ({"format": "jsn"}, "'jsn' is not a choice"),
        ({"format": "raw", "strat": "earliest"}, "'strat' is not an option"),
        ({"format": "raw", "start": "yesterday"}, "start= says no place"),
        ({"format": "raw", "start": "2024-01-01"}, "has no zone"),
        ({"format": "raw", "start": {5: 0}}, "partition 5, which"),
        ({"format": "raw", "end": {0: 5}}, "names offset 5 of partition 0"),
        ({"format": "raw", "metadata": "ofset"}, "'ofset' is not a choice"),
        ({"format": "raw", "on_error": "dead_letter"}, "belong together"),
        ({"format": "raw", "table": "t"}, "table= is for databases"),
        ({"format": "avro"}, "do not say their schema"),
        ({"format": "json"}, "no record of topic"),
    ],
)
def test_an_option_that_cannot_be_is_told(kafka, fast, topic, options, told):
    with pytest.raises((InvalidOption, SourceError), match=told):
        fast.read(kafka.url(topic()), **options)


def test_a_column_of_the_values_that_has_a_name_of_kafkas_is_told(kafka, fast, topic):
    with pytest.raises(DuplicateColumn, match="the values have a column 'offset' too"):
        fast.read(kafka.url(topic()), format="json", schema={"offset": "int64"}, metadata="offset")


def deleted_up_to(kafka: KafkaServer, topic: str, offset: int) -> None:
    """Take records away, as retention does."""
    admin = AdminClient(kafka.client())
    for future in admin.delete_records([TopicPartition(topic, 0, offset)]).values():
        future.result(20)


def test_records_that_retention_removed_end_the_run_before_any_row(kafka, ctx, topic):
    name = topic()
    send(kafka, name, *rows(0, 1, 2))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS)
    deleted_up_to(kafka, name, 2)
    with pytest.raises(SourceChanged, match="offset 0 was the first to read, 2 is the first"):
        read.to_arrow()
    assert numbers(ctx.read(kafka.url(name), format="json", schema=NUMBERS)) == [2]
    with pytest.raises(SourceError, match=r"offset 1 of partition 0 .* is gone: there is 2 to 3"):
        ctx.read(kafka.url(name), format="raw", start={0: 1})


@pytest.mark.slow
def test_records_that_retention_removes_in_a_read_end_it(kafka, ctx, topic):
    name = topic()
    for _ in range(6):  # more than clients keep waiting
        send(kafka, name, *[b"x" * 100_000] * 100)
    with ctx.read(kafka.url(name), format="raw").to_batches() as batches:
        next(batches)
        deleted_up_to(kafka, name, 599)
        with pytest.raises(SourceChanged, match="that the plan was to read are gone"):
            batches.read_all()


def test_a_topic_that_was_made_anew_is_another_one(kafka, ctx, topic):
    name = topic()
    send(kafka, name, *rows(1))
    read = ctx.read(kafka.url(name), format="json", schema=NUMBERS)
    admin = AdminClient(kafka.client())
    admin.delete_topics([name])[name].result(20)
    with pytest.raises(SourceChanged, match="no topic"):
        read.to_arrow()
    kafka.create_topic(name)
    with pytest.raises(SourceChanged, match="made anew"):
        read.to_arrow()


def test_two_topics_of_a_cluster_share_its_platform_and_join_elsewhere(kafka, fast, topic):
    left, right = topic(), topic()
    send(kafka, left, *rows(1, 2))
    send(kafka, right, *rows(2, 3))
    a = fast.read(kafka.url(left), format="json", schema=NUMBERS)
    b = fast.read(kafka.url(right), format="json", schema=NUMBERS)
    assert [each.name for each in fast.platforms()] == ["duckdb", "python", "kafka:127.0.0.1"]
    assert numbers(a.join(b, on="n").select("n")) == [2]


def test_a_context_speaks_to_a_cluster_in_one_way(kafka, fast, topic):
    name = topic()
    fast.read(kafka.url(name), format="raw", timeout=20)
    with pytest.raises(InvalidOption, match="with another client"):
        fast.read(kafka.url(name), format="raw", client="kafka-python")


@pytest.fixture
def dying() -> Iterator[KafkaServer]:
    """A broker of a test's own."""
    with KafkaServer.start() as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_a_broker_that_dies_in_a_read_ends_it_in_time(dying, client):
    name = dying.create_topic("big")
    for _ in range(60):
        send(dying, name, *[b"x" * 100_000] * 100)
    with wf.context(kafka={"client": client, "timeout": 3}) as context:
        batches = context.read(dying.url(name), format="raw").to_batches()
        next(batches)
        dying.kill()
        with pytest.raises(ExecutionError, match="no answer from Kafka"):
            batches.read_all()


@pytest.mark.slow
def test_a_read_without_an_end_ends_where_its_broker_dies(dying):
    name = dying.create_topic("quiet")
    send(dying, name, *rows(1))
    with ExitStack() as stack:
        waiting = []
        for client in CLIENTS:
            context = stack.enter_context(wf.context(kafka={"client": client, "timeout": 2}))
            read = context.read(dying.url(name), format="json", schema=NUMBERS, end="never")
            waiting.append(stack.enter_context(read.to_batches()))
        for batches in waiting:
            assert next(batches).to_pydict() == {"n": [1]}
        dying.kill()
        for batches in waiting:
            with pytest.raises(ExecutionError, match="no answer from Kafka"):
                next(batches)
