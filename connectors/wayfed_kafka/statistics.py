"""What a cluster tells of a topic's rows, of which but a few of the latest are looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event, Thread
from time import monotonic
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
    from collections.abc import Iterator, Mapping, Sequence

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
"""So long a plan waits for all that is asked; records that come later are for the next one. To
read them takes 40 ms, and 0.13 s where it is the first time; with kafka-python 0.3 s and more.
"""
_MOST_SECONDS: Final = 5.0


class Glance:
    """A look at some of the latest records, in a thread of its own: nobody need wait for its end.

    Parameters
    ----------
    topic, cluster
        What is looked at, and where it is.
    """

    def __init__(self, topic: TopicTable, cluster: Cluster) -> None:
        self._found: Mapping[str, ColumnStatistics] = {}
        self._ended = Event()
        ranges = [each for each in topic.ranges if each.size]
        if sum(each.size for each in ranges) < _FEWEST:
            self._ended.set()
            return
        look = partial(self._look, topic, cluster, ranges)
        Thread(target=look, name="wayfed-kafka-glance", daemon=True).start()

    def columns(self, seconds: float) -> Mapping[str, ColumnStatistics] | None:
        """Return what it tells of the columns of values, if it does within some seconds."""
        return self._found if self._ended.wait(max(0.0, seconds)) else None

    def _look(self, topic: TopicTable, cluster: Cluster, ranges: Sequence[Range]) -> None:
        try:
            self._found = dict(_sampled(topic, cluster, ranges))
        except Exception:  # noqa: BLE001  # a plan goes on without; a run will say what is wrong
            self._found = {}
        finally:
            self._ended.set()


class TopicStatistics:
    """What is known of a topic between offsets, which is asked for once.

    Parameters
    ----------
    topic, cluster
        What it is, and where.
    """

    def __init__(self, topic: TopicTable, cluster: Cluster) -> None:
        self._topic, self._cluster = topic, cluster
        self._glance: Glance | None = None
        self._told: TableStatistics | None = None
        self._known: TableStatistics | None = None

    def known(self) -> TableStatistics:
        """Return what is known by now; the first plan waits a little for more."""
        if self._known is not None:
            return self._known
        until = monotonic()
        if self._glance is None:
            until += _SECONDS
            self._glance = Glance(self._topic, self._cluster)
        if self._told is None:
            self._told = statistics_of(self._topic, self._cluster.client)
        seen = self._glance.columns(until - monotonic())
        if seen is None:
            return self._told
        self._known = replace(self._told, columns={**seen, **self._told.columns})
        return self._known


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
            seconds=_MOST_SECONDS,
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
