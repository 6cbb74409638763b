"""Where a topic is: ``kafka://host:port/topic``, read without touching anything."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from wayfed_optimizer.errors import InvalidOption

SCHEME: Final = "kafka://"
DEFAULT_PORT: Final = 9092

_EXAMPLE: Final = "for example kafka://localhost:9092/payments"
_TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_SERVER: Final = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Location:
    """A topic of a cluster, and who logs in there as far as the URL says.

    Parameters
    ----------
    servers
        Brokers to ask first, as ``host:port``.
    topic
        The topic; None where only a cluster is meant.
    username, password
        From the URL; they go before those of the settings.

    Examples
    --------
    >>> print(locate("kafka://ada:countess@a:9093,b/payments"))
    kafka://a:9093,b:9092/payments
    """

    servers: tuple[str, ...]
    topic: str | None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def cluster(self) -> str:
        """The brokers, for people and as the clients take them."""
        return ",".join(self.servers)

    def __str__(self) -> str:
        return f"{SCHEME}{self.cluster}/{self.topic or ''}"


def locate(target: object) -> Location:
    """Return where a URL leads.

    Raises
    ------
    InvalidOption
        Where it cannot be read; never shows a password.
    """
    text = str(target)
    login, at, rest = text.removeprefix(SCHEME).rpartition("@")
    servers, _, topic = rest.partition("/")
    if "?" in topic:
        raise InvalidOption(
            "a topic's URL takes no options after '?'",
            hint="they are arguments: ctx.read('kafka://host:9092/topic', start='earliest')",
        )
    topic = unquote(topic)
    if topic in (".", "..") or (topic and _TOPIC.fullmatch(topic) is None):
        raise InvalidOption(
            f"'{topic}' cannot be a topic's name",
            hint=f"letters, digits and . _ - are allowed; {_EXAMPLE}",
        )
    username, _, password = login.partition(":")
    return Location(
        tuple(_server(each) for each in servers.split(",")),
        topic or None,
        unquote(username) if at else None,
        unquote(password) if password else None,
    )


def require_topic(location: Location) -> str:
    """Return the topic that a location names; InvalidOption where it names a cluster only."""
    if location.topic is None:
        raise InvalidOption(f"{location} names no topic", hint=_EXAMPLE)
    return location.topic


def _server(text: str) -> str:
    found = _SERVER.fullmatch(text)
    if found is None or not 0 < int(found["port"] or DEFAULT_PORT) < 1 << 16:
        raise InvalidOption(
            "the brokers of a kafka:// URL cannot be read",
            hint=f"{_EXAMPLE}; write @ : / in a password as %40 %3A %2F",
        )
    return f"{found['host']}:{found['port'] or DEFAULT_PORT}"
