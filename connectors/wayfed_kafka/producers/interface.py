"""What is asked of a client library that writes, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_kafka.clients.interface import Headers
    from wayfed_optimizer.cancellation import CancellationToken


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a producer needs to know of the one transaction it makes.

    Parameters
    ----------
    topic
        Where the records go.
    id
        By which brokers know the producer: a later one of the same id ends an earlier one.
    timeout
        Seconds after which the brokers take it back by themselves.
    largest
        Bytes that a record may have at most, as far as the topic says.
    compression
        ``none``, ``gzip``, ``snappy``, ``lz4`` or ``zstd``.
    """

    topic: str
    id: str
    timeout: float
    largest: int
    compression: str = "none"


def largest(settings: Mapping[str, str]) -> int:
    """Return how many bytes a record of a topic of these settings has at most."""
    return int(settings.get("max.message.bytes", 1_048_588))  # Kafka's own default


@dataclass(frozen=True, slots=True)
class Records:
    """Records to be written, column by column; a list that is missing is missing of all.

    Parameters
    ----------
    values
        None is a tombstone.
    keys
        Records of one key go to one partition, the one that Java's client would choose.
    timestamps
        Milliseconds since 1970; None is now.
    headers
        In their order.
    """

    values: list[bytes | None]
    keys: list[bytes | None] | None = None
    timestamps: list[int | None] | None = None
    headers: list[Headers] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def size(self) -> int:
        """The bytes of keys and values."""
        return sum(len(each or b"") for each in (*self.values, *(self.keys or ())))


class Producer(Protocol):
    """Writes one transaction; used by one thread.

    Every method but `abort` and `close` raises ClientError or TooLarge, and Cancelled where the
    token says so while it waits.
    """

    def begin(self, token: CancellationToken) -> None:
        """Enter the cluster, end what an earlier producer of this id left, and begin."""
        ...

    def send(self, records: Records, token: CancellationToken) -> None:
        """Send records, some later; waits while too many are on their way."""
        ...

    def finish(self, token: CancellationToken) -> None:
        """Wait until every record is where it belongs."""
        ...

    def commit(self) -> None:
        """Make all of them count at once; from here on there is no way back."""
        ...

    def abort(self) -> None:
        """Take all of them back; never raises: the brokers do it by themselves in the end."""
        ...

    def close(self) -> None:
        """Let go of the cluster; never raises."""
        ...


class TooLarge(Exception):
    """A record is larger than the producer or the topic takes; never leaves this package.

    Parameters
    ----------
    key
        The record's.
    size
        The bytes of its key and value.
    """

    def __init__(self, key: bytes | None, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.key = key
        self.size = size
