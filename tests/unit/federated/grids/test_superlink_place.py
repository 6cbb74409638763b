"""A SuperLink that others than its own machine can control is refused."""

from __future__ import annotations

import http.server
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from wayfed.federated.grids.rpc.identity import make_identity
from wayfed.federated.grids.superlink import place
from wayfed.federated.grids.superlink.place import check_guarded
from wayfed_optimizer.errors import PolicyViolation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN = sorted(each for each in place._own_addresses() if ":" not in each)


@contextmanager
def answering(status: int, directory: Path) -> Iterator[int]:
    """Answer every request at all addresses of this machine, over TLS."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            return

    identity = make_identity("superlink")
    paths = directory / "certificate.pem", directory / "key.pem"
    for path, content in zip(paths, (identity.certificate, identity.key), strict=True):
        path.write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    with http.server.HTTPServer(("0.0.0.0", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_one_on_another_machine_is_refused() -> None:
    with pytest.raises(PolicyViolation, match="controlled over the network") as refused:
        check_guarded("192.0.2.1:8443")
    assert "wayfed coordinator serve --superlink" in str(refused.value.hint)


@pytest.mark.skipif(not OWN, reason="this machine has no address beside its own")
def test_one_that_answers_at_another_address_is_refused(tmp_path: Path) -> None:
    with answering(415, tmp_path) as port, pytest.raises(PolicyViolation, match="from elsewhere"):
        check_guarded(f"127.0.0.1:{port}")


@pytest.mark.skipif(not OWN, reason="this machine has no address beside its own")
def test_one_that_refuses_at_other_addresses_is_taken(tmp_path: Path) -> None:
    with answering(403, tmp_path) as port:
        check_guarded(f"localhost:{port}")
