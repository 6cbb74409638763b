"""What a server on this machine says of itself over HTTP."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Any

_SECONDS = 10


def asked(port: int, path: str) -> Any:
    """Return the JSON that a server answers a GET with; None where it does not answer (yet).

    Examples
    --------
    >>> asked(1, "/jobs") is None
    True
    """
    with closing(HTTPConnection("127.0.0.1", port, timeout=_SECONDS)) as connection:
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return json.load(answer) if answer.status == 200 else None
        except (OSError, HTTPException, ValueError):
            return None
