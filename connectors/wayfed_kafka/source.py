"""A topic as a source: the range is fixed when it is made, the rows come when a run asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from wayfed_kafka.failures import ClientError, Trouble, planning_failure, running_failure
from wayfed_kafka.location import require_topic
from wayfed_kafka.ranges import NEVER, Bound, Range, bound_of, fixed_ranges
from wayfed_kafka.settings import OPTIONS
from wayfed_kafka.statistics import TopicStatistics
from wayfed_kafka.table import (
    ISOLATIONS,
    KEY_FORMATS,
    METADATA,
    ON_ERROR,
    TOMBSTONES,
    TopicTable,
)
from wayfed_optimizer.errors import DuplicateColumn, InvalidOption, SourceChanged
from wayfed_optimizer.platform import Channel, Snapshot
from wayfed_optimizer.statistics.estimates import TableStatistics, Told
from wayfed_optimizer.types import check_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed_kafka.cluster import Cluster
    from wayfed_kafka.formats import Format
    from wayfed_kafka.location import Location
    from wayfed_optimizer.platform import SourceRequest, Teller
    from wayfed_optimizer.types import Schema

READ_OPTIONS: Final = (
    "start",
    "end",
    "isolation",
    "metadata",
    "key_format",
    "on_error",
    "dead_letter",
    "tombstones",
    "avro_schema",
)


def topics_of(platform: str) -> Channel:
    """Return the channel of a cluster's topics; its value is a TopicTable."""
    return Channel("topic", owner=platform)


class TopicSource:
    """A topic between offsets; what arrives later is not of it.

    Parameters
    ----------
    cluster
        Where it is.
    topic
        What its rows are.
    identity
        The topic's, when the offsets were fixed.
    platform
        The name of the platform that reads it.
    """

    def __init__(self, cluster: Cluster, topic: TopicTable, identity: str, platform: str) -> None:
        self.topic = topic
        self.channel = topics_of(platform)
        self._cluster = cluster
        self._identity = identity
        self._statistics = TopicStatistics(topic, cluster)

    def __repr__(self) -> str:
        return f"TopicSource({self.description})"

    @property
    def schema(self) -> Schema:
        """The columns."""
        return self.topic.schema

    @property
    def bounded(self) -> bool:
        """Whether the rows come to an end."""
        return self.topic.bounded

    @property
    def description(self) -> str:
        """Where it is, for people."""
        return f"topic {self.topic.topic} of {self.topic.location.cluster}, {self.topic.format}"

    @property
    def teller(self) -> Teller:
        """Itself: what it tells is of offsets that were fixed when it was made."""
        return self

    def told(self, sources: Sequence[Any]) -> list[Told]:
        """Return what the offsets tell, and the records that they stand for."""
        version = f"{self._identity} {self.topic.ranges}" if self.bounded else ""
        return [Told(self.statistics(), version)]

    def statistics(self) -> TableStatistics:
        """Return what the offsets tell, and their first and latest records."""
        return self._statistics.known()

    def snapshot(self) -> Snapshot:
        """Return the offsets, which were fixed when the source was made.

        Raises
        ------
        SourceChanged
            Where the topic is gone or another one, or retention removed records of the range.
        """
        self._require_there(starts=True)
        offsets = ", ".join(f"{each.partition}: {each}" for each in self.topic.ranges)
        return Snapshot(f"{self._identity} {offsets}")

    def open(self, snapshot: Snapshot) -> TopicTable:
        """Return what the platform reads."""
        return self.topic

    def verify(self, snapshot: Snapshot) -> None:
        """Raise SourceChanged where the topic is gone or another one.

        What retention removes behind a reader takes nothing from it; before one, the reader itself
        meets the gap.
        """
        self._require_there(starts=False)

    def _require_there(self, *, starts: bool) -> None:
        topic = self.topic
        client = self._cluster.client
        try:
            now = client.describe(topic.topic)
            if now.identity != self._identity:
                raise SourceChanged(
                    f"topic {topic.topic} was made anew after the plan was made",
                    hint="read it again with ctx.read()",
                )
            if not starts:
                return
            wanted = {each.partition: each.start for each in topic.ranges if each.end != each.start}
            first = client.offsets(
                topic.topic, tuple(wanted), "earliest", committed=topic.committed
            )
            for partition, start in wanted.items():
                if first[partition] > start:
                    raise ClientError(
                        Trouble.RETENTION,
                        f"offset {start} was the first to read, {first[partition]} is the first "
                        "there is",
                        partition,
                    )
        except ClientError as error:
            raise running_failure(error, topic.location, self.channel.owner or "kafka") from error


def source_of(
    request: SourceRequest, cluster: Cluster, location: Location, *, platform: str
) -> TopicSource:
    """Return the source that a request means.

    Raises
    ------
    InvalidOption
        Where an option is none, or has no such value.
    SourceError, TypeMismatch
        As the cluster and the format have it.
    """
    options = _options(request)
    topic = require_topic(location)
    start = bound_of(options.get("start", "earliest"), name="start")
    end = options.get("end", "latest")
    bound = None if end == NEVER else bound_of(end, name="end")
    committed = options.get("isolation", ISOLATIONS[0]) == ISOLATIONS[0]
    identity, ranges = _fixed(cluster, location, topic, start, bound, committed=committed)
    if (letters := options.get("dead_letter")) is not None:
        _require_topic_for_letters(cluster, location, letters)
    from wayfed_kafka.formats.choosing import format_for

    table = TopicTable(
        location,
        ranges,
        format_for(request, cluster, location, ranges, committed=committed),
        _metadata(options.get("metadata", ())),
        options.get("key_format", "text"),
        committed,
        options.get("on_error", "fail"),
        options.get("dead_letter"),
        options.get("tombstones", "keep"),
    )
    _require_distinct(table.format, table.metadata)
    return TopicSource(cluster, table, identity, platform)


def _fixed(
    cluster: Cluster,
    location: Location,
    topic: str,
    start: Bound,
    end: Bound | None,
    *,
    committed: bool,
) -> tuple[str, tuple[Range, ...]]:
    client = cluster.client
    try:
        identity = client.describe(topic).identity
        ranges = fixed_ranges(client, topic, start, end, committed=committed, place=str(location))
    except ClientError as error:
        topics: tuple[str, ...] = ()
        if error.trouble is Trouble.NO_TOPIC:
            topics = client.topics()
        raise planning_failure(error, location, topics) from error
    return identity, ranges


def _require_topic_for_letters(cluster: Cluster, location: Location, topic: str) -> None:
    other = replace(location, topic=topic)
    if topic == location.topic:
        raise InvalidOption(f"dead_letter='{topic}' is the topic that is read")
    try:
        cluster.client.describe(topic)
    except ClientError as error:
        topics = cluster.client.topics() if error.trouble is Trouble.NO_TOPIC else ()
        raise planning_failure(error, other, topics) from error


def _options(request: SourceRequest) -> Mapping[str, Any]:
    for name, value in (("table", request.table), ("query", request.query)):
        if value is not None:
            raise InvalidOption(
                f"{name}= is for databases", hint="a topic is named in the URL: kafka://host/topic"
            )
    for option in request.options:
        if option not in (*READ_OPTIONS, *OPTIONS):
            raise InvalidOption.unknown(
                option, ("format", "schema", *READ_OPTIONS, *OPTIONS), of="reading a topic"
            )
    given = {name: value for name, value in request.options.items() if value is not None}
    for name, choices in (
        ("isolation", ISOLATIONS),
        ("key_format", tuple(KEY_FORMATS)),
        ("on_error", ON_ERROR),
        ("tombstones", TOMBSTONES),
    ):
        check_option(given.get(name, choices[0]), choices, name=name)
    if (given.get("on_error") == "dead_letter") != ("dead_letter" in given):
        raise InvalidOption(
            "on_error='dead_letter' and dead_letter='topic' belong together",
            hint="records that are not of the format are sent to that topic",
        )
    return given


def _metadata(given: Any) -> tuple[str, ...]:
    if given is True:
        return METADATA
    if given is False:
        return ()
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        check_option(name, METADATA, name="metadata")
    return tuple(name for name in METADATA if name in names)


def _require_distinct(format: Format, metadata: tuple[str, ...]) -> None:  # read()'s own word
    for name in metadata:
        if name in format.schema:
            raise DuplicateColumn(
                f"the values have a column '{name}' too",
                available=format.schema.names,
                hint="leave it out of metadata=, or out of the columns with schema=",
            )
