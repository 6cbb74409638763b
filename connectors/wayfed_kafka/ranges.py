"""Which records of a topic are meant: for each partition, from one offset to another."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from wayfed_kafka.clients.interface import EARLIEST, LATEST, Instant
from wayfed_optimizer.errors import InvalidOption, SourceError

if TYPE_CHECKING:
    from wayfed_kafka.clients import Client, Place

NEVER: Final = "never"
"""The end of a read that goes on and on."""

_EXAMPLES: Final = (
    "'earliest'",
    "'latest'",
    "a datetime or its ISO text",
    "{partition: offset}",
)


@dataclass(frozen=True, slots=True)
class Range:
    """The records of one partition from offset `start` up to, without, `end`.

    Where `end` is None there is none.
    """

    partition: int
    start: int
    end: int | None

    @property
    def size(self) -> int:
        """How many offsets there are; records are at most as many."""
        return 0 if self.end is None else self.end - self.start

    def __str__(self) -> str:
        return f"{self.start} to {'…' if self.end is None else self.end}"


Bound: TypeAlias = "Place | Mapping[int, int]"


def bound_of(value: object, *, name: str) -> Bound:
    """Return what ``start=`` or ``end=`` says.

    Raises
    ------
    InvalidOption
        Where it is neither a place, nor an instant, nor offsets by partition.

    Examples
    --------
    >>> bound_of("2024-01-01T00:00:00+00:00", name="start")
    Instant(milliseconds=1704067200000)
    """
    if value in (EARLIEST, LATEST):
        return value
    if isinstance(value, Mapping):
        return _offsets(value, name)
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise InvalidOption(
                f"{name}={value.isoformat()} has no zone, and Kafka's timestamps are instants",
                hint=f"for example {name}='{value.isoformat()}+00:00'",
            )
        return Instant(_milliseconds(value))
    raise InvalidOption(f"{name}= says no place in a topic", available=_EXAMPLES)


def _milliseconds(moment: datetime.datetime) -> int:
    """Return an instant in milliseconds, the next one where it lies between two.

    No record is older than 1970, and brokers take what is below 0 for something else: -1 is the
    latest offset.
    """
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return max(0, -(-since // datetime.timedelta(milliseconds=1)))


def _offsets(value: Mapping[Any, Any], name: str) -> Mapping[int, int]:
    found = {}
    for partition, offset in value.items():
        number = int(partition) if isinstance(partition, str) and partition.isdigit() else partition
        if not _is_natural(number) or not _is_natural(offset):
            raise InvalidOption(
                f"{name}={{{partition!r}: {offset!r}}} is no partition and its offset",
                hint=f"for example {name}={{0: 1000, 1: 1200}}",
            )
        found[number] = offset
    return found


def _is_natural(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def fixed_ranges(
    client: Client, topic: str, start: Bound, end: Bound | None, *, committed: bool, place: str
) -> tuple[Range, ...]:
    """Return the ranges that two bounds mean now; without `end`, they have none.

    Partitions that a mapping leaves out are read from the earliest, up to the latest offset.

    Raises
    ------
    InvalidOption
        Where a mapping names a partition that is not there, or an offset behind the end.
    SourceError
        Where it names an offset that retention has removed.
    ClientError
        Where the cluster does not say.
    """
    partitions = client.describe(topic).partitions
    earliest = client.offsets(topic, partitions, EARLIEST, committed=committed)
    # Asked second: what retention removes in between is noticed, what arrives is left out.
    latest = client.offsets(topic, partitions, LATEST, committed=committed)

    def resolved(bound: Bound, name: str, otherwise: Mapping[int, int]) -> Mapping[int, int]:
        if isinstance(bound, Mapping):
            return {**otherwise, **_checked(bound, name, earliest, latest, place)}
        if isinstance(bound, Instant):
            return client.offsets(topic, partitions, bound, committed=committed)
        return earliest if bound == EARLIEST else latest

    starts = resolved(start, "start", earliest)
    ends = None if end is None else resolved(end, "end", latest)
    return tuple(
        Range(
            partition,
            starts[partition],
            None
            if ends is None
            else max(starts[partition], min(ends[partition], latest[partition])),
        )
        for partition in partitions
    )


def _checked(
    bound: Mapping[int, int],
    name: str,
    earliest: Mapping[int, int],
    latest: Mapping[int, int],
    place: str,
) -> Mapping[int, int]:
    for partition, offset in bound.items():
        if partition not in earliest:
            raise InvalidOption(
                f"{name}= names partition {partition}, which {place} does not have",
                available=tuple(map(str, sorted(earliest))),
            )
        there = f"{earliest[partition]} to {latest[partition]}"
        if offset < earliest[partition]:
            raise SourceError(
                f"offset {offset} of partition {partition} of {place} is gone: there is {there}",
                hint=f"retention removed it; {name}='earliest' takes what is left",
            )
        if offset > latest[partition]:
            raise InvalidOption(
                f"{name}= names offset {offset} of partition {partition} of {place}, which has "
                f"{there}",
                hint="what is in an open transaction counts as not there yet",
            )
    return bound
