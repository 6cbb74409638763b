"""What a cluster tells of a topic's rows, of which but a few of the latest are looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from wayfed_kafka.failures import ClientError
from wayfed_kafka.formats import Undecodable
from wayfed_kafka.ranges import Range
from wayfed_kafka.sampling import sample
from wayfed_kafka.table import OFFSET, PARTITION, TIMESTAMP
from wayfed_optimizer.statistics.estimates import (
    ColumnStatistics,
    Estimate,
    Provenance,
    TableStatistics,
)
from wayfed_optimizer.statistics.sampled import distinct_of
from wayfed_optimizer.types import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from wayfed_kafka.clients import Client
    from wayfed_kafka.cluster import Cluster
    from wayfed_kafka.table import TopicTable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT_BYTES = 8.0
_LOOKED_AT: Final = 4_000
"""So many records, of 200,000 values, hold 40 pairs that are alike: enough to tell."""
_FEWEST: Final = 10 * _LOOKED_AT
"""Of fewer records, what is guessed of them costs less than to look."""
_MARKS: Final = 50
_SECONDS: Final = 0.3
"""Reading them takes 40 ms, and 0.13 s where it is the first time."""


def statistics_of(topic: TopicTable, cluster: Cluster) -> TableStatistics:
    """Return what the offsets, the records at their ends, and some of the latest ones tell.

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
    columns = dict(_sampled(topic, cluster, ranges)) if most >= _FEWEST else {}
    if PARTITION in topic.metadata and ranges:
        columns[PARTITION] = ColumnStatistics(
            len(ranges), 0.0, ranges[0].partition, ranges[-1].partition, 4.0
        )
    if OFFSET in topic.metadata and ranges and topic.bounded:
        low = min(each.start for each in ranges)
        columns[OFFSET] = ColumnStatistics(
            None, 0.0, low, max(low, *((each.end or 0) - 1 for each in ranges)), 8.0
        )
    if TIMESTAMP in topic.metadata and topic.bounded and (span := _span(topic, cluster.client)):
        columns[TIMESTAMP] = ColumnStatistics(None, 0.0, *span, _INSTANT_BYTES)
    return TableStatistics(rows, columns)


def _sampled(
    topic: TopicTable, cluster: Cluster, ranges: Sequence[Range]
) -> Iterator[tuple[str, ColumnStatistics]]:
    """Yield what the latest records of each partition tell of the columns of values.

    The ends of a partition are at hand, and what comes after them is not sent. Where all of them
    have one value, as if it were the day's, nothing is known of the others.
    """
    columns = [field.name for field in topic.format.schema if field.type.name in PLAIN]
    each = max(1, _LOOKED_AT // len(ranges))
    # A few more: the last offsets may be a transaction's marks, whose end takes long to show.
    latest = [
        Range(r.partition, (r.end or 0) - each - _MARKS, r.end)
        for r in ranges
        if r.size >= 2 * each + _MARKS
    ]
    try:
        found = sample(
            cluster,
            topic.topic,
            latest,
            committed=topic.committed,
            records=_LOOKED_AT,
            seconds=_SECONDS,
        )
        decoded = topic.format.decode([one.value for one in found], columns) if found else ()
    except (ClientError, Undecodable):  # a run will say so too, if there is one
        return
    most = float(sum(each.size for each in ranges))
    for name, column in zip(columns, decoded, strict=False):
        if (known := _told_by(column, most)) is not None:
            yield name, known


def _told_by(column: pa.ChunkedArray, rows: float) -> ColumnStatistics | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    nulls = column.null_count / len(column)
    met = pc.value_counts(column.drop_null()).field("counts").to_pylist()
    if len(met) < 2:
        return None
    kind = column.type
    varying = pa.types.is_string(kind) or pa.types.is_binary(kind)
    return ColumnStatistics(
        distinct=distinct_of(met, rows * (1 - nulls)),
        null_fraction=nulls or None,  # that a few rows have none does not say that none has
        width=float(pc.mean(pc.binary_length(column)).as_py()) if varying else None,
    )


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
