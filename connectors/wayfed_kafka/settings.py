"""How a cluster is spoken to: ``[engines.kafka]`` and the options of a read or write over it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import InvalidOption
from wayfed_optimizer.types import check_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_kafka.location import Location

CLIENTS: Final = ("confluent", "kafka-python")
MECHANISMS: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")

_FILES: Final = ("ca", "certificate", "private_key", "registry_ca")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach a cluster and its schema registry; secrets are in no repr and no error.

    Parameters
    ----------
    client
        ``confluent`` or ``kafka-python``; None takes the faster one that is installed.
    username, password, mechanism
        SASL; without a username nobody logs in.
    tls
        Whether the brokers are spoken to in TLS; by default where `ca` or `certificate` is given.
    ca, certificate, private_key, private_key_password
        PEM files: who signed the brokers' certificates (by default the system's authorities), and
        the client's own certificate where the brokers ask for one (mTLS).
    timeout
        Seconds that a broker may say nothing before that is an error.
    registry, registry_username, registry_password, registry_ca
        URL of a schema registry that speaks Confluent's interface, and how to get in.
    """

    client: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    mechanism: str = "SCRAM-SHA-512"
    tls: bool | None = None
    ca: str | None = None
    certificate: str | None = None
    private_key: str | None = None
    private_key_password: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    registry: str | None = field(default=None, repr=False)
    registry_username: str | None = None
    registry_password: str | None = field(default=None, repr=False)
    registry_ca: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any], location: Location | None = None) -> Settings:
        """Return the settings among `options`; what else is there is for others to judge.

        Raises
        ------
        InvalidOption
            Where a value cannot be, or two settings do not go together.
        """
        given = {name: options[name] for name in OPTIONS if options.get(name) is not None}
        for name, value in given.items():
            _require_kind(name, value)
        settings = cls(**given)
        if location is not None and location.username is not None:
            settings = replace(settings, username=location.username, password=location.password)
        settings._check()
        return settings

    @property
    def encrypted(self) -> bool:
        """Whether the brokers are spoken to in TLS."""
        return bool(self.ca or self.certificate) if self.tls is None else self.tls

    @property
    def protocol(self) -> str:
        """The brokers' security protocol, by Kafka's own name."""
        transport = "SSL" if self.encrypted else "PLAINTEXT"
        return f"SASL_{transport}" if self.username is not None else transport

    def _check(self) -> None:
        if self.client is not None:
            check_option(self.client, CLIENTS, name="client")
        check_option(self.mechanism, MECHANISMS, name="mechanism")
        if (self.username is None) != (self.password is None):
            missing, there = (
                ("password", "username") if self.password is None else ("username", "password")
            )
            raise InvalidOption(f"a {there} for Kafka needs a {missing}=")
        if self.private_key is not None and self.certificate is None:
            raise InvalidOption("private_key= needs the certificate= that it belongs to")
        if self.tls is False and (self.ca or self.certificate):
            raise InvalidOption("tls=False does not go with ca= and certificate=")
        if self.registry is not None and not self.registry.startswith(("http://", "https://")):
            raise InvalidOption("registry= is a URL that begins with http:// or https://")
        if self.timeout <= 0:
            raise InvalidOption(f"timeout={self.timeout} is not a number of seconds above 0")
        for name in _FILES:
            path = getattr(self, name)
            if path is not None and not Path(path).expanduser().is_file():
                raise InvalidOption(f"{name}='{path}' is not a file", hint="it is a path to PEM")


OPTIONS: Final = tuple(each.name for each in fields(Settings))
"""Their names, as they may stand under ``[engines.kafka]``."""


def _require_kind(name: str, value: object) -> None:
    if name == "timeout":
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise InvalidOption(f"timeout={value!r} is not a number of seconds")
    elif name == "tls":
        if not isinstance(value, bool):
            raise InvalidOption(f"tls={value!r} is not True or False")
    elif not isinstance(value, str):
        raise InvalidOption(f"{name}= of Kafka is a text, not a {type(value).__name__}")
