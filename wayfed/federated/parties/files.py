"""The files of a federation in production: party.toml, coordinator.toml, and a requester's.

Paths in them are relative to the file; ``${NAME}`` and ``file:PATH`` stand for secrets.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import Field

from wayfed.configuration import (
    ADDRESS,
    Names,
    Strict,
    parse,
    read_toml,
    resolve_path,
    with_secrets,
)
from wayfed.federated.grids.rpc.identity import (
    as_fingerprint,
    check_valid,
    fingerprint_of,
)
from wayfed.federated.grids.rpc.roster import Roster
from wayfed.federated.parties.configuration import (
    CoordinatorAddress,
    IdentityFiles,
    PartyAudit,
    PartyConfiguration,
    PartyPolicy,
    PrivacyTable,
    check_party,
    check_published,
    resolved_tables,
    with_published,
)
from wayfed_optimizer.errors import InvalidOption, SourceError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from wayfed.federated.grids.rpc.identity import Identity
    from wayfed.federated.grids.rpc.outbound import Coordinator
    from wayfed.federated.privacy.account import PrivacyPolicy
    from wayfed_optimizer.types import Schema


LOG: Final = logging.getLogger("wayfed.federated.files")
_AUDIT: Final = "audit.jsonl"


class PartyFile(PartyConfiguration):
    """A whole party.toml: its part of a federation, and where it connects to.

    Its audit log is ``audit.jsonl`` beside it where ``[audit]`` names no other.

    Parameters
    ----------
    name
        The party's name, as the coordinator lists it.
    published, keys
        ``[schema.TABLE]`` and ``[keys]``, or ``schema = "FILE.toml"`` with both: what the
        federation publishes.
    coordinator
        ``[coordinator]``: where it connects to.
    identity
        ``[identity]``: its certificate and key.
    requesters
        ``[requesters]``: whom it serves, by the fingerprints of their certificates.
    """

    name: str = Field(min_length=1)
    published: dict[str, dict[str, str]] = Field(alias="schema")
    keys: dict[str, Names] = Field(default_factory=dict)
    coordinator: CoordinatorAddress
    identity: IdentityFiles
    requesters: dict[str, Names] = Field(default_factory=dict)


class CoordinatorFile(Strict):
    """A whole coordinator.toml.

    Parameters
    ----------
    listen
        ``host:port``.
    identity
        ``[identity]``: its certificate and key.
    certificates
        A directory of certificates (``*.pem``): those of everyone listed, or of who issued them.
    message_megabytes
        The largest message that passes.
    secret
        Where a SuperLink (``--superlink``) keeps the secret by which runs are taken over; made
        where it is absent.
    parties, requesters
        Name -> fingerprint; two during a rotation.
    """

    listen: str = Field(pattern=ADDRESS)
    identity: IdentityFiles
    certificates: str = "certificates"
    message_megabytes: int = Field(default=1024, ge=1, le=2047)
    secret: str = "superlink.secret"  # noqa: S105  # the name of a file
    parties: dict[str, Names] = Field(default_factory=dict)
    requesters: dict[str, Names] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OwnParty:
    """A party.toml, read and checked.

    Parameters
    ----------
    name, configuration, published
        The party, and what the federation publishes.
    coordinator, identity
        Where it connects to, and as whom.
    requesters
        Whom it serves: names by fingerprint.
    superlink
        Whether it connects to a Flower SuperLink.
    """

    name: str
    configuration: PartyConfiguration
    published: Mapping[str, Schema]
    coordinator: Coordinator
    identity: Identity
    requesters: Mapping[str, str]
    superlink: bool = False


@dataclass(frozen=True, slots=True)
class OwnSuperLink:
    """A coordinator.toml, read and checked, for a SuperLink.

    Parameters
    ----------
    listen, identity
        Where it listens, and as whom.
    secret
        The file that holds what those know who may take runs over.
    """

    listen: str
    identity: Identity
    secret: Path


@dataclass(frozen=True, slots=True)
class OwnHub:
    """A coordinator.toml, read and checked.

    Parameters
    ----------
    listen, identity
        Where it listens, and as whom.
    message_bytes
        The largest message that passes.
    roster
        Who may connect.
    """

    listen: str
    identity: Identity
    message_bytes: int
    roster: Roster


def load_party(path: str | os.PathLike[str]) -> OwnParty:
    """Read and check a party.toml.

    Raises
    ------
    SourceError, InvalidOption, TypeMismatch, TableNotFound, ColumnNotFound
        Where a file cannot be read, or a key, value, type, table or column is wrong.
    """
    values, directory, place = read_toml(path, kind="party")
    values = with_published(with_secrets(values, directory, place), directory, place)
    found = parse(PartyFile, values, place)
    if found.audit is None:
        found = found.model_copy(update={"audit": PartyAudit(path=_AUDIT)})
    published = check_published(found.published, found.keys, place)
    check_party(place, found, published)
    return OwnParty(
        found.name,
        resolved_tables(found, directory),
        published,
        found.coordinator.resolved(place),
        found.identity.load(directory),
        _by_fingerprint(found.requesters, f"{place}: requesters"),
        found.coordinator.superlink,
    )


def audit_path(path: str | os.PathLike[str]) -> Path:
    """Return where the audit log of a party.toml is, without a look at its keys or tables."""
    values, directory, _ = read_toml(path, kind="party")
    audit = values.get("audit")
    named = audit.get("path") if isinstance(audit, dict) else None
    return Path(resolve_path(str(named or _AUDIT), directory))


def privacy_of(path: str | os.PathLike[str]) -> PrivacyPolicy | None:
    """Return ``[policy.privacy]`` of a party.toml, without a look at its other keys or tables."""
    values, directory, place = read_toml(path, kind="party")
    policy = values.get("policy")
    privacy = policy.get("privacy") if isinstance(policy, dict) else None
    if privacy is None:
        return None
    resolved = PartyPolicy(privacy=parse(PrivacyTable, privacy, place)).resolved(directory)
    return None if resolved.privacy is None else resolved.privacy.checked()


def load_hub(path: str | os.PathLike[str]) -> OwnHub:
    """Read and check a coordinator.toml, and the certificates beside it.

    Raises
    ------
    SourceError, InvalidOption
        Where a file cannot be read, or a key or value is wrong.
    """
    values, directory, place = read_toml(path, kind="coordinator")
    found = parse(CoordinatorFile, with_secrets(values, directory, place), place)
    roster = Roster(
        _by_fingerprint(found.parties, f"{place}: parties"),
        _by_fingerprint(found.requesters, f"{place}: requesters"),
        _certificates(directory / found.certificates),
    )
    if both := sorted(roster.parties.keys() & roster.requesters.keys()):
        raise InvalidOption(f"{place}: {both[0]} is listed as a party and as a requester")
    limit = found.message_megabytes << 20
    return OwnHub(found.listen, found.identity.load(directory), limit, roster)


def load_superlink(path: str | os.PathLike[str]) -> OwnSuperLink:
    """Read a coordinator.toml for a SuperLink; its secret is made where there is none.

    Raises
    ------
    SourceError, InvalidOption
        Where a file cannot be read, or a key or value is wrong.
    """
    values, directory, place = read_toml(path, kind="coordinator")
    found = parse(CoordinatorFile, with_secrets(values, directory, place), place)
    secret = Path(resolve_path(found.secret, directory))
    if not secret.exists():
        secret.touch(0o600)
        secret.write_text(secrets.token_hex(32), encoding="ascii")
    if secret.stat().st_mode & 0o077:
        raise InvalidOption(f"others can read the secret {secret}", hint=f"chmod 600 {secret}")
    return OwnSuperLink(found.listen, found.identity.load(directory), secret)


def paths_of(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Return what a coordinator's roster is made of: its file and its certificates."""
    values, directory, _ = read_toml(path, kind="coordinator")
    return Path(path), directory / str(values.get("certificates", "certificates"))


def missing_certificates(roster: Roster) -> tuple[str, ...]:
    """Return who is listed, but whose own certificate is not among those that TLS takes."""
    there = {fingerprint_of(each) for each in _split(roster.certificates)}
    listed = {**roster.parties, **roster.requesters}
    return tuple(sorted(name for found, name in listed.items() if found not in there))


def _by_fingerprint(listed: Mapping[str, tuple[str, ...]], place: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, fingerprints in listed.items():
        for fingerprint in fingerprints:
            known = as_fingerprint(fingerprint, f"{place}.{name}")
            if found.setdefault(known, name) != name:
                raise InvalidOption(
                    f"{place}: '{found[known]}' and '{name}' have the same fingerprint"
                )
    return found


def _certificates(directory: Path) -> bytes:
    """Return all certificates of a directory; one that has expired is told, and left out."""
    if not directory.is_dir():
        raise SourceError(
            f"there is no directory {directory}",
            hint="it holds the certificates (*.pem) of those who may connect",
        )
    found = []
    for path in sorted(directory.glob("*.pem")):
        try:
            certificate = path.read_bytes()
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error
        for each in _split(certificate):
            try:
                check_valid(each, str(path))
            except InvalidOption as error:
                LOG.warning("%s", error)
            else:
                found.append(each)
    return b"".join(found)


def _split(certificates: bytes) -> list[bytes]:
    end = b"-----END CERTIFICATE-----"
    return [part.strip() + b"\n" + end + b"\n" for part in certificates.split(end)[:-1]]
