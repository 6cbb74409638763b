"""Records that are not of the format, sent to a topic where somebody looks at them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from wayfed_kafka.failures import ClientError, Trouble
from wayfed_kafka.producers.choosing import producer_for
from wayfed_kafka.producers.interface import Records, TooLarge, Transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed_kafka.clients import Messages
    from wayfed_kafka.cluster import Cluster
    from wayfed_kafka.table import TopicTable
    from wayfed_optimizer.cancellation import CancellationToken

_SECONDS: Final = 60.0
_LARGEST: Final = 1 << 20


def send_dead_letters(
    cluster: Cluster,
    table: TopicTable,
    messages: Messages,
    reasons: Sequence[str],
    token: CancellationToken,
) -> None:
    """Send records as they are, with headers that say where they stood and what is wrong.

    All of them in one transaction: who reads there with ``read_committed`` sees all or none. A run
    that is repeated sends them again.

    Raises
    ------
    ClientError, Cancelled
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
    transaction = Transaction(
        table.dead_letter or "", f"wayfed-dead-letters-{uuid4().hex}", _SECONDS, _LARGEST
    )
    with closing(producer_for(cluster, transaction)) as producer:
        producer.begin(token)
        try:
            producer.send(records, token)
            producer.finish(token)
        except TooLarge as error:
            producer.abort()
            raise ClientError(
                Trouble.TOO_LARGE, f"with its headers, for the topic {table.dead_letter}"
            ) from error
        except BaseException:
            producer.abort()
            raise
        producer.commit()
