"""What a client's errors mean, in our terms; some of them say something else than what is so."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from wayfed_optimizer.errors import (
    ExecutionError,
    Failure,
    SourceChanged,
    SourceError,
    suggestion,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed_kafka.location import Location
    from wayfed_optimizer.errors import WayfedError


class Trouble(Enum):
    """The kinds of errors that call for different remedies."""

    UNREACHABLE = "no broker answers"
    LOGIN = "the login is refused"
    TLS = "TLS cannot be agreed on"
    FORBIDDEN = "the user may not"
    NO_TOPIC = "there is no such topic"
    RETENTION = "the records are gone"
    FENCED = "another producer took over"
    TOO_LARGE = "a message is too large"
    OTHER = "something else"


class ClientError(Exception):
    """What a client library said, whichever it is; never leaves this package.

    Parameters
    ----------
    trouble
        Which kind it is.
    text
        The library's own words.
    partition
        Where, if one partition alone is meant.
    """

    def __init__(self, trouble: Trouble, text: str, partition: int | None = None) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.text = text
        self.partition = partition


def planning_failure(
    error: ClientError, location: Location, topics: Sequence[str] = ()
) -> SourceError:
    """Return our error for a cluster that could not be asked about a topic."""
    text, hint = _told(error, location)
    if error.trouble is Trouble.NO_TOPIC:
        hint = suggestion(location.topic or "", topics) or hint
        return SourceError(text, available=topics, hint=hint)
    return SourceError(text, hint=hint, failure=_passing(error))


def running_failure(
    error: ClientError, location: Location, platform: str, fragment: str | None = None
) -> WayfedError:
    """Return our error for a topic that could not be read or written to its end."""
    text, hint = _told(error, location)
    if error.trouble in (Trouble.RETENTION, Trouble.NO_TOPIC):
        return SourceChanged(text, hint=hint)
    return ExecutionError(
        text, platform=platform, fragment=fragment, hint=hint, failure=_passing(error)
    )


def _passing(error: ClientError) -> Failure:
    return Failure.TRANSIENT if error.trouble is Trouble.UNREACHABLE else Failure.FINAL


def _told(error: ClientError, location: Location) -> tuple[str, str | None]:
    where, topic = location.cluster, location.topic
    partition = "" if error.partition is None else f", partition {error.partition}"
    match error.trouble:
        case Trouble.UNREACHABLE:
            return (
                f"no answer from Kafka at {where}: {error.text}",
                "is a broker running there, and are host and port right? If it wants TLS or a "
                "login, give ca=, or username= and password=",
            )
        case Trouble.LOGIN:
            return (
                f"Kafka at {where} refused the login: {error.text}",
                "are username=, password= and mechanism= those that the brokers know?",
            )
        case Trouble.TLS:
            return (
                f"no TLS connection to Kafka at {where}: {error.text}",
                "ca= names the authority that signed the brokers' certificates, certificate= "
                "and private_key= what they want from a client",
            )
        case Trouble.FORBIDDEN:
            return (
                f"the user may not do that with topic '{topic}' of {where}: {error.text}",
                "ask for an ACL: Read and Describe for reading, Write for writing",
            )
        case Trouble.NO_TOPIC:
            return (
                f"there is no topic '{topic}' at {where}, or the user may not see it",
                "the topic is the last part of the URL: kafka://host:9092/topic",
            )
        case Trouble.RETENTION:
            return (
                f"records of topic '{topic}'{partition} that the plan was to read are gone by "
                f"now: {error.text}",
                "retention removed them: read again with ctx.read(), which takes what there is",
            )
        case Trouble.FENCED:
            return (
                f"another program writes to '{topic}' under the same transactional id",
                "give each program that writes its own",
            )
        case Trouble.TOO_LARGE:
            return (
                f"a message is larger than topic '{topic}' of {where} takes: {error.text}",
                "raise the topic's max.message.bytes, or write smaller values",
            )
    return f"topic '{topic}' of {where}{partition}: {error.text}", None
