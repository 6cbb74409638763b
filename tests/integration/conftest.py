"""What is opened for a single test, and ends with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from tests.integration.kafka_topics import open_target
from wayfed_optimizer.platform import Target


@pytest.fixture
def target() -> Iterator[Callable[..., Target]]:
    """Open topics as targets; a client that is left would go on asking brokers that are gone."""
    with ExitStack() as stack:
        yield partial(open_target, stack)
