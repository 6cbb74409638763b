"""What a cluster tells of a topic's rows, of which none is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wayfed_kafka.failures import ClientError
from wayfed_kafka.table import OFFSET, PARTITION, TIMESTAMP
from wayfed_optimizer.statistics.estimates import (
    ColumnStatistics,
    Estimate,
    Provenance,
    TableStatistics,
)

if TYPE_CHECKING:
    from wayfed_kafka.clients import Client
    from wayfed_kafka.table import TopicTable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT_BYTES = 8.0


def statistics_of(topic: TopicTable, client: Client) -> TableStatistics:
    """Return what the offsets and the records at their ends tell.

    There are at most as many records as offsets. Partitions are taken to be filled evenly over
    time; where a cluster does not say when, nothing is known of that.
    """
    ranges = [each for each in topic.ranges if each.end != each.start]
    most = float(sum(each.size for each in ranges))
    rows = (
        Estimate(0, most, most, 1.0, Provenance.DATABASE)
        if topic.bounded
        else TableStatistics.unknown().rows
    )
    columns = {}
    if PARTITION in topic.metadata and ranges:
        columns[PARTITION] = ColumnStatistics(
            len(ranges), 0.0, ranges[0].partition, ranges[-1].partition, 4.0
        )
    if OFFSET in topic.metadata and ranges and topic.bounded:
        low = min(each.start for each in ranges)
        columns[OFFSET] = ColumnStatistics(
            None, 0.0, low, max(low, *((each.end or 0) - 1 for each in ranges)), 8.0
        )
    if TIMESTAMP in topic.metadata and topic.bounded and (span := _span(topic, client)):
        columns[TIMESTAMP] = ColumnStatistics(None, 0.0, *span, _INSTANT_BYTES)
    return TableStatistics(rows, columns)


def _span(topic: TopicTable, client: Client) -> tuple[datetime, datetime] | None:
    """Return the first and the latest time of a range, where its ends are the topic's."""
    ranges = {each.partition: each for each in topic.ranges if each.end != each.start}
    try:
        told = client.span(topic.topic, tuple(ranges))
    except ClientError:  # a run will say so too, if there is one
        return None
    if not told or any(
        first.offset < ranges[partition].start or latest.offset >= (ranges[partition].end or 0)
        for partition, (first, latest) in told.items()
    ):
        return None
    low = min(first.milliseconds for first, _ in told.values())
    high = max(latest.milliseconds for _, latest in told.values())
    try:
        return _instant(low), _instant(high)
    except OverflowError:  # a producer counts in microseconds: a day after the year 9999
        return None


def _instant(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
