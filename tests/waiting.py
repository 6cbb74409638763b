"""Waiting for what another thread or process brings about."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from time import monotonic

PATIENCE_SECONDS = 120.0
"""How long a condition may take on a machine that is busy with something else."""


def wait_until(
    condition: Callable[[], object],
    what: str = "it came to that",
    *,
    seconds: float = PATIENCE_SECONDS,
) -> None:
    """Wait for a condition; fail where it does not come about."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, f"waited in vain until {what}"
        Event().wait(0.01)
