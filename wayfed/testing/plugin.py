"""The pytest plug-in: one case at a time is asked for, and many are asked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wayfed.testing.asking import Answers
from wayfed.testing.cases import AGGREGATES, SCALARS, WINDOWS

if TYPE_CHECKING:
    from wayfed.testing.platform import PlatformUnderTest


@pytest.fixture(scope="session")
def answers(platform_under_test: PlatformUnderTest) -> Answers:
    """Ask the platform under test, and remember what it answers."""
    return Answers(platform_under_test, (SCALARS, AGGREGATES, WINDOWS))
