"""kafka-python: slower, and there wherever Python is."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import compress
from socket import create_connection
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from wayfed_kafka.clients.hearing import hearing
from wayfed_kafka.clients.interface import EARLIEST, Instant, Moment, Polled, Topic
from wayfed_kafka.failures import ClientError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wayfed_kafka.clients.interface import Headers, Place
    from wayfed_kafka.location import Location
    from wayfed_kafka.settings import Settings

_PATIENCE: Final = 5.0
"""Seconds for the first connection: the library asks again and again, whatever the reason."""

_LOOKED_AT: Final = 64

_KINDS: Final = {
    Trouble.LOGIN: ("SaslAuthenticationFailedError", "UnsupportedSaslMechanismError"),
    Trouble.FORBIDDEN: (
        "TopicAuthorizationFailedError",
        "ClusterAuthorizationFailedError",
        "TransactionalIdAuthorizationFailedError",
    ),
    Trouble.NO_TOPIC: ("UnknownTopicOrPartitionError", "UnknownTopicIdError"),
    Trouble.RETENTION: (
        "OffsetOutOfRangeError",
        "NoOffsetForPartitionError",
        "LogTruncationError",
    ),
    Trouble.FENCED: (
        "ProducerFencedError",
        "InvalidProducerEpochError",
        "InvalidProducerIdMappingError",
    ),
    Trouble.TOO_LARGE: ("MessageSizeTooLargeError", "RecordListTooLargeError"),
    Trouble.UNREACHABLE: (
        "KafkaConnectionError",
        "KafkaTimeoutError",
        "MetadataEmptyBrokerList",
        "NodeNotReadyError",
        "RequestTimedOutError",
    ),
}
_TROUBLES: Final = {name: trouble for trouble, names in _KINDS.items() for name in names}


class Secret(str):
    """A text that shows itself to nobody who prints it: the library logs how it is set up."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def configuration(location: Location, settings: Settings) -> dict[str, Any]:
    """Return how kafka-python is told to reach a cluster."""
    given = {
        "bootstrap_servers": list(location.servers),
        "client_id": "wayfed",
        "security_protocol": settings.protocol,
        "ssl_cafile": settings.ca,
        "ssl_certfile": settings.certificate,
        "ssl_keyfile": settings.private_key,
        "ssl_password": settings.private_key_password and Secret(settings.private_key_password),
        "bootstrap_timeout_ms": int(min(settings.timeout, _PATIENCE) * 1000),
        "request_timeout_ms": int(settings.timeout * 1000),
        "reconnect_backoff_max_ms": 1_000,
    }
    if settings.username is not None:
        given |= {
            "sasl_mechanism": settings.mechanism,
            "sasl_plain_username": settings.username,
            "sasl_plain_password": Secret(settings.password),
        }
    return {name: value for name, value in given.items() if value is not None}


def client_error(error: BaseException) -> ClientError:
    """Return an error of the library's as ours."""
    seen: BaseException | None = error
    while seen is not None:
        for kind in type(seen).__mro__:
            if (trouble := _TROUBLES.get(kind.__name__)) is not None:
                return ClientError(trouble, str(seen) or kind.__name__)
        seen = seen.__cause__ or seen.__context__
    return ClientError(Trouble.OTHER, f"{type(error).__name__}: {error}")


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the library, or its connections, raise as an error of ours."""
    from kafka.errors import KafkaError

    with hearing() as heard:
        try:
            yield
        except (KafkaError, OSError, ValueError) as error:
            raise heard.truth(client_error(error)) from error


class KafkaPythonClient:
    """A cluster by kafka-python."""

    name: Final = "kafka-python"

    def __init__(self, location: Location, settings: Settings) -> None:
        self._settings = settings
        self._given = configuration(location, settings)
        # Its objects belong to one thread at a time.
        self._lock = Lock()
        self._administrator: Any = None
        self._askers: dict[bool, Any] = {}

    @property
    def version(self) -> str:
        """The version of the library."""
        import kafka

        return str(kafka.__version__)

    def topics(self) -> tuple[str, ...]:
        """Return the names of the topics that may be seen, sorted."""
        with self._lock, translated():
            told = self._asker(committed=True).topics()
        return tuple(sorted(name for name in told if not name.startswith("__")))

    def describe(self, topic: str) -> Topic:
        """Return a topic's partitions and identity; never makes it."""
        with self._lock, translated():
            told = self._admin().describe_topics([topic])[0]
        _require_no_error(told.get("error_code", 0))
        in_sync = {
            each.get("partition_index", each.get("partition")): len(each["isr_nodes"])
            for each in told["partitions"]
        }
        return Topic(tuple(sorted(in_sync)), str(told.get("topic_id", "")), in_sync)

    def offsets(
        self, topic: str, partitions: Sequence[int], place: Place, *, committed: bool
    ) -> dict[int, int]:
        """Return where in each partition a place is."""
        from kafka import TopicPartition

        if not partitions:
            return {}
        wanted = [TopicPartition(topic, partition) for partition in partitions]
        with self._lock, translated():
            asker = self._asker(committed=committed)
            if isinstance(place, Instant):
                told = asker.offsets_for_times(dict.fromkeys(wanted, place.milliseconds))
                found = {at.partition: each.offset for at, each in told.items() if each is not None}
            else:
                ask: Callable[[Any], Any] = (
                    asker.beginning_offsets if place == EARLIEST else asker.end_offsets
                )
                found = {at.partition: offset for at, offset in ask(wanted).items()}
        if beyond := [partition for partition in partitions if partition not in found]:
            found |= self.offsets(topic, beyond, "latest", committed=committed)
        return found

    def span(self, topic: str, partitions: Sequence[int]) -> dict[int, tuple[Moment, Moment]]:
        """Return the first record of each partition that has one, and that of the latest time."""
        from kafka import TopicPartition
        from kafka.protocol.consumer.offsets import OffsetSpec

        at = [TopicPartition(topic, partition) for partition in partitions]
        if not at:
            return {}
        with self._lock, translated():
            admin = self._admin()
            first, latest = (
                admin.list_partition_offsets(dict.fromkeys(at, spec))
                for spec in (0, OffsetSpec.MAX_TIMESTAMP)
            )
        return {
            each.partition: (
                Moment(first[each].offset, first[each].timestamp),
                Moment(latest[each].offset, latest[each].timestamp),
            )
            for each in at
            if first[each].offset >= 0 and latest[each].offset >= 0
        }

    def configuration(self, topic: str) -> Mapping[str, str]:
        """Return a topic's settings; empty where they may not be seen."""
        from kafka.admin import ConfigResource, ConfigResourceType

        try:
            with self._lock, translated():
                told = self._admin().describe_configs(
                    [ConfigResource(ConfigResourceType.TOPIC, topic)]
                )
        except ClientError as error:
            if error.trouble is Trouble.FORBIDDEN:
                return {}
            raise
        return _settings_in(told)

    def create_topic(self, topic: str, partitions: int, replication: int | None) -> None:
        """Make a topic, on as many brokers as they do by themselves unless it is said."""
        from kafka.admin import NewTopic

        made = NewTopic(topic, partitions, -1 if replication is None else replication)
        with self._lock, translated():
            self._admin().create_topics([made])

    def consumer(
        self, topic: str, starts: Mapping[int, int], *, committed: bool
    ) -> KafkaPythonConsumer:
        """Start reading partitions, each at an offset."""
        given = {
            **self._given,
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "isolation_level": "read_committed" if committed else "read_uncommitted",
            "fetch_max_bytes": 64 << 20,
            "max_partition_fetch_bytes": 8 << 20,
        }
        return KafkaPythonConsumer(given, topic, starts)

    def close(self) -> None:
        """Let go of the cluster."""
        with self._lock:
            opened = [*self._askers.values(), self._administrator]
            self._askers, self._administrator = {}, None
        for each in opened:
            if each is not None:
                each.close()

    def _admin(self) -> Any:
        from kafka.admin import KafkaAdminClient

        if self._administrator is None:
            _require_reachable(self._given)
            self._administrator = KafkaAdminClient(**self._given)
        return self._administrator

    def _asker(self, *, committed: bool) -> Any:
        from kafka import KafkaConsumer

        if committed not in self._askers:
            _require_reachable(self._given)
            isolation = "read_committed" if committed else "read_uncommitted"
            self._askers[committed] = KafkaConsumer(
                **self._given, enable_auto_commit=False, isolation_level=isolation
            )
        return self._askers[committed]


class KafkaPythonConsumer:
    """Partitions of a topic, read where `poll` is called."""

    def __init__(self, given: Mapping[str, Any], topic: str, starts: Mapping[int, int]) -> None:
        from kafka import KafkaConsumer, TopicPartition

        self._topic = topic
        self._at = TopicPartition
        self._positions = dict(starts)
        _require_reachable(given)
        with translated():
            self._consumer = KafkaConsumer(**given)
            self._consumer.assign([TopicPartition(topic, partition) for partition in starts])
            for partition, offset in starts.items():
                self._consumer.seek(TopicPartition(topic, partition), offset)

    def poll(self, count: int, seconds: float) -> Polled:
        """Return at most `count` records, waiting for them at most `seconds`."""
        with translated():
            told = self._consumer.poll(timeout_ms=int(seconds * 1000), max_records=count)
            positions = {}
            for partition, before in self._positions.items():
                # None of them asks a broker: each was said where to begin.
                now = self._consumer.position(self._at(self._topic, partition))
                if now is not None and now != before:
                    positions[partition] = now
        self._positions |= positions
        records = [record for each in told.values() for record in each]
        return Polled(KafkaPythonMessages(records) if records else None, positions)

    def leave(self, partition: int) -> None:
        """Read no more of a partition."""
        del self._positions[partition]
        self._consumer.pause(self._at(self._topic, partition))

    def join(self, partition: int, offset: int) -> None:
        """Read one more partition."""
        at = self._at(self._topic, partition)
        with translated():
            self._consumer.assign([*self._consumer.assignment(), at])
            self._consumer.seek(at, offset)
        self._positions[partition] = offset

    def trouble(self) -> str | None:
        """Return nothing: the library says what is wrong where it gives up."""
        return None

    def close(self) -> None:
        """Let go of the cluster."""
        self._consumer.close(autocommit=False)


class KafkaPythonMessages:
    """Records as kafka-python has them."""

    def __init__(self, records: list[Any]) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def values(self) -> list[bytes | None]:
        """Return the values; None is a tombstone."""
        return [record.value for record in self._records]

    def keys(self) -> list[bytes | None]:
        """Return the keys."""
        return [record.key for record in self._records]

    def partitions(self) -> list[int]:
        """Return the partitions."""
        return [record.partition for record in self._records]

    def offsets(self) -> list[int]:
        """Return the offsets."""
        return [record.offset for record in self._records]

    def timestamps(self) -> list[int | None]:
        """Return milliseconds since 1970; None where a record has no timestamp."""
        return [record.timestamp if record.timestamp >= 0 else None for record in self._records]

    def headers(self) -> list[Headers]:
        """Return the headers, in their order."""
        return [list(record.headers) for record in self._records]

    def width(self) -> float:
        """Return about how many bytes a value has in the mean, by looking at some."""
        some = self._records[:: max(1, len(self._records) // _LOOKED_AT)]
        return sum(len(record.value or b"") for record in some) / max(1, len(some))

    def kept(self, keep: Sequence[bool]) -> KafkaPythonMessages:
        """Return those for which `keep` says so."""
        return KafkaPythonMessages(list(compress(self._records, keep)))


def _require_reachable(given: Mapping[str, Any]) -> None:
    """Raise ClientError unless some broker takes connections.

    The library would ask for seconds, say nothing of why, and leave its sockets open.
    """
    seconds = given["bootstrap_timeout_ms"] / 1000
    told = ""
    for server in given["bootstrap_servers"]:
        host, _, port = server.rpartition(":")
        try:
            create_connection((host.strip("[]"), int(port)), seconds).close()
        except OSError as error:
            told = f"{server}: {error.strerror or error}"
        else:
            return
    raise ClientError(Trouble.UNREACHABLE, told)


def _require_no_error(code: int) -> None:
    from kafka.errors import for_code

    if code:
        raise client_error(for_code(code)())


def _settings_in(told: Any) -> dict[str, str]:
    """Return the settings of an answer, whichever form the library gives it."""
    found: dict[str, str] = {}
    if isinstance(told, dict):
        for name, value in told.items():
            if isinstance(value, dict) and "value" not in value:
                found |= _settings_in(value)
            elif isinstance(value, dict):
                found[name] = value["value"]
            else:
                found[name] = value
    return found
