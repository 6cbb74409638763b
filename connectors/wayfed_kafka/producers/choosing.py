"""Which client library writes: the one that the context reads with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_kafka.clients.choosing import chosen

if TYPE_CHECKING:
    from wayfed_kafka.cluster import Cluster
    from wayfed_kafka.producers.interface import Producer, Transaction


def producer_for(cluster: Cluster, transaction: Transaction) -> Producer:
    """Return a producer for one transaction; connects when it begins.

    Raises
    ------
    Unsupported
        Where neither library, or not the one asked for, is installed.
    """
    if chosen(cluster.settings.client) == "confluent":
        from wayfed_kafka.producers.confluent import ConfluentProducer

        return ConfluentProducer(cluster.location, cluster.settings, transaction)
    from wayfed_kafka.producers.kafka_python import KafkaPythonProducer

    return KafkaPythonProducer(cluster.location, cluster.settings, transaction)
