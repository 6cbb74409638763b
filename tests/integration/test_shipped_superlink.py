"""The grid `flower` at a SuperLink that is not ours: `flower-superlink`, as Flower ships it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import wayfed as wf
from tests.integration.served_parties import (
    end,
    free_port,
    identity_lines,
    start,
    write_identity,
    write_private,
)
from tests.waiting import wait_until
from wayfed.federated.grids.rpc.identity import fingerprint_of
from wayfed.federated.grids.superlink import place
from wayfed_optimizer.errors import PartyError, PolicyViolation

pytestmark = pytest.mark.soak
PARTIES = ("ash", "birch", "cedar")
SCHEMA = {"trips": {"a": "int64", "b": "int64", "late": "int64"}}
OWN = sorted(each for each in place._own_addresses() if ":" not in each)
FLOWER = Path(sys.executable).parent
"""Where Flower's commands are."""
PATIENCE = 300.0


def write_certificates(directory: Path) -> None:
    """Write a certificate for this machine that an authority issued, as an organisation's is."""
    now = datetime.now(UTC)
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("authority", "superlink")}
    names = {name: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in keys}
    here = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    issuer = names["authority"]
    for serial, (name, key) in enumerate(keys.items(), 1):
        certificate = (
            x509.CertificateBuilder(issuer, names[name], key.public_key(), serial)
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(name == "authority", None), critical=True)
            .add_extension(x509.SubjectAlternativeName(here), critical=False)
            .sign(keys["authority"], hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        (directory / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
        written = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(directory / f"{name}.key", written)
    write_private(directory / "superlink.secret", b"as made by a shell, with its newline\n")


@contextmanager
def superlink(directory: Path, *options: str, host: str = "127.0.0.1") -> Iterator[str]:
    """Start `flower-superlink`; gives the address by which this machine reaches it."""
    port = free_port()
    command = (
        *(FLOWER / "flower-superlink", "--host", host, "--port", str(port)),
        *("--ssl-ca-certfile", directory / "authority.pem"),
        *("--ssl-certfile", directory / "superlink.pem"),
        *("--ssl-keyfile", directory / "superlink.key"),
        *("--enable-supernode-auth", "--disable-runtime-dependency-installation"),
        *("--superexec-auth-secret-file", directory / "superlink.secret", *options),
    )
    log = directory / "superlink.log"
    with log.open("ab") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written, env=at_home(directory))
    try:
        wait_until(
            lambda: "Uvicorn running" in log.read_text() or process.poll() is not None,
            seconds=PATIENCE,
        )
        assert process.poll() is None, log.read_text()
        yield f"127.0.0.1:{port}"
    finally:
        end([process])


def at_home(directory: Path) -> dict[str, str]:
    """Give an environment in which Flower's commands write nothing elsewhere, and call nobody."""
    path = f"{FLOWER}{os.pathsep}{os.environ['PATH']}"
    told = {"FLWR_HOME": str(directory / "flwr"), "FLWR_TELEMETRY_ENABLED": "0"}
    return {**os.environ, **told, "FLWR_DISABLE_UPDATE_CHECK": "1", "PATH": path}


def write_parties(directory: Path, address: str) -> None:
    """Write all files of three parties with 40 rows each, and that of who asks them."""
    random = np.random.default_rng(3)
    fingerprint = fingerprint_of((directory / "superlink.pem").read_bytes())
    published = "".join(f'{name} = "{kind}"\n' for name, kind in SCHEMA["trips"].items())
    (directory / "schema.toml").write_text(f"[schema.trips]\n{published}")
    for name in PARTIES:
        write_identity(directory, name)
        rows = random.integers(-4, 5, size=(40, 3))
        lines = [f"{a},{b},{int(a + b + c > 0)}" for a, b, c in rows]
        (directory / f"{name}.csv").write_text("\n".join(["a,b,late", *lines]))
        (directory / f"{name}.toml").write_text(
            f'name = "{name}"\nschema = "schema.toml"\n'
            f'[coordinator]\naddress = "{address}"\nfingerprint = "{fingerprint}"\n'
            f"superlink = true\n{identity_lines(name)}"
            f'[tables.trips]\nsource = "{name}.csv"\n'
        )
    listed = "".join(f'{name} = "{name}.pem"\n' for name in PARTIES)
    (directory / "federation.toml").write_text(
        f'schema = "schema.toml"\n[superlink]\naddress = "{address}"\n'
        f'certificate = "superlink.pem"\nsecret = "superlink.secret"\n'
        f"[superlink.parties]\n{listed}"
    )


def register(directory: Path, party: str, address: str) -> None:
    """Register a node as those do it who run Flower."""
    key = serialization.load_pem_private_key((directory / f"{party}.key").read_bytes(), None)
    told = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    (directory / f"{party}.pub").write_bytes(told)
    home = directory / "flwr"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(
        f'[superlink.here]\naddress = "{address}"\n'
        f'root-certificates = "{directory / "authority.pem"}"\n'
    )
    subprocess.run(
        [FLOWER / "flwr", "supernode", "register", directory / f"{party}.pub", "here"],
        env=at_home(directory),
        check=True,
        timeout=PATIENCE,
    )


def train(ctx, runner):
    return ctx.run_federated(
        ctx.read("trips").to_numpy(),
        label="late",
        model=wf.models.logistic_regression(),
        rounds=2,
        runner=runner,
    )


def trained_here(directory: Path):
    """Train in this process on the same rows."""
    parties = {
        name: {"tables": {"trips": {"source": str(directory / f"{name}.csv")}}} for name in PARTIES
    }
    with wf.context(env="federated", parties={"schema": SCHEMA, "party": parties}) as ctx:
        return train(ctx, "local")


def test_the_model_of_parties_at_a_shipped_superlink_is_that_of_one_process(tmp_path):
    write_certificates(tmp_path)
    with superlink(tmp_path, "--isolation", "process") as address:
        write_parties(tmp_path, address)
        register(tmp_path, "ash", address)
        logs = {name: tmp_path / f"{name}.log" for name in PARTIES}
        started = [start(logs[n], "party", "serve", tmp_path / f"{n}.toml") for n in PARTIES]
        try:
            wait_until(
                lambda: "is a node of the SuperLink" in logs["ash"].read_text(), seconds=PATIENCE
            )
            with wf.context(env="federated", parties=tmp_path / "federation.toml") as ctx:
                wait_until(
                    lambda: tuple(party.name for party in ctx.parties()) == PARTIES,
                    seconds=PATIENCE,
                )
                there = train(ctx, "flower")
        finally:
            end(started)
    here = trained_here(tmp_path)
    assert there.status == "finished"
    assert not there.failures
    assert there.metrics == here.metrics
    assert there.model.weights.keys() == here.model.weights.keys()
    for name, weights in here.model.weights.items():
        assert np.array_equal(weights, there.model.weights[name])


@pytest.mark.skipif(not OWN, reason="this machine has no address beside its own")
def test_who_does_not_know_the_secret_is_told_which_it_is_and_hinders_nobody(tmp_path):
    write_certificates(tmp_path)
    with superlink(tmp_path, "--isolation", "process") as address:
        write_parties(tmp_path, address)
        known = (tmp_path / "superlink.secret").read_bytes()
        (tmp_path / "superlink.secret").write_bytes(known.strip())
        with (
            wf.context(env="federated", parties=tmp_path / "federation.toml") as ctx,
            pytest.raises(PartyError, match="401") as refused,
        ):
            ctx.parties()
        (tmp_path / "superlink.secret").write_bytes(known)
        with wf.context(env="federated", parties=tmp_path / "federation.toml") as ctx:
            assert len(ctx.parties()) == 0
    assert "--superexec-auth-secret-file" in str(refused.value.hint)


def test_a_shipped_superlink_that_others_can_control_is_refused(tmp_path):
    write_certificates(tmp_path)
    with superlink(tmp_path, "--isolation", "process", host="0.0.0.0") as address:
        write_parties(tmp_path, address)
        with (
            wf.context(env="federated", parties=tmp_path / "federation.toml") as ctx,
            pytest.raises(PolicyViolation, match="can be controlled from elsewhere") as refused,
        ):
            ctx.parties()
    assert "wayfed coordinator serve --superlink" in str(refused.value.hint)
