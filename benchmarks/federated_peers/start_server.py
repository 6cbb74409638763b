"""Flower's deprecated ``start_server`` with a process a client, one round each time it is told to.

What the grids are measured against: the same rows, the same arithmetic, FedAvg, and TLS by which
the clients know the server (it cannot ask them for certificates). `federated_rounds.py` starts this
as a process of its own, which waits between its rounds as the grids do between theirs.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from time import perf_counter, sleep
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits


class StartServer:
    """Flower's server and clients, in processes of their own.

    Parameters
    ----------
    parties
        How many clients there are.
    rounds
        How many rounds they will play.
    """

    def __init__(self, parties: int, rounds: int) -> None:
        quiet = {"FLWR_TELEMETRY_ENABLED": "0", "GRPC_VERBOSITY": "NONE"}
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and file
            [sys.executable, __file__, str(parties), str(rounds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **quiet},
        )
        self.seconds: list[float] = []
        self.weights: list[list[float]] = []
        """What the last round made, of each array."""
        self._read()  # the server is there; its first round waits for the clients

    @property
    def pid(self) -> int:
        """The process of which all others are children."""
        return self._process.pid

    def round(self) -> None:
        """Let them play a round."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        told = self._read()
        self.seconds.append(told["seconds"])
        self.weights = told["weights"]

    def close(self) -> None:
        """End the processes, played out or not."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told


def main() -> None:
    """Be the server of so many clients for so many rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parties", type=int)
    parser.add_argument("rounds", type=int)
    asked = parser.parse_args()
    from federated_rounds import FEATURES, rows_of
    from flwr.client import start_client  # noqa: F401  # else each of the clients imports it
    from flwr.common import ndarrays_to_parameters, parameters_to_ndarrays
    from flwr.server import ServerConfig, start_server
    from flwr.server.strategy import FedAvg

    logging.getLogger("flwr").setLevel(logging.ERROR)  # else it tells of each message
    certificate, key = self_signed("localhost")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gc.freeze()
    for x, y in rows_of(asked.parties):
        if os.fork() == 0:  # before there are threads
            try:
                be_client(x, y.astype(float), port, certificate)
            finally:
                os._exit(0)

    class InTurn(FedAvg):  # type: ignore[misc]  # Flower is untyped here
        """FedAvg that waits for its turn before each round."""

        started = 0.0

        def evaluate(self, server_round: int, parameters: Any) -> None:
            weights = [array.tolist() for array in parameters_to_ndarrays(parameters)]
            tell({"seconds": perf_counter() - self.started, "weights": weights})
            if server_round < asked.rounds and not sys.stdin.readline():
                os._exit(0)  # whoever asked for rounds has gone
            self.started = perf_counter()

    start_server(
        server_address=f"127.0.0.1:{port}",
        config=ServerConfig(num_rounds=asked.rounds),
        strategy=InTurn(
            fraction_evaluate=0.0,
            min_fit_clients=asked.parties,
            min_available_clients=asked.parties,
            initial_parameters=ndarrays_to_parameters([np.zeros(FEATURES), np.zeros(1)]),
        ),
        certificates=(certificate, certificate, key),
    )


def be_client(x: np.ndarray, y: np.ndarray, port: int, certificate: bytes) -> None:
    """Train on these rows whenever the server asks."""
    from federated_rounds import descend
    from flwr.client import NumPyClient, start_client

    class Client(NumPyClient):  # type: ignore[misc]  # Flower is untyped here
        """A client that takes the steps of the benchmark."""

        def fit(self, parameters: list[np.ndarray], config: Any) -> Any:
            weights, intercept = descend(x, y, parameters[0], float(parameters[1][0]))
            return [weights, np.array([intercept])], len(y), {}

    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            sleep(0.1)
    with threadpool_limits(1, user_api="blas"):
        start_client(
            server_address=f"localhost:{port}",
            client=Client().to_client(),
            insecure=False,
            root_certificates=certificate,
        )


def self_signed(host: str) -> tuple[bytes, bytes]:
    """Make a certificate for a host, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    return certificate.public_bytes(encoding), key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def tell(what: dict[str, Any]) -> None:
    """Tell whoever started this."""
    os.write(1, f"{json.dumps(what)}\n".encode())


if __name__ == "__main__":
    main()
