"""A cluster as a platform: its topics are decoded, cut to offsets and columns, nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from wayfed_kafka.capabilities import CAPABILITIES, COSTS
from wayfed_kafka.scan import scan_of
from wayfed_kafka.source import TopicSource, topics_of
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.physical import SourceInput
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE, Compiled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_kafka.cluster import Cluster
    from wayfed_kafka.session import KafkaSession
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel, Conversion, Run, Source


class KafkaPlatform:
    """One cluster of a context; connects when the first of its topics is read.

    Parameters
    ----------
    cluster
        The brokers.

    Attributes
    ----------
    name
        ``kafka:host``, after the first broker. A context that has two of one name gives the second
        another.
    """

    capabilities: Final = CAPABILITIES
    costs: Final = COSTS
    produces: Final[tuple[Channel, ...]] = (ARROW_STREAM, ARROW_TABLE)
    conversions: ClassVar[tuple[Conversion, ...]] = ()

    def __init__(self, cluster: Cluster) -> None:
        self.cluster: Final = cluster
        self.name = f"kafka:{cluster.location.servers[0].rpartition(':')[0]}"

    def __repr__(self) -> str:
        return f"KafkaPlatform({self.name} at {self.cluster.location.cluster})"

    @property
    def accepts(self) -> tuple[Channel, ...]:
        """Its own topics."""
        return (topics_of(self.name),)

    def compile(self, fragment: Fragment, sources: Mapping[str, Source]) -> Compiled:
        """Return which records are read, and what is kept of them."""
        ((name, origin),) = fragment.inputs.items()
        source = sources[origin.table] if isinstance(origin, SourceInput) else None
        if not isinstance(source, TopicSource):
            raise Unsupported(f"reading {name}", self.name, "only its own topics are read there")
        scan = scan_of(fragment.relation, source.topic)
        return Compiled(scan.text(), language="kafka", payload=scan)

    def open(self, run: Run) -> KafkaSession:
        """Start taking part in a run."""
        from wayfed_kafka.session import KafkaSession

        return KafkaSession(self.cluster, run, self.name)

    def started(self) -> bool:
        """Say whether it is connected already."""
        return self.cluster.connected

    def version(self) -> str:
        """Return the client's version: brokers do not tell theirs."""
        return f"{self.cluster.client.name} {self.cluster.client.version}"

    def close(self) -> None:
        """Let go of the cluster; it is reached again when it is used again."""
        self.cluster.close()
