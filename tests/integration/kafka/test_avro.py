"""Values in Avro: each with the schema of its writer, from a registry or as given."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import fastavro
import pytest

from tests.integration.kafka.records import send
from wayfed.errors import ExecutionError, SourceError

pytestmark = pytest.mark.kafka


PAYMENT = {
    "type": "record",
    "name": "Payment",
    "fields": [{"name": "n", "type": "int"}, {"name": "who", "type": "string"}],
}
LATER = {
    "type": "record",
    "name": "Payment",
    "fields": [
        {"name": "n", "type": "long"},
        {"name": "fee", "type": ["null", "double"], "default": None},
    ],
}


def in_avro(schema: object, row: object, number: int | None = None) -> bytes:
    buffer = BytesIO()
    if number is not None:
        buffer.write(b"\0" + number.to_bytes(4, "big"))
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), row)
    return buffer.getvalue()


@pytest.fixture
def registry() -> Iterator[ThreadingHTTPServer]:
    """A server of our own that answers as a schema registry does; `schemas` is what it knows.

    It is no registry: it speaks the two questions that reading asks, with the password ``secret``.
    """
    schemas: dict[str, object] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urllib.parse.unquote(self.path)
            if not self.headers.get("Authorization", "").endswith("YWRhOnNlY3JldA=="):
                self._answer(401, {"message": "Unauthorized"})
            elif path in schemas:
                self._answer(200, schemas[path])
            else:
                self._answer(404, {"error_code": 40403, "message": "Schema not found"})

        def _answer(self, code: int, body: object) -> None:
            text = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.schemas = schemas
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def login(registry: ThreadingHTTPServer) -> dict[str, str]:
    return {
        "registry": f"http://127.0.0.1:{registry.server_port}",
        "registry_username": "ada",
        "registry_password": "secret",
    }


def test_each_value_is_read_with_the_schema_that_its_writer_registered(kafka, ctx, topic, registry):
    name = topic()
    registry.schemas |= {
        "/schemas/ids/1": {"schema": json.dumps(PAYMENT)},
        f"/subjects/{name}-value/versions/latest": {"id": 2, "schema": json.dumps(LATER)},
    }
    send(
        kafka,
        name,
        in_avro(LATER, {"n": 2**40, "fee": 0.5}, 2),
        in_avro(PAYMENT, {"n": 1, "who": "ada"}, 1),
        None,
        in_avro(LATER, {"n": 3, "fee": None}, 2),
    )
    read = ctx.read(kafka.url(name), format="avro", **login(registry))
    assert read.to_arrow().to_pydict() == {
        "n": [2**40, 1, None, 3],
        "fee": [0.5, None, None, None],
    }
    assert "schema 2 of http://127.0.0.1" in str(read.explain())


def test_a_schema_that_the_registry_does_not_know_is_told_with_its_place(
    kafka, ctx, topic, registry
):
    name = topic()
    latest = f"/subjects/{name}-value/versions/latest"
    registry.schemas[latest] = {"id": 2, "schema": json.dumps(LATER)}
    send(kafka, name, in_avro(LATER, {"n": 1, "fee": None}, 2), b"\0\0\0\0\x63junk")
    read = ctx.read(kafka.url(name), format="avro", **login(registry))
    with pytest.raises(ExecutionError, match=r"offset 1\) is not avro.*knows no schema 99"):
        read.to_arrow()
    other = topic()
    with pytest.raises(SourceError, match=f"no subject '{other}-value'"):
        ctx.read(kafka.url(other), format="avro")


def test_a_registry_that_refuses_the_login_is_told_without_the_password(
    kafka, fast, topic, registry
):
    given = {**login(registry), "registry_password": "wrong"}
    with pytest.raises(SourceError, match="answered 401: Unauthorized") as told:
        fast.read(kafka.url(topic()), format="avro", **given)
    assert "wrong" not in str(told.value)


def test_avro_without_a_registry_is_read_with_the_schema_given(kafka, ctx, topic):
    name = topic()
    send(kafka, name, in_avro(PAYMENT, {"n": 1, "who": "ada"}))
    read = ctx.read(kafka.url(name), format="avro", avro_schema=json.dumps(PAYMENT))
    assert read.to_arrow().to_pydict() == {"n": [1], "who": ["ada"]}
