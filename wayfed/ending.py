"""Runs that end with something larger than they are: plans of a session, when that ends."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed_optimizer.cancellation import CancellationToken

_WITHIN: Final[ContextVar[_Runs | None]] = ContextVar("wayfed_within", default=None)


class _Runs:
    """The runs that were begun in a block, and what ends them."""

    def __init__(self, token: CancellationToken) -> None:
        self._token = token
        self._begun: list[CancellationToken] = []

    def add(self, run: CancellationToken) -> None:
        self._begun.append(run)
        if self._token.cancelled:  # since the others were told
            run.cancel(self._token.reason)

    def end(self) -> None:
        for run in tuple(self._begun):
            run.cancel(self._token.reason)


@contextmanager
def ended_by(token: CancellationToken) -> Iterator[None]:
    """Let `token` end what this thread begins to run inside the block.

    Examples
    --------
    >>> from wayfed_optimizer.cancellation import CancellationToken
    >>> session, run = CancellationToken(), CancellationToken()
    >>> with ended_by(session):
    ...     begun(run)
    ...     session.cancel("the session has ended")
    >>> run.reason
    'the session has ended'
    """
    runs = _Runs(token)
    outer = _WITHIN.set(runs)
    try:
        with token.calling(runs.end):
            yield
    finally:
        _WITHIN.reset(outer)


def begun(run: CancellationToken) -> None:
    """Note a run: it ends with the block in which it was begun, if there is one."""
    runs = _WITHIN.get()
    if runs is not None:
        runs.add(run)
