"""What is asked of a client library, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Headers: TypeAlias = "list[tuple[str, bytes | None]]"


@dataclass(frozen=True, slots=True)
class Instant:
    """The first record at or after an instant, in milliseconds since 1970."""

    milliseconds: int


EARLIEST: Final = "earliest"
LATEST: Final = "latest"
Place: TypeAlias = Literal["earliest", "latest"] | Instant
"""Where in a partition: at the beginning, at the end, or at an instant."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A record's offset, and its timestamp in milliseconds since 1970."""

    offset: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as its cluster describes it.

    Parameters
    ----------
    partitions
        The numbers of its partitions, in order.
    identity
        Another one for a topic that was made anew under the old name; empty where not known.
    in_sync
        How many brokers have all of a partition.
    """

    partitions: tuple[int, ...]
    identity: str = ""
    in_sync: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))


class Messages(Protocol):
    """Records of a topic, column by column; those of a partition in their order."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def values(self) -> list[bytes | None]:
        """Return the values; None is a tombstone."""
        ...

    def keys(self) -> list[bytes | None]:
        """Return the keys."""
        ...

    def partitions(self) -> list[int]:
        """Return the partitions."""
        ...

    def offsets(self) -> list[int]:
        """Return the offsets."""
        ...

    def timestamps(self) -> list[int | None]:
        """Return milliseconds since 1970; None where a record has no timestamp."""
        ...

    def headers(self) -> list[Headers]:
        """Return the headers, in their order."""
        ...

    def width(self) -> float:
        """Return about how many bytes a value has in the mean, by looking at some."""
        ...

    def kept(self, keep: Sequence[bool]) -> Messages:
        """Return those for which `keep` says so."""
        ...


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll gave.

    Parameters
    ----------
    messages
        The records; None where there were none.
    positions
        Up to which offset partitions have been read by now, where that changed; markers of
        transactions and holes of compaction count, though no record stands for them.
    """

    messages: Messages | None = None
    positions: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))


class Consumer(Protocol):
    """Reads partitions of one topic from given offsets on; used by one thread at a time."""

    def poll(self, count: int, seconds: float) -> Polled:
        """Return at most `count` records, waiting for them at most `seconds`.

        Raises
        ------
        ClientError
            Where the cluster will not go on.
        """
        ...

    def leave(self, partition: int) -> None:
        """Read no more of a partition."""
        ...

    def join(self, partition: int, offset: int) -> None:
        """Read one more partition."""
        ...

    def trouble(self) -> str | None:
        """Return what the client last complained of, if it did since something arrived."""
        ...

    def close(self) -> None:
        """Let go of the cluster; never raises."""
        ...


class Client(Protocol):
    """A client library, connected to one cluster; safe across threads.

    Every method raises ClientError, after `Settings.timeout` seconds at the latest.
    """

    @property
    def name(self) -> str:
        """The library."""
        ...

    @property
    def version(self) -> str:
        """Its version."""
        ...

    def topics(self) -> tuple[str, ...]:
        """Return the names of the topics that may be seen, sorted."""
        ...

    def describe(self, topic: str) -> Topic:
        """Return a topic's partitions and identity; never makes it."""
        ...

    def offsets(
        self, topic: str, partitions: Sequence[int], place: Place, *, committed: bool
    ) -> dict[int, int]:
        """Return where in each partition a place is.

        The latest is behind the last record; where only `committed` ones are read, it is before
        the first open transaction. Behind the last record too is an instant that none has reached.
        """
        ...

    def span(self, topic: str, partitions: Sequence[int]) -> Mapping[int, tuple[Moment, Moment]]:
        """Return the first record of each partition that has one, and that of the latest time.

        Brokers before 3.0 do not tell the latter.
        """
        ...

    def configuration(self, topic: str) -> Mapping[str, str]:
        """Return a topic's settings; empty where they may not be seen."""
        ...

    def create_topic(self, topic: str, partitions: int, replication: int | None) -> None:
        """Make a topic, on as many brokers as they do by themselves unless it is said."""
        ...

    def consumer(self, topic: str, starts: Mapping[int, int], *, committed: bool) -> Consumer:
        """Start reading partitions, each at an offset."""
        ...

    def close(self) -> None:
        """Let go of the cluster; never raises."""
        ...
