"""A run's part of a cluster: streams of batches, decoded while they are read."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from wayfed_arrow import Stream, arrow_schema
from wayfed_kafka.conditions import narrowed
from wayfed_kafka.dead_letters import send_dead_letters
from wayfed_kafka.decoding import Decoder
from wayfed_kafka.failures import ClientError, running_failure
from wayfed_kafka.following import Following
from wayfed_kafka.formats import Undecodable
from wayfed_kafka.progress import Progress
from wayfed_kafka.reading import records_of
from wayfed_kafka.scan import Choose, Keep, Scan, Take
from wayfed_optimizer.errors import ExecutionError, Unsupported
from wayfed_optimizer.platform import ARROW_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from wayfed_kafka.clients import Messages
    from wayfed_kafka.cluster import Cluster
    from wayfed_kafka.ranges import Range
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel, Compiled, Run


class KafkaSession:
    """The topics that one run reads."""

    def __init__(self, cluster: Cluster, run: Run, name: str) -> None:
        self._cluster = cluster
        self._run = run
        self._name = name
        self._streams: list[Stream] = []
        self._progress: dict[str, Progress] = {}

    def execute(
        self, fragment: Fragment, compiled: Compiled, inputs: Mapping[str, object]
    ) -> object:
        """Start reading and return the rows as they come, or all of them."""
        scan = compiled.payload
        assert isinstance(scan, Scan)  # noqa: S101  # what this platform compiled
        batches = self._batches(scan, fragment.id)
        stream = Stream(arrow_schema(fragment.relation.schema), batches)
        self._streams.append(stream)
        return stream.read_all() if fragment.output == ARROW_TABLE else stream

    def ingest(self, name: str, value: object, source: Channel, target: Channel) -> object:
        """Refuse: rows of others do not get in."""
        raise Unsupported("reading other rows", self._name, "only its own topics are read there")

    def metrics(self, fragment: Fragment) -> Mapping[str, float]:
        """Return how far a read is: records, those left out, records still to come, their rate."""
        progress = self._progress.get(fragment.id)
        return progress.metrics() if progress is not None else {}

    def close(self) -> None:
        """Close what is still being read."""
        for stream in self._streams:
            stream.close()

    def _batches(self, scan: Scan, fragment: str) -> Iterator[pa.RecordBatch]:
        table = scan.table
        try:
            yield from self._read(scan, fragment)
        except ClientError as error:
            self._run.token.raise_if_cancelled()
            raise running_failure(error, table.location, self._name, fragment) from error

    def _read(self, scan: Scan, fragment: str) -> Iterator[pa.RecordBatch]:
        table = scan.table
        ranges = self._ranges(scan)
        progress = self._progress[fragment] = Progress(ranges)
        steps = Steps(scan)
        if not ranges or steps.done:
            return
        decoder = Decoder(table, scan.columns)
        starts = {each.partition: each.start for each in ranges}
        reading = self._cluster.client.consumer(table.topic, starts, committed=table.committed)
        with closing(reading) as consumer:
            for messages in records_of(
                consumer,
                ranges,
                progress,
                self._run.token,
                timeout=self._cluster.settings.timeout,
                arrived=None if table.bounded else Following(self._cluster, scan, progress),
            ):
                progress.records += len(messages)
                batch = steps.apply(self._decoded(decoder, messages, scan, progress, fragment))
                if batch.num_rows:
                    yield batch
                if steps.done:
                    return

    def _ranges(self, scan: Scan) -> tuple[Range, ...]:
        """Return what is to be read, less what is older than anybody wants."""
        if scan.since is None or not scan.ranges:
            return scan.ranges
        from wayfed_kafka.clients import Instant
        from wayfed_kafka.conditions import Comparison

        partitions = [each.partition for each in scan.ranges]
        first = self._cluster.client.offsets(
            scan.table.topic, partitions, Instant(scan.since), committed=scan.table.committed
        )
        found: list[Range] = []
        for each in scan.ranges:
            found += narrowed((each,), (Comparison("offset", ">=", (first[each.partition],)),))
        return tuple(found)

    def _decoded(
        self,
        decoder: Decoder,
        messages: Messages,
        scan: Scan,
        progress: Progress,
        fragment: str,
    ) -> pa.RecordBatch:
        table = scan.table
        if table.tombstones == "skip" and None in (values := messages.values()):
            messages = messages.kept([value is not None for value in values])
        try:
            return decoder.decode(messages)
        except Undecodable as error:
            bad = decoder.undecodable(messages)
            if table.on_error == "fail":
                position, reason = next(iter(bad.items()))
                place = f"partition {messages.partitions()[position]}, offset "
                raise ExecutionError(
                    f"a record of topic {table.topic} ({place}{messages.offsets()[position]}) is "
                    f"not {str(table.format).split()[0]} of the columns: {reason}",
                    platform=self._name,
                    fragment=fragment,
                    hint=table.format.remedy
                    or "on_error='skip' leaves such records out and counts them",
                ) from error
            if table.dead_letter is not None:
                left = messages.kept([position in bad for position in range(len(messages))])
                send_dead_letters(
                    self._cluster,
                    table,
                    left,
                    list(bad.values()),
                    self._run.token,
                    platform=self._name,
                )
            progress.skipped += len(bad)
            return decoder.decode(
                messages.kept([position not in bad for position in range(len(messages))])
            )


class Steps:
    """What is done with the batches of a scan, one after the other."""

    def __init__(self, scan: Scan) -> None:
        self._steps = scan.steps
        self._seen = dict.fromkeys(range(len(scan.steps)), 0)
        self.done = any(isinstance(step, Take) and step.count == 0 for step in scan.steps)
        """Whether no further batch gives a row."""

    def apply(self, batch: Any) -> pa.RecordBatch:
        """Return what is left of a batch."""
        for position, step in enumerate(self._steps):
            match step:
                case Keep(comparisons):
                    for comparison in comparisons:
                        batch = batch.filter(comparison.mask(batch.column(comparison.column)))
                case Choose(columns):
                    batch = _chosen(batch, columns)
                case Take():
                    batch = self._taken(batch, step, position)
        return batch

    def _taken(self, batch: pa.RecordBatch, step: Take, position: int) -> pa.RecordBatch:
        before = self._seen[position]
        self._seen[position] = before + batch.num_rows
        batch = batch.slice(max(0, step.skip - before))
        if step.count is None:
            return batch
        given = max(0, before - step.skip)
        self.done = self.done or self._seen[position] - step.skip >= step.count
        return batch.slice(0, max(0, step.count - given))


def _chosen(batch: pa.RecordBatch, columns: tuple[tuple[str, str], ...]) -> pa.RecordBatch:
    import pyarrow as pa

    if not columns:
        return batch.select([])
    names = [new for new, _ in columns]
    fields = [batch.schema.field(old).with_name(new) for new, old in columns]
    arrays = [batch.column(old) for _, old in columns]
    assert len(set(names)) == len(names)  # noqa: S101  # a schema's names are unique
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
