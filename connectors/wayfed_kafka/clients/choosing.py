"""Which client library is used: the faster one of those that are installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from wayfed_kafka.settings import CLIENTS
from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from wayfed_kafka.clients.interface import Client
    from wayfed_kafka.location import Location
    from wayfed_kafka.settings import Settings

_MODULES: Final = dict(zip(CLIENTS, ("confluent_kafka", "kafka"), strict=True))


def client_for(location: Location, settings: Settings) -> Client:
    """Return the client for a cluster; connects when it is first asked something.

    Raises
    ------
    Unsupported
        Where neither library, or not the one asked for, is installed.
    """
    name = chosen(settings.client)
    if name == "confluent":
        from wayfed_kafka.clients.confluent import ConfluentClient

        return ConfluentClient(location, settings)
    from wayfed_kafka.clients.kafka_python import KafkaPythonClient

    return KafkaPythonClient(location, settings)


def chosen(wanted: str | None = None) -> str:
    """Return the client library to use, by its name in the settings."""
    names = CLIENTS if wanted is None else (wanted,)
    found = next((name for name in names if find_spec(_MODULES[name]) is not None), None)
    if found is None:
        raise Unsupported(
            "Kafka",
            reason=f"{' or '.join(names)} is not installed",
            hint="pip install 'wayfed[kafka]'",
        )
    return found
