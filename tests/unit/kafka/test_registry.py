"""What a schema registry may answer besides schemas."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wayfed_kafka.registry import NotAvro, Registry
from wayfed_kafka.settings import Settings
from wayfed_optimizer.errors import SourceError


class Answers(BaseHTTPRequestHandler):
    """Answers any question with the bytes that its server has; notes who logged in."""

    def do_GET(self) -> None:
        self.server.logins.append(self.headers.get("Authorization"))
        self.wfile.write(self.server.answers.pop(0))

    do_POST = do_GET

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    found = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    found.answers, found.logins = [], []
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.fixture
def registry(server) -> Registry:
    url = f"http://127.0.0.1:{server.server_port}"
    return Registry(Settings(registry=url, registry_username="ada", registry_password="countess"))


def answer(body: object, *, code: int = 200, **headers: str) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.0 {code} it\r\n{lines}\r\n{json.dumps(body)}".encode()


@pytest.mark.parametrize(
    ("told", "error", "said"),
    [
        (b"no answer of HTTP\r\n\r\n", SourceError, "does not answer"),
        (b"HTTP/1.0 200 OK\r\n\r\n{", SourceError, "does not answer"),
        (answer([]), SourceError, "no object of JSON"),
        (answer({}), NotAvro, "cannot be read"),
        (answer({"schema": 5}), NotAvro, "cannot be read"),
        (answer({"schemaType": "PROTOBUF", "schema": ""}), NotAvro, "of PROTOBUF"),
    ],
)
def test_an_answer_that_is_no_schema_is_told(server, registry, told, error, said):
    server.answers.append(told)
    with pytest.raises(error, match=said):
        registry.schema(1)


def test_a_registry_that_says_no_number_is_told(server, registry):
    server.answers += [answer({"schema": '"int"'}), answer({}), answer({}, code=404)]
    with pytest.raises(SourceError, match="did not say the number"):
        registry.latest("payments-value")
    with pytest.raises(SourceError, match="did not say the number"):
        registry.register("payments-value", "int")
    with pytest.raises(SourceError, match="takes no schema for 'payments-value'"):
        registry.register("payments-value", "int")


def test_the_password_is_not_shown_to_whom_a_registry_sends_on(server, registry):
    elsewhere = f"http://localhost:{server.server_port}/"
    server.answers += [
        answer({}, code=302, Location=elsewhere),
        answer({"schema": '"int"'}),
    ]
    assert registry.schema(1) == "int"
    first, second = server.logins
    assert first.startswith("Basic ")
    assert second is None
