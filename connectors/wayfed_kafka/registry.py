"""A schema registry that speaks Confluent's interface: which schema a number or a subject means."""

from __future__ import annotations

import base64
import json
from http.client import HTTPException
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from wayfed_optimizer.errors import SourceError, mask_secrets

if TYPE_CHECKING:
    from ssl import SSLContext

    from wayfed_kafka.settings import Settings

_SECONDS: Final = 10.0
_MOST: Final = 4 << 20
_MEDIA: Final = "application/vnd.schemaregistry.v1+json"

MAGIC: Final = b"\x00"
"""What a value begins with whose schema's number is in the four bytes that follow."""
HEAD: Final = 5


class UnknownSchema(Exception):
    """The registry has no such schema; never leaves this package."""


class NotAvro(SourceError):
    """The registry has a schema of that number, which is none of Avro's that can be read."""


class Registry:
    """The schemas of a registry; each is asked for once.

    Parameters
    ----------
    settings
        Where it is, and how to get in.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._schemas: dict[int, Any] = {}

    def __repr__(self) -> str:
        return f"Registry({self})"

    def __str__(self) -> str:
        return mask_secrets(self._settings.registry or "")

    def schema(self, number: int) -> Any:
        """Return the schema of a number.

        Raises
        ------
        UnknownSchema
            Where there is none.
        NotAvro
            Where it is of another kind.
        SourceError
            Where the registry does not answer.
        """
        with self._lock:
            if number not in self._schemas:
                found = self._ask(f"/schemas/ids/{number}")
                self._schemas[number] = _avro(found, f"schema {number} of {self}")
            return self._schemas[number]

    def latest(self, subject: str) -> tuple[int, Any]:
        """Return the number of a subject's latest schema, and the schema; raises as `schema`."""
        found = self._ask(f"{_versions(subject)}/latest")
        number, schema = self._number(found), _avro(found, f"subject '{subject}' of {self}")
        with self._lock:
            self._schemas[number] = schema
        return number, schema

    def register(self, subject: str, schema: Any) -> int:
        """Return the number of a schema under a subject, which has it then; raises SourceError."""
        try:
            return self._number(self._ask(_versions(subject), {"schema": json.dumps(schema)}))
        except UnknownSchema as error:
            raise SourceError(
                f"the schema registry {self} takes no schema for '{subject}': {error}",
                hint="is registry= right, with its path?",
            ) from error

    def _number(self, found: dict[str, Any]) -> int:
        number = found.get("id")
        if not isinstance(number, int):
            raise SourceError(f"the schema registry {self} did not say the number of a schema")
        return number

    def _ask(self, path: str, body: Any = None) -> dict[str, Any]:
        """Return the registry's answer to a question, or to a `body` that is posted.

        Raises
        ------
        UnknownSchema
            Where it has nothing of that name.
        SourceError
            Where it does not answer, or answers something else.
        """
        settings = self._settings
        headers = {"Accept": f"{_MEDIA}, application/json"}
        data = None
        if body is not None:
            headers["Content-Type"] = _MEDIA
            data = json.dumps(body).encode()
        url = f"{(settings.registry or '').rstrip('/')}{path}"
        try:
            # The scheme was checked with the settings; the address is the user's own.
            request = Request(url, data, headers)  # noqa: S310
            if settings.registry_username is not None:
                login = f"{settings.registry_username}:{settings.registry_password or ''}"
                encoded = base64.b64encode(login.encode()).decode()
                # Not where a redirection leads: that may be anybody.
                request.add_unredirected_header("Authorization", f"Basic {encoded}")
            with urlopen(request, timeout=_SECONDS, context=self._tls()) as answer:  # noqa: S310
                found = json.loads(answer.read(_MOST))
                if not isinstance(found, dict):
                    raise ValueError("no object of JSON came back")
                return found
        except HTTPError as error:
            with error:
                told = _message(error.read(_MOST))
            if error.code == 404:
                raise UnknownSchema(told or path) from error
            hint = None
            if error.code in (401, 403):
                hint = "registry_username= and registry_password= log in there"
            raise SourceError(
                f"the schema registry {self} answered {error.code}: {told or error.reason}",
                hint=hint,
            ) from error
        except (URLError, HTTPException, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise SourceError(
                f"the schema registry {self} does not answer: {reason}",
                hint="is registry= right, and is it running?",
            ) from error

    def _tls(self) -> SSLContext | None:
        from ssl import create_default_context

        if not (self._settings.registry or "").startswith("https:"):
            return None
        return create_default_context(cafile=self._settings.registry_ca)


def _versions(subject: str) -> str:
    return f"/subjects/{quote(subject, safe='')}/versions"


def _avro(found: dict[str, Any], place: str) -> Any:
    kind = found.get("schemaType", "AVRO")
    if kind != "AVRO":
        raise NotAvro(f"{place} is of {kind}, and only Avro is read")
    if found.get("references"):
        raise NotAvro(
            f"{place} refers to other schemas", hint="register it with all that it needs in it"
        )
    try:
        return json.loads(found["schema"])
    except (KeyError, TypeError, ValueError) as error:
        raise NotAvro(f"{place} cannot be read: {error}") from error


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body).get("message", ""))
    except (ValueError, AttributeError):
        return ""
