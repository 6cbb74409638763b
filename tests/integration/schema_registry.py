"""A server that answers what a schema registry is asked; it is none, and judges no schema."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def schema_registry() -> Iterator[tuple[str, dict[str, int]]]:
    """Run one; gives its URL, and the number of the latest schema of each subject."""
    schemas: list[str] = []
    subjects: dict[str, int] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if asked["schema"] not in schemas:
                schemas.append(asked["schema"])
            _, kind, subject, _ = urllib.parse.unquote(self.path).split("/")
            subjects[subject] = schemas.index(asked["schema"]) + 1
            self._answer({"id": subjects[subject]} if kind == "subjects" else None)

        def do_GET(self) -> None:
            match urllib.parse.unquote(self.path).split("/")[1:]:
                case ["schemas", "ids", number]:
                    self._answer({"schema": schemas[int(number) - 1]})
                case ["subjects", subject, "versions", "latest"] if subject in subjects:
                    number = subjects[subject]
                    self._answer({"id": number, "schema": schemas[number - 1]})
                case _:
                    self._answer(None)

        def _answer(self, body: Any) -> None:
            text = json.dumps(body or {"error_code": 40401, "message": "Subject not found"})
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", subjects
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
