"""Where a SuperLink is, and how it is known."""

from __future__ import annotations

import ssl
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
    certificate
        The certificate in PEM that it shows; who shows another one is told nothing.
    """

    address: str
    certificate: bytes

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
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.certificate.decode("ascii"))
        # It is this certificate and no other, whatever names stand in it and whoever issued it.
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return kind(
            f"https://{self.address}",
            interceptors=interceptors,
            verify=context,
            retry_invoker=patient(seconds, stopping),
        )
