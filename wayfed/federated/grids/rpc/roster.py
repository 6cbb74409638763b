"""Who may connect to a hub: parties and requesters, by the fingerprints of their certificates."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Roster:
    """Who may connect.

    Parameters
    ----------
    parties, requesters
        Names by fingerprint. During a rotation a name may have two.
    certificates
        The certificates in PEM that TLS takes, one after the other: those of all listed, or of
        who issued them. Who is in none of the lists is refused even so.
    """

    parties: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    requesters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    certificates: bytes = b""

    @property
    def names(self) -> tuple[str, ...]:
        """The parties that are listed, by name."""
        return tuple(sorted(set(self.parties.values())))


class RosterSource(Protocol):
    """Where the roster stands; it may change while a hub runs."""

    def current(self) -> Roster:
        """Return the roster as it stands now; the same object where nothing has changed."""
        ...


@dataclass(slots=True)
class FixedRoster:
    """A roster in memory, which its owner may replace."""

    roster: Roster

    def current(self) -> Roster:
        """Return it."""
        return self.roster
