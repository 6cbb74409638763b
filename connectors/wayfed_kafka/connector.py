"""What this package offers under ``wayfed.platforms``: the topics of Kafka's clusters, by URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from wayfed_kafka.location import SCHEME, locate
from wayfed_kafka.settings import OPTIONS, Settings
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.requirements import Package, Requirements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_kafka.platform import KafkaPlatform
    from wayfed_kafka.source import TopicSource
    from wayfed_optimizer.platform import Platform, SourceRequest, Target, TargetRequest


class KafkaConnector:
    """Topics of Apache Kafka; each cluster that is read is a platform of its own.

    Examples
    --------
    >>> connector = KafkaConnector()
    >>> connector.claims("kafka://localhost:9092/payments", "json")
    True
    >>> connector.place("kafka://b,a:9092/payments") == connector.place("kafka://a,b/fraud")
    True
    """

    name: ClassVar = "kafka"
    extra: ClassVar[str | None] = "kafka"
    options: ClassVar[tuple[str, ...]] = OPTIONS
    requirements: ClassVar = Requirements(
        (Package("confluent-kafka", "confluent_kafka"), Package("kafka-python", "kafka"))
    )

    def claims(self, target: object, format: str | None) -> bool:  # read()'s own word
        """Say whether `target` is a topic's URL."""
        return isinstance(target, str) and target.startswith(SCHEME)

    def platform(self, options: Mapping[str, Any]) -> None:
        """Return None: there are only the clusters that are read; checks the options.

        Raises
        ------
        InvalidOption
            Where a setting cannot be.
        """
        Settings.of(options)

    def place(self, target: object) -> str:
        """Return the cluster: its topics share a store."""
        location = locate(target)
        return ",".join((*sorted(location.servers), location.username or ""))

    def store(
        self, target: object, options: Mapping[str, Any], *, new: bool = False
    ) -> KafkaPlatform:
        """Return the platform of a cluster, not connected yet.

        Raises
        ------
        InvalidOption
            Where the URL cannot be read, or a setting cannot be.
        """
        from wayfed_kafka.cluster import Cluster
        from wayfed_kafka.platform import KafkaPlatform

        location = locate(target)
        return KafkaPlatform(Cluster(location, Settings.of(options, location)))

    def source(self, request: SourceRequest, store: Platform | None) -> TopicSource:
        """Return the topic that a request means, between offsets that are fixed now.

        Raises
        ------
        InvalidOption
            Where an option is none, or has no such value.
        SourceError
            Where the cluster cannot be reached, the topic is not there or not of its format.
        TypeMismatch
            Where a column's type has no counterpart; names the cast.
        """
        from wayfed_kafka.platform import KafkaPlatform
        from wayfed_kafka.source import source_of

        if not isinstance(store, KafkaPlatform):
            raise Unsupported(f"reading {request.target}", self.name, "it is not a topic")
        location = locate(request.target)
        settings = {name: value for name, value in request.options.items() if name in OPTIONS}
        store.cluster.require_same(settings, location)
        return source_of(request, store.cluster, location, platform=store.name)

    def target(self, request: TargetRequest, store: Platform | None) -> Target:
        """Return the topic that a request wants rows in.

        Raises
        ------
        InvalidOption, SourceError, TypeMismatch, ColumnNotFound
            Each with the place and the remedy.
        """
        from wayfed_kafka.platform import KafkaPlatform
        from wayfed_kafka.target import target_of

        if not isinstance(store, KafkaPlatform):
            raise Unsupported(f"writing to {request.target}", self.name, "it is not a topic")
        location = locate(request.target)
        settings = {name: value for name, value in request.options.items() if name in OPTIONS}
        store.cluster.require_same(settings, location)
        return target_of(request, store.cluster, location)
