"""Looks at some records of each partition, to learn what their columns are, and what is in them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Final

from wayfed_kafka.clients import LATEST
from wayfed_kafka.failures import ClientError, Trouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed_kafka.cluster import Cluster
    from wayfed_kafka.ranges import Range

RECORDS: Final = 1_000
_FEWEST: Final = 20
_BYTES: Final = 16 << 20
_WAIT: Final = 0.03


@dataclass(frozen=True, slots=True)
class Sampled:
    """A record's value, and where it stands."""

    partition: int
    offset: int
    value: bytes


def sample(
    cluster: Cluster,
    topic: str,
    ranges: Sequence[Range],
    *,
    committed: bool,
    records: int = RECORDS,
    seconds: float = inf,
) -> list[Sampled]:
    """Return the first values of each partition's range, some hundreds together.

    The same ones each time, as long as they are there; tombstones are no values.

    Parameters
    ----------
    cluster, topic, ranges
        Where they are.
    committed
        Whether only those are values that no transaction has yet to settle.
    records
        About how many are wanted.
    seconds
        After which there are none, rather than some.

    Raises
    ------
    ClientError
        Where the cluster does not go on.
    """
    client = cluster.client
    endless = [each.partition for each in ranges if each.end is None]
    latest = client.offsets(topic, endless, LATEST, committed=committed)
    ends = {each.partition: latest.get(each.partition, each.end or 0) for each in ranges}
    starts = {p.partition: p.start for p in ranges if ends[p.partition] > p.start}
    found: dict[int, list[Sampled]] = {partition: [] for partition in starts}
    each_wants = max(_FEWEST, records // max(1, len(starts)))
    if not starts:
        return []
    size, heard = 0, monotonic()
    until = heard + seconds
    with closing(client.consumer(topic, starts, committed=committed)) as consumer:
        while starts and size < _BYTES:
            if monotonic() > until:
                return []
            polled = consumer.poll(records, _WAIT)
            if not polled.positions:
                if monotonic() - heard > cluster.settings.timeout:
                    told = consumer.trouble() or "records did not arrive"
                    raise ClientError(Trouble.UNREACHABLE, told)
                continue
            heard = monotonic()
            messages = polled.messages
            for partition, offset, value in (
                zip(messages.partitions(), messages.offsets(), messages.values(), strict=True)
                if messages is not None
                else ()
            ):
                taken = found[partition]
                if value is not None and offset < ends[partition] and len(taken) < each_wants:
                    taken.append(Sampled(partition, offset, value))
                    size += len(value)
            for partition, position in polled.positions.items():
                if partition not in starts:
                    continue
                if position >= ends[partition] or len(found[partition]) >= each_wants:
                    del starts[partition]
                    consumer.leave(partition)
    return [each for partition in sorted(found) for each in found[partition]]
