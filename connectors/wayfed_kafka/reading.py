"""Reads partitions up to their ends, which no count of records tells."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from wayfed_kafka.failures import ClientError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wayfed_kafka.clients import Consumer, Messages
    from wayfed_kafka.progress import Progress
    from wayfed_kafka.ranges import Range
    from wayfed_optimizer.cancellation import CancellationToken

_WAIT: Final = 0.03
"""Seconds: a poll that meets the end of a topic waits so long for more."""
_BYTES: Final = 8 << 20
_FEWEST, _MOST, _FIRST = 16, 50_000, 2_000


def records_of(
    consumer: Consumer,
    ranges: Sequence[Range],
    progress: Progress,
    token: CancellationToken,
    *,
    timeout: float,
    arrived: Callable[[], Mapping[int, int]] = dict,
) -> Iterator[Messages]:
    """Yield the records of ranges, some megabytes at a time.

    Parameters
    ----------
    consumer
        Reads from the starts of the ranges on.
    ranges
        None of them empty.
    progress
        Is told of positions.
    token
        Stops it.
    timeout
        Seconds without any sign of the cluster that are an error, where records are due.
    arrived
        Asked between polls: partitions to read on from an offset, without an end.

    Raises
    ------
    ClientError
        Where the cluster will not go on, or has been silent for `timeout` seconds.
    Cancelled
        Where the token says so.
    """
    ends = {each.partition: each.end for each in ranges}
    count, heard = _FIRST, monotonic()
    while ends:
        token.raise_if_cancelled()
        polled = consumer.poll(count, _WAIT)
        for partition, offset in arrived().items():
            consumer.join(partition, offset)
            ends[partition] = None
        if not polled.positions:
            heard = _still(heard, consumer, timeout, endless=None in ends.values())
            continue
        heard = monotonic()
        messages = _up_to(ends, polled.messages)
        progress.reached(polled.positions)
        for partition, position in polled.positions.items():
            end = ends.get(partition)
            if end is not None and position >= end:
                del ends[partition]
                consumer.leave(partition)
        if messages is not None and len(messages):
            count = _next_count(messages, count)
            yield messages


def _up_to(ends: dict[int, int | None], messages: Messages | None) -> Messages | None:
    """Return the records before the ends; those of partitions that are done are none of ours."""
    if messages is None:
        return None
    partitions, offsets = messages.partitions(), messages.offsets()
    last = dict(zip(partitions, offsets, strict=True))
    if all(p in ends and ((end := ends[p]) is None or at < end) for p, at in last.items()):
        return messages
    limits = {p: float("inf") if end is None else end for p, end in ends.items()}
    return messages.kept(
        [offset < limits.get(p, -1) for p, offset in zip(partitions, offsets, strict=True)]
    )


def _still(heard: float, consumer: Consumer, timeout: float, *, endless: bool) -> float:
    """Return since when nothing was heard; raise where that is too long."""
    trouble = consumer.trouble()
    if endless and trouble is None:
        return monotonic()
    if monotonic() - heard > timeout:
        raise ClientError(
            Trouble.UNREACHABLE, trouble or f"nothing arrived for {timeout:g} seconds"
        )
    return heard


def _next_count(messages: Messages, count: int) -> int:
    """Return how many records to ask for, so that they take some megabytes."""
    sample = messages.values()[:: max(1, len(messages) // 64)]
    size = sum(len(value or b"") for value in sample) / len(sample) + 100
    return max(_FEWEST, min(_MOST, int(_BYTES / size), 4 * count))
