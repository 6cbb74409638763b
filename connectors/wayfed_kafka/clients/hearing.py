"""What kafka-python writes to its log while it tries again: why it fails is only there."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from wayfed_kafka.failures import ClientError, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOGGER: Final = "kafka"
_TELLING: Final = (
    (Trouble.LOGIN, "SaslAuthenticationFailedError: "),
    (Trouble.TLS, "[SSL: "),
)
# Brokers close the connection of who gives a wrong password, often before they have said so.
_HUNG_UP: Final = ("KafkaSSLTransport", "socket disconnected")
# With a handler of its own, what the library complains of is not printed where nobody asked for it.
_NOBODY: Final = logging.NullHandler()


class Hearing(logging.Handler):
    """Keeps the complaints that tell more than the error does which the library raises."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told: dict[Trouble, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Note what a record of the log says."""
        text = record.getMessage()
        for trouble, sign in _TELLING:
            if sign in text:
                self._told[trouble] = text.rpartition(sign)[2].rstrip(" )]")
        if all(sign in text for sign in _HUNG_UP):
            self._told.setdefault(Trouble.LOGIN, "the brokers close the connection")

    def truth(self, error: ClientError) -> ClientError:
        """Return what is behind an error, as far as it was said."""
        if error.trouble is Trouble.UNREACHABLE:
            for trouble, text in self._told.items():
                return ClientError(trouble, text, error.partition)
        return error


@contextmanager
def hearing() -> Iterator[Hearing]:
    """Listen to what the library writes to its log inside the block."""
    logger, heard = logging.getLogger(_LOGGER), Hearing()
    logger.addHandler(_NOBODY)
    logger.addHandler(heard)
    try:
        yield heard
    finally:
        logger.removeHandler(heard)
