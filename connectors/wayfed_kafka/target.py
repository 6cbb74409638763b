"""A topic that rows are written to: one transaction, all of them or none."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from wayfed_arrow import conform
from wayfed_kafka.avro_writing import AvroEncoder, RegisteredAvro, avro_schema
from wayfed_kafka.clients import LATEST
from wayfed_kafka.encoding import Encoder, json_values, parts, raw_values
from wayfed_kafka.failures import ClientError, Trouble, planning_failure
from wayfed_kafka.layout import OPTIONS as LAYOUT_OPTIONS
from wayfed_kafka.layout import Layout
from wayfed_kafka.location import require_topic
from wayfed_kafka.producers import Transaction, producer_for
from wayfed_kafka.producers.interface import TooLarge, largest
from wayfed_kafka.registry import Registry
from wayfed_kafka.settings import OPTIONS as SETTINGS
from wayfed_kafka.writing_failures import too_large, unconfirmed, writing_failure
from wayfed_optimizer.errors import InvalidOption, SourceError, Unsupported
from wayfed_optimizer.relations import WriteMode
from wayfed_optimizer.types import check_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_kafka.clients.interface import Topic
    from wayfed_kafka.cluster import Cluster
    from wayfed_kafka.encoding import Encode
    from wayfed_kafka.location import Location
    from wayfed_kafka.producers import Producer
    from wayfed_optimizer.cancellation import CancellationToken
    from wayfed_optimizer.platform import TargetRequest

COMPRESSIONS: Final = ("none", "gzip", "snappy", "lz4", "zstd")
_OPTIONS: Final = (
    *("format", *LAYOUT_OPTIONS, "subject"),
    *("partitions", "replication", "compression", "transactional_id", "transaction_timeout"),
)
_UNTIL_SEEN: Final = 2.0
_TRANSACTION_TIMEOUT: Final = 300.0


def target_of(request: TargetRequest, cluster: Cluster, location: Location) -> TopicTarget:
    """Return the topic that a request means, after all that can be checked before rows are there.

    Raises
    ------
    InvalidOption, ColumnNotFound, TypeMismatch
        Where an option is none, or has no such value.
    SourceError
        Where the cluster cannot be reached, or the topic is not there or is in the way.
    Unsupported
        For what cannot be promised of a topic.
    """
    topic = require_topic(location)
    _check(request, location)
    layout = Layout.of(request)
    try:
        found, settings = _look(cluster, topic)
    except ClientError as error:
        raise planning_failure(error, location) from error
    make = _to_make(request, location, found)
    keyed = "compact" in settings.get("cleanup.policy", "")
    if keyed and not layout.key:
        raise InvalidOption(
            f"{location} is compacted, and keeps the latest message of each key: key= is missing",
            available=request.schema.names,
        )
    given = request.options
    transaction = Transaction(
        topic,
        given.get("transactional_id") or f"wayfed-{topic}-{uuid4().hex}",
        float(given.get("transaction_timeout", _TRANSACTION_TIMEOUT)),
        largest(settings),
        given.get("compression", COMPRESSIONS[0]),
    )
    encoder = Encoder(layout, _encode(layout, request, cluster, topic), keyed)
    return TopicTarget(cluster, location, transaction, encoder, make)


@dataclass(frozen=True, slots=True)
class NewTopic:
    """A topic that is to be made: its partitions, and on how many brokers each is."""

    partitions: int
    replication: int | None


class TopicTarget:
    """A topic, and the transaction that brings rows there.

    Who reads only what is committed (which wayfed does unless asked otherwise) sees all of the
    rows or none. A writer that is killed leaves an open transaction, which the brokers take back
    when its time is over, or when somebody writes under the same transactional id.
    """

    def __init__(
        self,
        cluster: Cluster,
        location: Location,
        transaction: Transaction,
        encoder: Encoder,
        make: NewTopic | None,
    ) -> None:
        self._cluster = cluster
        self._location = location
        self._transaction = transaction
        self._encoder = encoder
        self._make = make

    @property
    def description(self) -> str:
        """The topic and its cluster."""
        return str(self._location)

    def write(self, rows: Any, token: CancellationToken) -> int:
        """Write the rows in one transaction and return their number.

        Raises
        ------
        ExecutionError
            Nothing is written: the error says what was in the way.
        """
        began = monotonic()
        try:
            self._make_topic()
            producer = producer_for(self._cluster, self._transaction)
            try:
                return self._write(producer, rows, token)
            finally:
                producer.close()
        except ClientError as error:
            raise writing_failure(
                error, self._cluster, self._location, self._transaction, monotonic() - began
            ) from error

    def _write(self, producer: Producer, rows: Any, token: CancellationToken) -> int:
        count = 0
        producer.begin(token)
        try:
            for batch in conform(rows, self._encoder.layout.schema):
                for part in parts(batch):
                    token.raise_if_cancelled()
                    producer.send(self._encoder.records(part), token)
                    count += part.num_rows
            producer.finish(token)
            ends = self._reached()
        except TooLarge as error:
            producer.abort()
            raise too_large(error, self._location, self._transaction.largest) from error
        except BaseException:
            producer.abort()
            raise
        self._commit(producer)
        self._wait_until_seen(ends)
        return count

    def _commit(self, producer: Producer) -> None:
        try:
            producer.commit()
        except ClientError as error:
            if error.trouble is Trouble.UNREACHABLE:
                raise unconfirmed(error, self._location) from error
            producer.abort()
            raise

    def _reached(self) -> Mapping[int, int]:
        """Return where the rows end, as far as the brokers say: it is no reason to fail."""
        try:
            return self._ends(committed=False)
        except ClientError:
            return {}

    def _wait_until_seen(self, ends: Mapping[int, int]) -> None:
        """Wait until readers see the rows, which is some milliseconds after the commit is done.

        They do when what is committed reaches where the rows end, unless somebody else's
        transaction, which began before, is open still: that is not waited for long.
        """
        until = monotonic() + _UNTIL_SEEN
        with suppress(ClientError):
            while monotonic() < until:
                seen = self._ends(committed=True)
                if all(seen[partition] >= end for partition, end in ends.items()):
                    return

    def _ends(self, *, committed: bool) -> dict[int, int]:
        client, topic = self._cluster.client, self._transaction.topic
        partitions = client.describe(topic).partitions
        return client.offsets(topic, partitions, LATEST, committed=committed)

    def _make_topic(self) -> None:
        if self._make is None:
            return
        self._cluster.client.create_topic(
            self._transaction.topic, self._make.partitions, self._make.replication
        )
        self._make = None


def _check(request: TargetRequest, location: Location) -> None:
    for option in request.options:
        if option not in _OPTIONS and option not in SETTINGS:
            raise InvalidOption.unknown(option, _OPTIONS, of="writing to a topic")
    if request.table is not None:
        raise InvalidOption("table= is for databases; a topic is the last part of its URL")
    if request.partition_by:
        raise InvalidOption(
            "partition_by= is for directories of files",
            hint="key= decides to which partition of a topic a row goes",
        )
    if request.mode is WriteMode.OVERWRITE:
        raise Unsupported(
            f"overwriting {location}",
            reason="no transaction of Kafka takes records away and adds others",
            hint="write to a new topic; or, with key=, to a compacted one, where the latest "
            "message of a key replaces those before, with mode='append'",
        )
    given = request.options
    check_option(given.get("compression", COMPRESSIONS[0]), COMPRESSIONS, name="compression")
    for name in ("partitions", "replication"):
        _require_number(given, name)
    _require_number(given, "transaction_timeout", float)
    if "replication" in given and "partitions" not in given:
        raise InvalidOption("replication= goes with partitions=, which makes a topic")


def _require_number(
    given: Mapping[str, Any], name: str, kind: type[int] | type[float] = int
) -> None:
    value = given.get(name, 1)
    if isinstance(value, bool) or not isinstance(value, int | kind) or value <= 0:
        raise InvalidOption(f"{name}={value!r} is not a number above 0")


def _look(cluster: Cluster, topic: str) -> tuple[Topic | None, Mapping[str, str]]:
    """Return a topic and its settings; None where it is not there."""
    try:
        found = cluster.client.describe(topic)
    except ClientError as error:
        if error.trouble is Trouble.NO_TOPIC:
            return None, {}
        raise
    return found, cluster.client.configuration(topic)


def _to_make(request: TargetRequest, location: Location, found: Topic | None) -> NewTopic | None:
    partitions = request.options.get("partitions")
    if found is None:
        if partitions is None:
            raise SourceError(
                f"there is no topic '{location.topic}' at {location.cluster}, or the user may not "
                "see it",
                hint="partitions=6 makes it, with so many partitions",
            )
        return NewTopic(partitions, request.options.get("replication"))
    if request.mode is WriteMode.ERROR:
        raise SourceError(f"{location} exists already", hint="mode='append' adds messages to it")
    if partitions is not None and partitions != len(found.partitions):
        raise InvalidOption(
            f"{location} exists with {len(found.partitions)} partitions, not {partitions}",
            hint="leave partitions= out to write to it as it is",
        )
    return None


def _encode(layout: Layout, request: TargetRequest, cluster: Cluster, topic: str) -> Encode:
    """Return what makes values of a batch of the value's columns."""
    subject = request.options.get("subject")
    registry = cluster.settings.registry
    if subject is not None and (layout.format != "avro" or registry is None):
        raise InvalidOption("subject= goes with format='avro' and a registry=")
    if layout.format != "avro":
        return json_values if layout.format == "json" else raw_values
    if registry is not None:
        name = subject or f"{topic}-value"
        return RegisteredAvro(Registry(cluster.settings), name, layout.value_schema)
    avro_schema(layout.value_schema)  # for its errors: what has no name there
    return AvroEncoder()
