"""Parties, and where they meet, as processes of the command line: their files, start and end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

import wayfed as wf
from tests.waiting import wait_until
from wayfed.federated.context import FederatedContext
from wayfed.federated.grids.rpc.identity import Identity, make_identity

PATIENCE = 300.0


def rows_with_ties(random: np.random.Generator) -> pa.Table:
    """Sixty rows of few values, some of them NULL."""
    x = random.integers(-2, 3, size=(60, 2)).astype(float)
    late = x.sum(axis=1) + random.normal(size=60) > 0
    return pa.table(
        {"x": x[:, 0], "y": pa.array([v if v < 2 else None for v in x[:, 1]]), "late": late}
    )


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read."""
    path.touch(0o600)
    path.write_bytes(content)


def write_identity(directory: Path, name: str) -> Identity:
    """Write a certificate and its key, as `identity_lines` names them."""
    made = make_identity(name)
    write_private(directory / f"{name}.pem", made.certificate)
    write_private(directory / f"{name}.key", made.key)
    return made


def identity_lines(name: str) -> str:
    """Give ``[identity]`` of a file beside what `write_identity` wrote."""
    return f'[identity]\ncertificate = "{name}.pem"\nkey = "{name}.key"\n'


def start(log: Path, *command: str | Path) -> subprocess.Popen[bytes]:
    """Start a command; what it tells is added to the log."""
    program = "from wayfed.cli import main; main()"
    with log.open("ab") as written:
        return subprocess.Popen([sys.executable, "-c", program, *map(str, command)], stderr=written)


def end(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """End what was started."""
    processes = tuple(processes)
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def served(
    directory: Path,
    schema: Mapping[str, Mapping[str, str]],
    sources: Mapping[str, Mapping[str, str]],
) -> Iterator[FederatedContext]:
    """Start a coordinator and parties with mutual TLS, and ask them as an analyst would.

    Parameters
    ----------
    directory
        Where their files come to lie.
    schema
        What is published: the types of columns by table.
    sources
        The source of each table, by party.
    """
    address = f"127.0.0.1:{free_port()}"
    identities = {name: write_identity(directory, name) for name in ("hub", "analyst", *sources)}
    certificates = directory / "certificates"
    certificates.mkdir()
    for name in ("analyst", *sources):
        (certificates / f"{name}.pem").write_bytes(identities[name].certificate)
    published = [
        f"[schema.{table}]\n" + "".join(f'{name} = "{kind}"\n' for name, kind in columns.items())
        for table, columns in schema.items()
    ]
    (directory / "schema.toml").write_text("".join(published))
    analyst = f'[requesters]\nanalyst = "{identities["analyst"].fingerprint}"\n'
    listed = "".join(f'{name} = "{identities[name].fingerprint}"\n' for name in sources)
    (directory / "coordinator.toml").write_text(
        f'listen = "{address}"\n{identity_lines("hub")}[parties]\n{listed}{analyst}'
    )
    reached = (
        f'[coordinator]\naddress = "{address}"\nfingerprint = "{identities["hub"].fingerprint}"\n'
    )
    for name, tables in sources.items():
        catalog = "".join(
            f'[tables.{table}]\nsource = "{place}"\n' for table, place in tables.items()
        )
        (directory / f"{name}.toml").write_text(
            f'name = "{name}"\nschema = "schema.toml"\n{reached}{identity_lines(name)}{analyst}'
            f'{catalog}[audit]\npath = "{name}.jsonl"\n'
        )
    federation = directory / "federation.toml"
    federation.write_text(f'schema = "schema.toml"\n{reached}{identity_lines("analyst")}')
    logs = {name: directory / f"{name}.log" for name in ("hub", *sources)}
    processes = [start(logs["hub"], "coordinator", "serve", directory / "coordinator.toml")]
    try:
        processes += [
            start(logs[name], "party", "serve", directory / f"{name}.toml") for name in sources
        ]
        wait_until(lambda: "listens at" in logs["hub"].read_text(), seconds=PATIENCE)
        with wf.context(env="federated", parties=federation) as ctx:
            wait_until(
                lambda: {party.name for party in ctx.parties()} == set(sources), seconds=PATIENCE
            )
            yield ctx
    finally:
        end(processes)
