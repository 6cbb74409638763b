"""Where a SuperLink is, and how its certificate is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wayfed.federated.grids.superlink.depot import patient

if TYPE_CHECKING:
    import threading


@dataclass(frozen=True, slots=True)
class SuperLinkAddress:
    """Where a SuperLink is.

    Parameters
    ----------
    address
        ``host:port``.
    roots
        The certificates in PEM by which its own is known.
    """

    address: str
    roots: bytes

    def client(
        self,
        kind: Any,
        interceptors: list[Any],
        stopping: threading.Event,
        *,
        seconds: float | None = None,
    ) -> Any:
        """Make one of Flower's clients of it.

        It asks again while the SuperLink is away: for so many seconds, or until it is to stop.
        """
        return kind.from_server_address(
            self.address, False, self.roots, interceptors, retry_invoker=patient(seconds, stopping)
        )
