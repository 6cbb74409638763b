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

_WAIT, _LONG_WAIT = 0.03, 0.1
"""Seconds that a poll waits for more: long where the end is known, and is asked for."""
_BYTES: Final = 4 << 20
_OVERHEAD: Final = 100
"""Bytes that a record takes besides its key and value."""
_FEWEST, _MOST, _FIRST = 16, 20_000, 2_000


def records_of(
    consumer: Consumer,
    ranges: Sequence[Range],
    progress: Progress,
    token: CancellationToken,
    *,
    timeout: float,
    arrived: Callable[[], Mapping[int, int]] | None = None,
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
        Asked between polls of a read that has no end: partitions to read on from an offset. It
        raises where the cluster is gone, for that nothing arrives says nothing there.

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
        left = progress.left
        wait = _WAIT if left is None else _LONG_WAIT
        polled = consumer.poll(count if left is None else max(1, min(count, left)), wait)
        for partition, offset in arrived().items() if arrived is not None else ():
            consumer.join(partition, offset)
            ends[partition] = None
        if not polled.positions:
            if arrived is None and monotonic() - heard > timeout:
                told = consumer.trouble() or f"nothing arrived for {timeout:g} seconds"
                raise ClientError(Trouble.UNREACHABLE, told)
            continue
        heard = monotonic()
        messages = _up_to(ends, polled.messages, polled.positions)
        progress.reached(polled.positions)
        for partition, position in polled.positions.items():
            end = ends.get(partition)
            if end is not None and position >= end:
                del ends[partition]
                consumer.leave(partition)
        if messages is not None and len(messages):
            count = _next_count(messages, count)
            yield messages


def _up_to(
    ends: Mapping[int, int | None], messages: Messages | None, positions: Mapping[int, int]
) -> Messages | None:
    """Return the records before the ends; those of partitions that are done are none of ours."""
    if messages is None:
        return None
    limits = {p: float("inf") if end is None else end for p, end in ends.items()}
    if all(at <= limits.get(p, -1) for p, at in positions.items()):
        return messages
    places = zip(messages.partitions(), messages.offsets(), strict=True)
    return messages.kept([offset < limits.get(p, -1) for p, offset in places])


def _next_count(messages: Messages, count: int) -> int:
    """Return how many records to ask for, so that they take some megabytes."""
    return max(_FEWEST, min(_MOST, int(_BYTES / (messages.width() + _OVERHEAD)), 4 * count))
