"""Three brokers, of which one is killed while rows are on their way: nothing is lost or twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pyarrow as pa
import pytest

import wayfed as wf
from tests.conftest import EVERYTHING_MUST_RUN
from tests.integration.kafka.records import CLIENTS
from tests.integration.kafka.topics import new_name, values
from wayfed.testing.servers import KafkaServer
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import ExecutionError, WayfedError

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

NODES = (1, 2, 3)
BATCH = 2_000


@pytest.fixture(scope="module")
def brokers():
    """Three brokers; one that is gone is missed after six seconds."""
    settings = {"broker.session.timeout.ms": 6_000, "broker.heartbeat.interval.ms": 500}
    try:
        server = KafkaServer.start(len(NODES), settings=settings)
    except WayfedError as error:
        if EVERYTHING_MUST_RUN:
            raise
        pytest.skip(f"no Kafka: {error}")
    with server:
        yield server


@pytest.fixture
def cluster(brokers):
    """All three: whoever was killed before is back."""
    for node in NODES:
        if not brokers.running(node):
            brokers.start_node(node)
    return brokers


@pytest.fixture
def topic(cluster):
    """A topic on all three."""
    return cluster.create_topic(new_name(), partitions=3)


def numbers(count):
    return pa.table({"n": range(count)})


def killing(cluster, topic, table, at):
    """Rows of a table, and a leader that is killed before the batch of number `at`."""
    for number, batch in enumerate(table.to_batches(max_chunksize=BATCH)):
        if number == at:
            cluster.kill(cluster.leader(topic))
        yield batch


def written(target, cluster, topic, count, *, client, at):
    table = numbers(count)
    rows = pa.RecordBatchReader.from_batches(table.schema, killing(cluster, topic, table, at))
    options, settings = {"key": "n"}, {"client": client}
    return target(cluster.url(topic), table, options, settings=settings).write(
        rows, CancellationToken()
    )


def expected(count):
    return sorted(b'{"n":%d}' % n for n in range(count))


def test_a_leader_that_dies_in_a_write_loses_nothing_and_doubles_nothing(cluster, topic, target):
    count = 10 * BATCH
    assert written(target, cluster, topic, count, client="confluent", at=5) == count
    assert values(cluster, topic) == expected(count)


def test_a_leader_that_dies_in_a_write_leaves_all_or_nothing_by_kafka_python(
    cluster, topic, target
):
    count = 10 * BATCH
    try:
        assert written(target, cluster, topic, count, client="kafka-python", at=5) == count
    except ExecutionError as error:  # it finds no new coordinator, where the leader was that too
        assert "Kafka" in str(error) or "did not say" in str(error)
        assert values(cluster, topic) in ([], expected(count))
    else:
        assert values(cluster, topic) == expected(count)


def test_a_leader_that_dies_in_a_read_loses_nothing_and_doubles_nothing(cluster, topic):
    url, count = cluster.url(topic), 100_000
    with wf.context() as ctx:
        ctx.read(numbers(count)).write(url, mode="append")

    def rest(batches):
        return [n for batch in batches for n in batch.column("n").to_pylist()]

    with ExitStack() as stack, ThreadPoolExecutor(len(CLIENTS)) as threads:
        seen, going = [], []
        for client in CLIENTS:
            ctx = stack.enter_context(wf.context(kafka={"client": client}))
            read = ctx.read(url, format="json", schema={"n": "int64"})
            going.append(stack.enter_context(read.to_batches()))
            seen.append(next(going[-1]).column("n").to_pylist())
        cluster.kill(cluster.leader(topic))
        for first, others in zip(seen, threads.map(rest, going), strict=True):
            assert sorted(first + others) == list(range(count))


@pytest.mark.soak  # a busy machine misses a broker only after the write has ended
def test_a_topic_that_needs_more_brokers_than_there_are_says_so(cluster, topic, target):
    strict = cluster.create_topic(new_name(), settings={"min.insync.replicas": 3})
    table = numbers(BATCH)

    def batches():
        cluster.kill(next(node for node in NODES if node != cluster.leader(strict)))
        yield from table.to_batches()

    rows = pa.RecordBatchReader.from_batches(table.schema, batches())
    writing = target(cluster.url(strict), table, {}, settings={"timeout": 40})
    with pytest.raises(ExecutionError, match="has 2 replicas in sync, and needs 3"):
        writing.write(rows, CancellationToken())
    assert values(cluster, strict) == []


def test_brokers_that_all_hang_end_the_write(cluster, topic, target):
    table = numbers(2 * BATCH)

    def batches():
        first, second = table.to_batches(max_chunksize=BATCH)
        yield first
        for node in NODES:
            cluster.pause(node)
        yield second

    rows = pa.RecordBatchReader.from_batches(table.schema, batches())
    options = {"transactional_id": topic}
    writing = target(cluster.url(topic), table, options, settings={"timeout": 5})
    try:
        with pytest.raises(ExecutionError, match=r"no answer from Kafka"):
            writing.write(rows, CancellationToken())
    finally:
        for node in NODES:
            cluster.resume(node)
    table = numbers(1)
    again = target(cluster.url(topic), table, options)
    again.write(table.to_reader(), CancellationToken())
    assert values(cluster, topic) == expected(1)


@pytest.mark.soak
def test_leaders_that_die_again_and_again_lose_nothing(cluster, target):
    topic, count = cluster.create_topic(new_name(), partitions=6), 100 * BATCH
    for round_ in range(1, 7):
        assert written(target, cluster, topic, count, client="confluent", at=10 * round_) == count
        for node in NODES:
            if not cluster.running(node):
                cluster.start_node(node)
        assert values(cluster, topic) == sorted(expected(count) * round_)
