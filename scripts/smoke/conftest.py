"""The engine that WAYFED_SMOKE names, as anyone would start it; see docs/certify.md."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import wayfed
from wayfed.testing import PlatformUnderTest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["wayfed.testing.plugin"]


@pytest.fixture(scope="session")
def platform_under_test() -> Iterator[PlatformUnderTest]:
    """Start the engine, over tables that are handed over in memory."""
    engine = os.environ["WAYFED_SMOKE"]
    with wayfed.context({"engines": {engine: {}}}) as context:
        yield PlatformUnderTest(engine, context, thorough=False)
