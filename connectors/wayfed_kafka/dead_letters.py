"""Records that are not of the format, sent to a topic where somebody looks at them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from wayfed_kafka.failures import ClientError, Trouble, running_failure
from wayfed_kafka.producers.choosing import producer_for
from wayfed_kafka.producers.interface import Records, TooLarge, Transaction, largest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed_kafka.clients import Messages
    from wayfed_kafka.cluster import Cluster
    from wayfed_kafka.table import TopicTable
    from wayfed_optimizer.cancellation import CancellationToken

_SECONDS: Final = 60.0


def send_dead_letters(
    cluster: Cluster,
    table: TopicTable,
    messages: Messages,
    reasons: Sequence[str],
    token: CancellationToken,
    *,
    platform: str,
) -> None:
    """Send records as they are, with headers that say where they stood and what is wrong.

    All of them in one transaction: who reads there with ``read_committed`` sees all or none. A run
    that is repeated sends them again.

    Raises
    ------
    ExecutionError, SourceChanged
        Where they cannot be sent: it is the other topic that the error names.
    Cancelled
        Where the token says so.
    """
    headers = [
        [
            *own,
            ("wayfed.topic", table.topic.encode()),
            ("wayfed.partition", str(partition).encode()),
            ("wayfed.offset", str(offset).encode()),
            ("wayfed.error", reason.encode()),
        ]
        for own, partition, offset, reason in zip(
            messages.headers(), messages.partitions(), messages.offsets(), reasons, strict=True
        )
    ]
    records = Records(messages.values(), messages.keys(), messages.timestamps(), headers)
    try:
        _send(cluster, table.dead_letter or "", records, token)
    except ClientError as error:
        there = replace(table.location, topic=table.dead_letter)
        raise running_failure(error, there, platform) from error


def _send(cluster: Cluster, topic: str, records: Records, token: CancellationToken) -> None:
    cluster.client.describe(topic)  # producers wait for a topic that is gone
    most = largest(cluster.client.configuration(topic))
    transaction = Transaction(topic, f"wayfed-dead-letters-{uuid4().hex}", _SECONDS, most)
    with closing(producer_for(cluster, transaction)) as producer:
        producer.begin(token)
        try:
            producer.send(records, token)
            producer.finish(token)
            producer.commit()
        except TooLarge as error:
            producer.abort()
            raise ClientError(Trouble.TOO_LARGE, "with its headers") from error
        except BaseException:
            producer.abort()
            raise
