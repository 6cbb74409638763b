"""confluent-kafka: librdkafka, the fast way."""

from __future__ import annotations

from contextlib import suppress
from itertools import compress
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from wayfed_kafka.clients.interface import EARLIEST, Instant, Moment, Polled, Topic
from wayfed_kafka.failures import ClientError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from wayfed_kafka.clients.interface import Headers, Place
    from wayfed_kafka.location import Location
    from wayfed_kafka.settings import Settings

_PATIENCE: Final = 10.0
"""Seconds that brokers of which none answers are asked again, before anything was read."""
_ONE_TRY: Final = 3.0
_PAUSE: Final = 0.1

_LOOKED_AT: Final = 64

_READING: Final = {
    # The last offset may be a marker of a transaction or a hole of compaction: only the end tells.
    "enable.partition.eof": True,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    # Offsets are ours: where they are gone, that is an error and no reason to begin elsewhere.
    "auto.offset.reset": "error",
    # The topic is there when reading begins: where it is not any more, that is soon said.
    "topic.metadata.propagation.max.ms": 2_000,
    "topic.metadata.refresh.interval.ms": 30_000,
    # The default of a second stalls reads that come to an end.
    "fetch.queue.backoff.ms": 5,
    # A record that waits takes some hundred bytes besides its own.
    "fetch.message.max.bytes": 1 << 20,
    "fetch.max.bytes": 8 << 20,
    "queued.min.messages": 20_000,
    "queued.max.messages.kbytes": 8 << 10,
}

_KINDS: Final = {
    Trouble.UNREACHABLE: ("_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_RESOLVE"),
    Trouble.LOGIN: ("_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM"),
    Trouble.TLS: ("_SSL",),
    Trouble.FORBIDDEN: (
        "TOPIC_AUTHORIZATION_FAILED",
        "CLUSTER_AUTHORIZATION_FAILED",
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    ),
    Trouble.NO_TOPIC: (
        "UNKNOWN_TOPIC_OR_PART",
        "UNKNOWN_TOPIC_ID",
        "_UNKNOWN_TOPIC",
        "_UNKNOWN_PARTITION",
    ),
    Trouble.RETENTION: ("OFFSET_OUT_OF_RANGE", "_AUTO_OFFSET_RESET", "_LOG_TRUNCATION"),
    Trouble.FENCED: (
        "_FENCED",
        "PRODUCER_FENCED",
        "INVALID_PRODUCER_EPOCH",
        "INVALID_PRODUCER_ID_MAPPING",
    ),
    Trouble.TOO_LARGE: ("MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_MSG_SIZE"),
}
_TROUBLES: Final = {name: trouble for trouble, names in _KINDS.items() for name in names}
_PASSING: Final = frozenset(
    {"NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE", "UNKNOWN_LEADER_EPOCH"}
)
"""What a partition says while its leader is chosen."""
_NOT_OURS: Final = frozenset({"GROUP_AUTHORIZATION_FAILED"})
"""The library asks for a group's coordinator, though no offset of a group is read or written."""


def configuration(location: Location, settings: Settings) -> dict[str, Any]:
    """Return how librdkafka is told to reach a cluster."""
    given = {
        "bootstrap.servers": location.cluster,
        "client.id": "wayfed",
        "log_level": 0,  # what it has to say comes by error_cb, not to the user's terminal
        "security.protocol": settings.protocol,
        "ssl.ca.location": settings.ca,
        "ssl.certificate.location": settings.certificate,
        "ssl.key.location": settings.private_key,
        "ssl.key.password": settings.private_key_password,
        "socket.connection.setup.timeout.ms": 10_000,
        "reconnect.backoff.max.ms": 1_000,
    }
    if settings.username is not None:
        given |= {
            "sasl.mechanism": settings.mechanism,
            "sasl.username": settings.username,
            "sasl.password": settings.password,
        }
    return {name: value for name, value in given.items() if value is not None}


def client_error(error: Any, heard: Complaints | None = None) -> ClientError:
    """Return a KafkaError as ours; what was `heard` before may say what is really wrong.

    A wrong password looks like a broker that cannot be reached, and a topic that is forbidden like
    one whose partitions are not known.
    """
    name, text = str(error.name()), str(error.str())
    trouble = _TROUBLES.get(name, Trouble.OTHER)
    if trouble is Trouble.UNREACHABLE and heard is not None:
        trouble, text = heard.truth(trouble, text)
    return ClientError(trouble, text)


class Complaints:
    """What librdkafka says on the side while it tries again and again."""

    def __init__(self) -> None:
        self._latest: dict[Trouble, str] = {}
        self.down = False

    def __call__(self, error: Any) -> None:
        """Note an error; this is librdkafka's ``error_cb``."""
        trouble = _TROUBLES.get(error.name(), Trouble.OTHER)
        if trouble is Trouble.UNREACHABLE and "SSL routines" in error.str():
            trouble = Trouble.TLS  # the broker ended it: it wants a certificate
        if error.name() == "_ALL_BROKERS_DOWN":
            self.down = True
        elif error.name() not in _NOT_OURS:
            self._latest[trouble] = error.str()

    def truth(self, trouble: Trouble, text: str) -> tuple[Trouble, str]:
        """Return what is behind a broker that does not answer, as far as it was said."""
        for told in (Trouble.LOGIN, Trouble.TLS, Trouble.UNREACHABLE):
            if told in self._latest:
                return told, self._latest[told]
        return trouble, text

    @property
    def last(self) -> str | None:
        """The latest complaint."""
        return next(reversed(self._latest.values()), None)

    def forget(self) -> None:
        """Start anew: something arrived."""
        self._latest.clear()
        self.down = False


class ConfluentClient:
    """A cluster by confluent-kafka."""

    name: Final = "confluent-kafka"

    def __init__(self, location: Location, settings: Settings) -> None:
        self._location = location
        self._settings = settings
        self._lock = Lock()
        self._heard = Complaints()
        self._admin: Any = None

    @property
    def version(self) -> str:
        """The version of the library, and of librdkafka."""
        import confluent_kafka

        return f"{confluent_kafka.__version__} (librdkafka {confluent_kafka.libversion()[0]})"

    def topics(self) -> tuple[str, ...]:
        """Return the names of the topics that may be seen, sorted."""
        told = self._asked(lambda seconds: self._administrator().list_topics(timeout=seconds))
        return tuple(sorted(name for name in told.topics if not name.startswith("__")))

    def describe(self, topic: str) -> Topic:
        """Return a topic's partitions and identity; never makes it."""
        from confluent_kafka import TopicCollection

        def ask(seconds: float) -> Any:
            admin = self._administrator()
            futures = admin.describe_topics(TopicCollection([topic]), request_timeout=seconds)
            return _result(futures[topic], seconds)

        told = self._asked(ask)
        in_sync = {each.id: len(each.isr) for each in told.partitions}
        return Topic(tuple(sorted(in_sync)), str(told.topic_id), in_sync)

    def offsets(
        self, topic: str, partitions: Sequence[int], place: Place, *, committed: bool
    ) -> dict[int, int]:
        """Return where in each partition a place is."""
        from confluent_kafka import IsolationLevel, TopicPartition
        from confluent_kafka.admin import OffsetSpec

        isolation = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        spec = (
            OffsetSpec.for_timestamp(place.milliseconds)
            if isinstance(place, Instant)
            else OffsetSpec.earliest()
            if place == EARLIEST
            else OffsetSpec.latest()
        )
        wanted = {TopicPartition(topic, partition): spec for partition in partitions}

        def ask(seconds: float) -> dict[int, int]:
            futures = self._administrator().list_offsets(
                wanted, isolation_level=isolation, request_timeout=seconds
            )
            return {at.partition: _result(f, seconds).offset for at, f in futures.items()}

        found = self._asked(ask) if partitions else {}
        if beyond := [partition for partition, offset in found.items() if offset < 0]:
            found |= self.offsets(topic, beyond, "latest", committed=committed)
        return found

    def span(self, topic: str, partitions: Sequence[int]) -> dict[int, tuple[Moment, Moment]]:
        """Return the first record of each partition that has one, and that of the latest time."""
        from confluent_kafka import TopicPartition
        from confluent_kafka.admin import OffsetSpec

        at = [TopicPartition(topic, partition) for partition in partitions]

        def ask(seconds: float) -> dict[int, tuple[Moment, Moment]]:
            admin = self._administrator()
            # A request has one place for each partition: both are under way before one is awaited.
            first, latest = (
                admin.list_offsets(dict.fromkeys(at, spec), request_timeout=seconds)
                for spec in (OffsetSpec.for_timestamp(0), OffsetSpec.max_timestamp())
            )
            told = {
                each.partition: tuple(
                    Moment(found.offset, found.timestamp)
                    for found in (_result(first[each], seconds), _result(latest[each], seconds))
                )
                for each in at
            }
            return {
                partition: (low, high)
                for partition, (low, high) in told.items()
                if low.offset >= 0 and high.offset >= 0
            }

        found: dict[int, tuple[Moment, Moment]] = self._asked(ask) if at else {}
        return found

    def configuration(self, topic: str) -> Mapping[str, str]:
        """Return a topic's settings; empty where they may not be seen."""
        from confluent_kafka.admin import ConfigResource, ResourceType

        resource = ConfigResource(ResourceType.TOPIC, topic)

        def ask(seconds: float) -> Any:
            futures = self._administrator().describe_configs([resource], request_timeout=seconds)
            return _result(futures[resource], seconds)

        try:
            told = self._asked(ask)
        except ClientError as error:
            if error.trouble is Trouble.FORBIDDEN:
                return {}
            raise
        return {name: entry.value for name, entry in told.items() if entry.value is not None}

    def create_topic(self, topic: str, partitions: int, replication: int | None) -> None:
        """Make a topic, on as many brokers as they do by themselves unless it is said."""
        from confluent_kafka.admin import NewTopic

        made = NewTopic(topic, partitions, -1 if replication is None else replication)

        def ask(seconds: float) -> Any:
            futures = self._administrator().create_topics([made], request_timeout=seconds)
            return _result(futures[topic], seconds)

        self._asked(ask)

    def consumer(
        self, topic: str, starts: Mapping[int, int], *, committed: bool
    ) -> ConfluentConsumer:
        """Start reading partitions, each at an offset."""
        given = configuration(self._location, self._settings)
        isolation = "read_committed" if committed else "read_uncommitted"
        # The library wants a group's name, also where no group is joined.
        given |= {**_READING, "group.id": "wayfed", "isolation.level": isolation}
        return ConfluentConsumer(given, topic, starts)

    def close(self) -> None:
        """Let go of the cluster."""
        with self._lock:
            self._admin = None

    def _administrator(self) -> Any:
        from confluent_kafka.admin import AdminClient

        with self._lock:
            if self._admin is None:
                given = configuration(self._location, self._settings)
                self._admin = AdminClient({**given, "error_cb": self._heard})
            return self._admin

    def _asked(self, ask: Callable[[float], Any]) -> Any:
        """Ask until there is an answer, or none can come; what is passing is waited for."""
        from confluent_kafka import KafkaException

        self._heard.forget()
        until = monotonic() + min(self._settings.timeout, _PATIENCE)
        while True:
            try:
                return ask(_ONE_TRY)
            except KafkaException as error:
                self._administrator().poll(0)  # brings what was said on the side
                failure = client_error(error.args[0], self._heard)
                waiting = error.args[0].name() in _PASSING or (
                    failure.trouble is Trouble.UNREACHABLE and not self._heard.down
                )
                if not waiting or monotonic() > until:
                    raise failure from error
                self._learn_controller()
            self._administrator().poll(_PAUSE)

    def _learn_controller(self) -> None:
        """Ask any broker who answers for the cluster: by itself the client waits for one gone."""
        from confluent_kafka import KafkaException

        with suppress(KafkaException):  # nobody answers yet
            self._administrator().list_topics(timeout=_ONE_TRY)


def _result(future: Future[Any], seconds: float) -> Any:
    from concurrent.futures import TimeoutError as Late

    from confluent_kafka import KafkaError, KafkaException

    try:
        return future.result(seconds + 1.0)
    except Late as error:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "nothing came back")) from error


class ConfluentConsumer:
    """Partitions of a topic, read by librdkafka's threads while ours do something else."""

    def __init__(self, given: Mapping[str, Any], topic: str, starts: Mapping[int, int]) -> None:
        from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

        self._heard = Complaints()
        self._topic = topic
        self._at = TopicPartition
        self._eof = KafkaError._PARTITION_EOF
        self._error_of, self._partition_of = Message.error, Message.partition
        self._offset_of = Message.offset
        self._consumer = Consumer({**given, "error_cb": self._heard})
        self._consumer.assign([TopicPartition(topic, p, offset) for p, offset in starts.items()])

    def poll(self, count: int, seconds: float) -> Polled:
        """Return at most `count` records, waiting for them at most `seconds`."""
        batch = self._consumer.consume(count, seconds)
        if not batch:
            return Polled()
        self._heard.forget()
        ends: dict[int, int] = {}
        errors = list(map(self._error_of, batch))
        # Not by comparing: the library's errors cannot be compared with None.
        if set(map(type, errors)) != {type(None)}:
            ends = self._ends(batch, errors)
            batch = [each for each, error in zip(batch, errors, strict=True) if error is None]
        last = dict(zip(map(self._partition_of, batch), map(self._offset_of, batch), strict=True))
        positions = {partition: offset + 1 for partition, offset in last.items()}
        return Polled(ConfluentMessages(batch) if batch else None, {**positions, **ends})

    def leave(self, partition: int) -> None:
        """Read no more of a partition."""
        self._consumer.incremental_unassign([self._at(self._topic, partition)])

    def join(self, partition: int, offset: int) -> None:
        """Read one more partition."""
        self._consumer.incremental_assign([self._at(self._topic, partition, offset)])

    def trouble(self) -> str | None:
        """Return what the client last complained of, if it did since something arrived."""
        return self._heard.last

    def close(self) -> None:
        """Let go of the cluster."""
        self._consumer.close()

    def _ends(self, batch: list[Any], errors: list[Any]) -> dict[int, int]:
        ends = {}
        for message, error in zip(batch, errors, strict=True):
            if error is None or error.name() in _NOT_OURS:
                continue
            if error.code() == self._eof:
                ends[message.partition()] = message.offset()
                continue
            failure = client_error(error, self._heard)
            passing = failure.trouble is Trouble.OTHER and error.retriable()
            if passing or failure.trouble is Trouble.UNREACHABLE:
                self._heard(error)  # it tries again by itself; how long, others decide
                continue
            failure.partition = message.partition()
            raise failure
        return ends


def _message() -> Any:
    from confluent_kafka import Message

    return Message


class ConfluentMessages:
    """Records as librdkafka has them."""

    def __init__(self, messages: list[Any]) -> None:
        self._messages = messages

    def __len__(self) -> int:
        return len(self._messages)

    def values(self) -> list[bytes | None]:
        """Return the values; None is a tombstone."""
        return list(map(_message().value, self._messages))

    def keys(self) -> list[bytes | None]:
        """Return the keys."""
        return list(map(_message().key, self._messages))

    def partitions(self) -> list[int]:
        """Return the partitions."""
        return list(map(_message().partition, self._messages))

    def offsets(self) -> list[int]:
        """Return the offsets."""
        return list(map(_message().offset, self._messages))

    def timestamps(self) -> list[int | None]:
        """Return milliseconds since 1970; None where a record has no timestamp."""
        told = [message.timestamp() for message in self._messages]
        return [at if kind else None for kind, at in told]

    def headers(self) -> list[Headers]:
        """Return the headers, in their order."""
        return [message.headers() or [] for message in self._messages]

    def width(self) -> float:
        """Return about how many bytes a value has in the mean, by looking at some."""
        some = self._messages[:: max(1, len(self._messages) // _LOOKED_AT)]
        return sum(map(len, some)) / max(1, len(some))

    def kept(self, keep: Sequence[bool]) -> ConfluentMessages:
        """Return those for which `keep` says so."""
        return ConfluentMessages(list(compress(self._messages, keep)))
