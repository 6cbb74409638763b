"""How much property tests try: a few examples, or thousands by ``--hypothesis-profile=soak``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from tests.properties.worlds import Worlds

SOAK: Final = "soak"
FEW: Final = 8
MANY: Final = 60
settings.register_profile(SOAK, deadline=None, max_examples=5000, print_blob=True)


def examples(count: int) -> settings:
    """Settings for `count` examples, or for as many as the soak profile asks for."""
    return settings(
        max_examples=settings().max_examples if soaking() else count,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def soaking() -> bool:
    """Whether the soak profile is chosen."""
    return settings.get_current_profile_name() == SOAK


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Worlds]:
    """Small random tables in three stores, in a PostgreSQL database of their own."""
    directory = tmp_path_factory.mktemp("worlds")
    name = f"worlds_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        url = f"{postgres_url.rpartition('/')[0]}/{name}"
        with Worlds(directory, url, MANY if soaking() else FEW) as worlds:
            yield worlds
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")
