"""What ``init`` does: a key that only its owner reads, its certificate, and a file to fill in."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final

from wayfed_optimizer.errors import InvalidOption, SourceError

_IDENTITY: Final = ("certificate", "key")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")

PARTY: Final = """\
name = "{name}"
# The published schema that all of the federation have agreed on: [schema.TABLE] and [keys].
schema = "schema.toml"

[coordinator]
address = "federation.example.org:8443"
fingerprint = "sha256:…"        # whoever runs the coordinator tells it

[identity]
certificate = "{name}.pem"
key = "{name}.key"

# Whom this party serves, by the fingerprints of their certificates.
# A Flower SuperLink (superlink = true in [coordinator]) says not who asks: nobody looks here then.
[requesters]
# analyst = "sha256:…"

# Where each published table is here; ${{NAME}} and file:PATH stand for secrets.
[tables.loans]
source = "credit.parquet"
# source = "postgresql://${{DB_USER}}:${{DB_PASSWORD}}@db/core"
# table = "credit"
# Its name there = the published one; and types that do not widen to the published ones.
# rename = {{ cust = "customer_id" }}
# cast = {{ late = "bool" }}

[policy]
min_rows = 100
# What may be done with which column; where any is listed, those that are not are for nothing.
# columns = {{ income = "feature", late = "label", customer_id = "join_key" }}
"""

_COORDINATOR: Final = """\
listen = "{listen}"
# The certificates (*.pem) of everyone listed below.
certificates = "certificates"

[identity]
certificate = "coordinator.pem"
key = "coordinator.key"

# Who may connect, by the fingerprints of their certificates; two in a list while one is replaced.
[parties]
# bank_a = "sha256:…"

[requesters]
# analyst = "sha256:…"
"""

_FEDERATION: Final = """\
# The published schema that all of the federation have agreed on: [schema.TABLE] and [keys].
schema = "schema.toml"

[coordinator]
address = "federation.example.org:8443"
fingerprint = "sha256:…"        # whoever runs the coordinator tells it

[identity]
certificate = "{name}.pem"
key = "{name}.key"
"""


def init_party(name: str, directory: Path) -> None:
    """Write what a party begins with."""
    fingerprint = _begin(name, directory, "party.toml", PARTY.format(name=name))
    _tell(
        f"wrote party.toml, {name}.pem and {name}.key in {directory}",
        f"send {name}.pem to the coordinator, and tell its fingerprint over another way:",
        f'  {name} = "{fingerprint}"',
        "fill in party.toml and put the federation's schema.toml beside it, then:",
        f"  wayfed party check {directory / 'party.toml'}",
        f"  wayfed party serve {directory / 'party.toml'}",
    )


def init_coordinator(directory: Path, listen: str) -> None:
    """Write what a coordinator begins with."""
    fingerprint = _begin(
        "coordinator", directory, "coordinator.toml", _COORDINATOR.format(listen=listen)
    )
    (directory / "certificates").mkdir(exist_ok=True)
    _tell(
        f"wrote coordinator.toml, coordinator.pem and coordinator.key in {directory}",
        "tell parties and requesters the address, and this for their [coordinator]:",
        f'  fingerprint = "{fingerprint}"',
        f"put their certificates into {directory / 'certificates'}, list them, then:",
        f"  wayfed coordinator serve {directory / 'coordinator.toml'}",
    )


def init_requester(name: str, directory: Path) -> None:
    """Write what a requester begins with."""
    fingerprint = _begin(name, directory, "federation.toml", _FEDERATION.format(name=name))
    _tell(
        f"wrote federation.toml, {name}.pem and {name}.key in {directory}",
        f"send {name}.pem to the coordinator, and this to it and to each party, for [requesters]:",
        f'  {name} = "{fingerprint}"',
        "put the coordinator's address and fingerprint into federation.toml, and the federation's",
        "schema.toml beside it, then:",
        f'  wf.context(env="federated", parties="{directory / "federation.toml"}")',
    )


def renew(file: Path, whom: str, when: str) -> None:
    """Write another certificate of the key that a file names, beside the one that there is.

    Parameters
    ----------
    file
        A party.toml, coordinator.toml or federation.toml.
    whom, when
        Who is to be told the fingerprint, and when the certificate may be put into use.
    """
    from wayfed.configuration import read_toml, resolve_path
    from wayfed.federated.grids.rpc.identity import load_identity, renewed

    values, directory, place = read_toml(file, kind=file.stem)
    own = values.get("identity")
    if not isinstance(own, dict) or not {"certificate", "key"} <= own.keys():
        raise InvalidOption(f"{place} has no [identity]", hint="certificate and key stand there")
    certificate, key = (Path(resolve_path(str(own[each]), directory)) for each in _IDENTITY)
    identity = renewed(load_identity(certificate, key, valid_now=False))
    target = certificate.with_suffix(".renewed.pem")
    if target.exists():
        raise InvalidOption(f"{target} exists", hint="put it into use, or take it away")
    try:
        _write(target, identity.certificate, 0o644)
    except OSError as error:
        raise SourceError(f"{target} cannot be written: {error.strerror}") from error
    _tell(
        f"wrote {target}, valid until {identity.expires:%Y-%m-%d}, of the key that there is",
        whom.format(certificate=target.name),
        f'  {identity.name} = "{identity.fingerprint}"',
        f"{when}, put it into use and start again:",
        f"  mv {target} {certificate}",
    )


def _begin(name: str, directory: Path, file: str, text: str) -> str:
    """Write a file, a certificate and its key, none of which is there; return the fingerprint."""
    from wayfed.federated.grids.rpc.identity import make_identity

    if not _NAME.fullmatch(name):
        raise InvalidOption(
            f"{name!r} is not a name", hint="letters, digits, _ and -, at most 63 of them"
        )
    identity = make_identity(name)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for each in (file, f"{name}.pem", f"{name}.key"):
            if (directory / each).exists():
                raise InvalidOption(
                    f"{directory / each} exists", hint="--directory writes elsewhere"
                )
        _write(directory / f"{name}.key", identity.key, 0o600)
        _write(directory / f"{name}.pem", identity.certificate, 0o644)
        _write(directory / file, text.encode(), 0o600)
    except OSError as error:
        raise SourceError(f"{directory} cannot be written: {error.strerror}") from error
    return identity.fingerprint


def _write(path: Path, data: bytes, mode: int) -> None:
    # Made with its mode, so that there is no moment at which others can read it.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _tell(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
