"""A cluster as a context sees it: where it is, how it is reached, and one client for all of it."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from wayfed_kafka.settings import Settings
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_kafka.clients import Client
    from wayfed_kafka.location import Location


class Cluster:
    """Brokers that belong together; connects when it is first asked something.

    Parameters
    ----------
    location
        The brokers, and who logs in.
    settings
        How they are spoken to.
    """

    def __init__(self, location: Location, settings: Settings) -> None:
        self.location = location
        self.settings = settings
        self._lock = Lock()
        self._client: Client | None = None

    def __repr__(self) -> str:
        return f"Cluster({self.location.cluster}, {self.settings})"

    @property
    def client(self) -> Client:
        """The client, made when it is first asked for."""
        from wayfed_kafka.clients import client_for

        with self._lock:
            if self._client is None:
                self._client = client_for(self.location, self.settings)
            return self._client

    @property
    def connected(self) -> bool:
        """Whether somebody asked for the client."""
        return self._client is not None

    def require_same(self, options: Mapping[str, Any], location: Location) -> None:
        """Raise InvalidOption where a read or write says other settings than the context has."""
        given = Settings.of({**self._as_options(), **options}, location)
        if given != self.settings:
            changed = [name for name in options if _differs(given, self.settings, name)]
            raise InvalidOption(
                f"this context speaks to {location.cluster} with another {' and '.join(changed)}"
                if changed
                else f"this context speaks to {location.cluster} as another user",
                hint="say it once, under [engines.kafka], or use another context",
            )

    def close(self) -> None:
        """Let go of the cluster; it is reached again when it is asked again."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _as_options(self) -> dict[str, Any]:
        from dataclasses import asdict

        return asdict(self.settings)


def _differs(given: Settings, ours: Settings, name: str) -> bool:
    return bool(getattr(given, name) != getattr(ours, name))
