"""Writing by kafka-python, record by record."""

from __future__ import annotations

from contextlib import suppress
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from wayfed_kafka.clients.kafka_python import client_error, configuration, translated
from wayfed_kafka.failures import ClientError, Trouble
from wayfed_kafka.producers.interface import TooLarge
from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed_kafka.clients.interface import Headers
    from wayfed_kafka.location import Location
    from wayfed_kafka.producers.interface import Records, Transaction
    from wayfed_kafka.settings import Settings
    from wayfed_optimizer.cancellation import CancellationToken

_STEP: Final = 0.2
_TO_CLOSE: Final = 5.0
_LINGER: Final = 20
_ROWS_BETWEEN_LOOKS: Final = 1_000


class KafkaPythonProducer:
    """One transaction by kafka-python."""

    def __init__(self, location: Location, settings: Settings, transaction: Transaction) -> None:
        self._topic = transaction.topic
        self._patience = settings.timeout
        self._producer: Any = None
        self._failed: BaseException | None = None
        self._sent = 0
        self._arrived = 0
        patience = int(settings.timeout * 1000)
        milliseconds = int(transaction.timeout * 1000)
        compression = None if transaction.compression == "none" else transaction.compression
        self._given = {
            **configuration(location, settings),
            "transactional_id": transaction.id,
            "transaction_timeout_ms": milliseconds,
            "delivery_timeout_ms": max(milliseconds, patience + 2 * _LINGER),
            "max_block_ms": patience,
            "max_request_size": transaction.largest,
            "compression_type": compression,
            "linger_ms": _LINGER,
            # It does not part batches that a topic finds too large.
            "batch_size": min(1 << 18, transaction.largest),
        }

    def begin(self, token: CancellationToken) -> None:
        """Enter the cluster, end what an earlier producer of this id left, and begin."""
        from kafka import KafkaProducer

        token.raise_if_cancelled()
        with translated():
            self._producer = KafkaProducer(**self._given)
            self._within_time(self._producer.init_transactions)
            self._producer.begin_transaction()

    def send(self, records: Records, token: CancellationToken) -> None:
        """Send records, some later; waits while too many are on their way."""
        from kafka.errors import KafkaError, MessageSizeTooLargeError

        nothing: list[Any] = [None] * len(records)
        columns = (records.keys, records.timestamps, records.headers)
        _require_values(records.headers)
        rows = zip(records.values, *(each or nothing for each in columns), strict=True)
        for number, (value, key, timestamp, headers) in enumerate(rows):
            if number % _ROWS_BETWEEN_LOOKS == 0:
                token.raise_if_cancelled()
                self._raise_failure()
            try:
                future = self._producer.send(
                    self._topic, value, key, headers=headers, timestamp_ms=timestamp
                )
            except MessageSizeTooLargeError as error:
                raise TooLarge(key, len(key or b"") + len(value or b"")) from error
            except KafkaError as error:
                raise client_error(error) from error
            self._sent += 1
            future.add_callback(self._delivered)
            future.add_errback(self._undelivered)

    def finish(self, token: CancellationToken) -> None:
        """Wait until every record is where it belongs."""
        from kafka.errors import KafkaTimeoutError

        arrived, since = self._arrived, monotonic()
        while self._arrived < self._sent:
            token.raise_if_cancelled()
            try:
                self._producer.flush(_STEP)
            except KafkaTimeoutError:
                if self._arrived > arrived:
                    arrived, since = self._arrived, monotonic()
                elif monotonic() > since + self._patience:
                    raise ClientError(
                        Trouble.UNREACHABLE, f"no acknowledgement for {self._patience:g} seconds"
                    ) from None
            self._raise_failure()
        self._raise_failure()

    def commit(self) -> None:
        """Make all of them count at once."""
        with translated():
            self._within_time(self._producer.commit_transaction)

    def abort(self) -> None:
        """Take all of them back."""
        if self._producer is None:
            return
        # Where that fails, the brokers do it by themselves, at the latest when its time is over.
        with suppress(ClientError, AssertionError), translated():
            self._within_time(self._producer.abort_transaction)

    def close(self) -> None:
        """Let go of the cluster."""
        from kafka.errors import KafkaTimeoutError

        if self._producer is None:
            return
        try:
            self._producer.close(timeout=_TO_CLOSE)
        except KafkaTimeoutError:
            # What was taken back still waits for brokers that are gone; it would do so for ever.
            self._producer._sender.force_close()

    def _within_time(self, ask: Callable[[], object]) -> None:
        """Ask something that the library waits for without an end where its broker has died."""
        raised: list[BaseException] = []

        def asking() -> None:
            try:
                ask()
            except BaseException as error:  # noqa: BLE001  raised where it is waited for
                raised.append(error)

        waiting = Thread(target=asking, name="kafka-transaction", daemon=True)
        waiting.start()
        waiting.join(self._patience)
        if waiting.is_alive():
            raise ClientError(Trouble.UNREACHABLE, f"no answer for {self._patience:g} seconds")
        if raised:
            raise raised[0]

    def _delivered(self, _: Any) -> None:
        self._arrived += 1

    def _undelivered(self, error: BaseException) -> None:
        self._arrived += 1
        self._failed = self._failed or error

    def _raise_failure(self) -> None:
        if self._failed is not None:
            raise client_error(self._failed) from self._failed


def _require_values(headers: list[Headers] | None) -> None:
    if any(value is None for row in headers or () for _, value in row):
        raise Unsupported(
            "a header without a value",
            "kafka-python",
            hint="pip install confluent-kafka, or leave such headers out",
        )
