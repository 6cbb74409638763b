"""What several tests stand on: servers, started once, and their absence said aloud."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from wayfed_database.embedded import PostgresServer
from wayfed_optimizer.errors import WayfedError

# On a person's machine a missing server skips its tests; where everything must run, it fails them.
EVERYTHING_MUST_RUN = os.environ.get("CI") == "true"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of an empty PostgreSQL server that lives as long as the test run."""
    try:
        server = PostgresServer.start()
    except WayfedError as error:
        if EVERYTHING_MUST_RUN:
            raise
        pytest.skip(f"no PostgreSQL: {error}")
    with server:
        yield server.url
