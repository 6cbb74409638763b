"""A SuperLink that somebody runs on this machine, as the runner `flower` reaches parties at it."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import PartyError, PolicyViolation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.grids.superlink.coordinator import SuperLinkRun

_CONTROL: Final = "/v1/control/list-nodes"
_PROBE_SECONDS: Final = 2.0
_REFUSED: Final = 403
_REMEDY: Final = (
    "its Control interface asks nobody who they are; "
    "wayfed coordinator serve --superlink starts one that only this machine can control"
)


@dataclass(frozen=True, slots=True)
class SuperLinkPlace:
    """A SuperLink, and the parties that are its nodes.

    Parameters
    ----------
    address
        ``host:port`` by which this machine reaches it.
    certificate
        The certificate in PEM that it shows.
    secret
        What it knows those by who may take runs over.
    parties
        The certificates of the parties in PEM, by name; their keys are those of the nodes.
    """

    address: str
    certificate: bytes
    secret: bytes = field(repr=False)
    parties: Mapping[str, bytes]


class SuperLinkRunner:
    """Parties elsewhere, at a SuperLink here, where this begins a run at the first use.

    Parameters
    ----------
    place
        The SuperLink.
    """

    def __init__(self, place: SuperLinkPlace) -> None:
        self._place = place
        self._lock = Lock()
        self._run: SuperLinkRun | None = None
        self._closed = False

    def open(self) -> PartyGrid:
        """Open a session with every party.

        Raises
        ------
        PolicyViolation
            Others than this machine can control the SuperLink.
        PartyError
            It does not answer, or refuses.
        """
        from wayfed.federated.grids.superlink.grid import SuperLinkGrid

        with self._lock:
            return SuperLinkGrid(self._begun())

    def present(self) -> set[str]:
        """Return the parties that are connected; raises as `open` does."""
        with self._lock:
            return self._begun().present()

    def close(self) -> None:
        """End the run; closing twice does nothing."""
        with self._lock:
            self._closed = True
            if self._run is not None:
                self._run.close()
                self._run = None

    def _begun(self) -> SuperLinkRun:
        if self._closed:
            raise PartyError("the connection was closed", hint="make another context")
        if self._run is None:
            self._run = self._begin()
        return self._run

    def _begin(self) -> SuperLinkRun:
        from wayfed.federated.grids.superlink.address import SuperLinkAddress
        from wayfed.federated.grids.superlink.coordinator import SuperLinkRun
        from wayfed.federated.wire import flower_process

        place = self._place
        check_guarded(place.address)
        with flower_process():
            return SuperLinkRun(
                SuperLinkAddress(place.address, place.certificate), place.secret, place.parties
            )


def check_guarded(address: str) -> None:
    """Raise where a SuperLink can be controlled from elsewhere than its own machine.

    Whatever answers at its port, at an address of this machine that others reach too, is asked
    what only this machine may ask.

    Raises
    ------
    PolicyViolation
        It can.
    """
    host, _, port = address.rpartition(":")
    if not _is_loopback(host.strip("[]")):
        raise PolicyViolation(
            f"the SuperLink at {address} can be controlled over the network", hint=_REMEDY
        )
    for own in sorted(_own_addresses()):
        if _answers(own, int(port)):
            raise PolicyViolation(
                f"the SuperLink at {address} can be controlled from elsewhere, at {own}:{port}",
                hint=_REMEDY,
            )


def _is_loopback(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise PartyError(f"there is no host {host!r}: {error}") from error
    return all(str(each[4][0]) in ("::1",) or str(each[4][0]).startswith("127.") for each in found)


def _own_addresses() -> set[str]:
    """Return the addresses of this machine that others may reach."""
    found: set[str] = set()
    with contextlib.suppress(OSError):  # of a host that does not know its own name
        found |= {str(each[4][0]) for each in socket.getaddrinfo(socket.gethostname(), None)}
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))  # sends nothing: it asks for the way there
                found.add(str(probe.getsockname()[0]))
        except OSError:  # no network of this kind
            continue
    return {each for each in found if not each.startswith("127.") and each != "::1"}


def _answers(host: str, port: int) -> bool:
    """Say whether something at a port would let itself be controlled."""
    import http.client
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # nothing is told, and nothing believed
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, port, timeout=_PROBE_SECONDS, context=context)
    try:
        connection.request("POST", _CONTROL, body=b"")
        return connection.getresponse().status != _REFUSED
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
