"""Why a transaction failed, in our terms: what the clients say is seldom what was the matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_kafka.failures import ClientError, Trouble, running_failure
from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    from wayfed_kafka.cluster import Cluster
    from wayfed_kafka.location import Location
    from wayfed_kafka.producers import Transaction
    from wayfed_kafka.producers.interface import TooLarge
    from wayfed_optimizer.errors import WayfedError

_SHOWN = 60
_TIMEOUT_REFUSED = ("max.transaction.timeout.ms", "InvalidTransactionTimeout")


def too_large(error: TooLarge, location: Location, largest: int) -> ExecutionError:
    """Return the error that names the row, its size and the limit."""
    shown = (error.key or b"").decode(errors="replace")[:_SHOWN]
    row = f"the row of key '{shown}'" if error.key is not None else "a row without a key"
    return ExecutionError(
        f"{row} makes a message of {error.size} bytes, and {location} takes at most {largest}",
        platform="kafka",
        hint="raise the topic's max.message.bytes, or leave large columns out",
    )


def unconfirmed(error: ClientError, location: Location) -> ExecutionError:
    """Return the error for a commit that no broker answered."""
    return ExecutionError(
        f"{location} has all of the rows, or none: its brokers did not say whether they are "
        f"committed: {error.text}",
        platform="kafka",
        hint="look there before you write again: they are not written in part",
    )


def writing_failure(
    error: ClientError,
    cluster: Cluster,
    location: Location,
    transaction: Transaction,
    seconds: float,
) -> WayfedError:
    """Return our error for rows that could not be written; `seconds` is how long it took."""
    if error.trouble is Trouble.FENCED and seconds >= transaction.timeout:
        return ExecutionError(
            f"writing to {location} took longer than its transaction may, {transaction.timeout:g} "
            "seconds; nothing is written",
            platform="kafka",
            hint="give more with transaction_timeout=, up to the brokers' "
            "transaction.max.timeout.ms, or write in parts",
        )
    if any(each in error.text for each in _TIMEOUT_REFUSED):
        return ExecutionError(
            f"the brokers at {location.cluster} allow no transaction of {transaction.timeout:g} "
            "seconds",
            platform="kafka",
            hint="give less with transaction_timeout=, or raise their transaction.max.timeout.ms",
        )
    if (error.trouble is Trouble.UNREACHABLE or "timed out" in error.text.lower()) and (
        few := _too_few(cluster, transaction.topic)
    ):
        return ExecutionError(
            f"{location} is not written to: {few}; nothing is written",
            platform="kafka",
            hint="start the brokers that are down, and write again",
        )
    return running_failure(error, location, "kafka")


def _too_few(cluster: Cluster, topic: str) -> str | None:
    """Say which partition has too few replicas to be written to, if one has."""
    try:
        in_sync = cluster.client.describe(topic).in_sync
        least = int(cluster.client.configuration(topic).get("min.insync.replicas", 1))
    except ClientError:
        return None
    for partition, count in sorted(in_sync.items()):
        if count < least:
            return f"partition {partition} has {count} replicas in sync, and needs {least}"
    return None
