"""Writing by confluent-kafka: librdkafka's threads send while ours encode."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from wayfed_kafka.clients.confluent import Complaints, client_error, configuration
from wayfed_kafka.failures import ClientError, Trouble
from wayfed_kafka.producers.interface import TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed_kafka.location import Location
    from wayfed_kafka.producers.interface import Records, Transaction
    from wayfed_kafka.settings import Settings
    from wayfed_optimizer.cancellation import CancellationToken

_ON_THEIR_WAY: Final = 64 << 20
"""Bytes that wait to be sent or acknowledged, at most."""
_STEP: Final = 0.2
"""Seconds after which a wait looks whether somebody asked to stop."""
_TO_CLOSE: Final = 3.0
_WRITING: Final = {
    "linger.ms": 20,
    "batch.size": 1 << 20,
    # How much waits is bounded by us, in bytes: a queue that is full would change the order.
    "queue.buffering.max.messages": 10_000_000,
    "queue.buffering.max.kbytes": 2 << 20,
    "partitioner": "murmur2_random",  # the partitions that Java's client chooses
    "delivery.report.only.error": True,
}
_TOO_LARGE: Final = ("MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE")


class ConfluentProducer:
    """One transaction by confluent-kafka."""

    def __init__(self, location: Location, settings: Settings, transaction: Transaction) -> None:
        from confluent_kafka import Producer

        self._heard = Complaints()
        self._fatal: Any = None
        self._topic = transaction.topic
        self._patience = settings.timeout
        self._failed: Exception | None = None
        self._sent: deque[tuple[int, int]] = deque()
        milliseconds = int(transaction.timeout * 1000)
        given = {
            **configuration(location, settings),
            **_WRITING,
            "transactional.id": transaction.id,
            "transaction.timeout.ms": milliseconds,
            "message.timeout.ms": milliseconds,
            "message.max.bytes": transaction.largest,
            "compression.type": transaction.compression,
            "error_cb": self._complained,
            "on_delivery": self._undelivered,
        }
        self._producer = Producer(given)

    def begin(self, token: CancellationToken) -> None:
        """Enter the cluster, end what an earlier producer of this id left, and begin."""
        self._insist(self._producer.init_transactions, self._patience, token)
        self._told(self._producer.begin_transaction)

    def send(self, records: Records, token: CancellationToken) -> None:
        """Send records, some later; waits while too many are on their way."""
        size = records.size
        self._wait(lambda: self._waiting() + size <= max(_ON_THEIR_WAY, size), token)
        if records.headers is not None or records.timestamps is not None:
            self._send_one_by_one(records)  # the library's batches have neither
        else:
            self._send_batch(records)
        self._sent.append((len(records), size))
        self._poll(0)
        self._raise_failure()

    def finish(self, token: CancellationToken) -> None:
        """Wait until every record is where it belongs."""
        self._producer.flush(0)
        self._wait(lambda: len(self._producer) == 0, token)
        self._raise_failure()

    def commit(self) -> None:
        """Make all of them count at once."""
        self._insist(self._producer.commit_transaction, self._patience, None)

    def abort(self) -> None:
        """Take all of them back."""
        from confluent_kafka import KafkaException

        # Where that fails, the brokers do it by themselves, at the latest when its time is over.
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.abort_transaction(self._patience)

    def close(self) -> None:
        """Let go of the cluster."""
        # The library waits for brokers that hang, however long they do: nobody else has to.
        closing = Thread(target=self._close, name="kafka-close", daemon=True)
        closing.start()
        closing.join(_TO_CLOSE)

    def _close(self) -> None:
        from confluent_kafka import KafkaException

        # After a fatal error, which was told before, the library tells it once more here.
        with suppress(KafkaException, SystemError):
            self._producer.close(0)

    def _send_batch(self, records: Records) -> None:
        batch: list[dict[str, Any]] = [{"value": value} for value in records.values]
        for message, key in zip(batch, records.keys or (), strict=records.keys is not None):
            if key is not None:
                message["key"] = key
        if self._producer.produce_batch(self._topic, batch) < len(batch):
            message = next(message for message in batch if "_error" in message)
            self._raise(message["_error"], message.get("key"), message["value"])

    def _send_one_by_one(self, records: Records) -> None:
        from confluent_kafka import KafkaException

        nothing: list[Any] = [None] * len(records)
        keys, timestamps = records.keys or nothing, records.timestamps or nothing
        rows = zip(records.values, keys, timestamps, records.headers or nothing, strict=True)
        for value, key, timestamp, headers in rows:
            given = {} if timestamp is None else {"timestamp": timestamp}
            try:
                self._producer.produce(self._topic, value, key, headers=headers, **given)
            except KafkaException as error:
                self._raise(error.args[0], key, value)

    def _waiting(self) -> int:
        """Return about how many bytes are on their way: those of the latest records."""
        left = len(self._producer)
        while self._sent and sum(rows for rows, _ in self._sent) - self._sent[0][0] >= left:
            self._sent.popleft()
        return sum(size for _, size in self._sent)

    def _wait(self, done: Callable[[], bool], token: CancellationToken) -> None:
        """Wait for acknowledgements, as long as some come."""
        left, since = len(self._producer), monotonic()
        while not done():
            token.raise_if_cancelled()
            self._poll(_STEP)
            self._raise_failure()
            if len(self._producer) < left:
                left, since = len(self._producer), monotonic()
                self._heard.forget()
            elif monotonic() > since + self._patience:
                trouble, text = self._heard.truth(
                    Trouble.UNREACHABLE, f"no acknowledgement for {self._patience:g} seconds"
                )
                raise ClientError(trouble, text)

    def _insist(
        self, ask: Callable[[float], Any], seconds: float, token: CancellationToken | None
    ) -> None:
        """Call something of a transaction again until it is done or its time is over."""
        from confluent_kafka import KafkaException

        until = monotonic() + seconds
        while True:
            if token is not None:
                token.raise_if_cancelled()
            try:
                ask(_STEP)
                return
            except KafkaException as error:
                self._poll(0)
                self._raise_failure()
                failure = client_error(error.args[0], self._heard)
                if failure.trouble in (Trouble.LOGIN, Trouble.TLS):
                    raise failure from error
                if not error.args[0].retriable() or monotonic() > until:
                    raise failure from error

    def _poll(self, seconds: float) -> None:
        """Let the library say what arrived, and what did not."""
        self._told(lambda: self._producer.poll(seconds))

    def _told(self, ask: Callable[[], object]) -> None:
        from confluent_kafka import KafkaException

        try:
            ask()
        except KafkaException as error:
            raise client_error(error.args[0], self._heard) from error

    def _undelivered(self, error: Any, message: Any) -> None:
        """Note why a record did not arrive; librdkafka calls it for those that did not."""
        if error is None or self._failed is not None:
            return
        try:
            self._raise(error, message.key(), message.value(), message.partition())
        except (ClientError, TooLarge) as failure:
            self._failed = failure

    def _complained(self, error: Any) -> None:
        """Note what the library says on the side."""
        self._heard(error)
        if error.fatal():
            self._fatal = self._fatal or error

    def _raise(
        self, error: Any, key: bytes | None, value: bytes | None, partition: int | None = None
    ) -> None:
        if error.name() in _TOO_LARGE:
            raise TooLarge(key, len(key or b"") + len(value or b""))
        if error.name() == "_FATAL" and self._fatal is not None:
            error = self._fatal  # every message fails by what went wrong once
        failure = client_error(error, self._heard)
        failure.partition = partition
        raise failure

    def _raise_failure(self) -> None:
        if self._failed is not None:
            raise self._failed
