"""What is opened for a single test, and ends with it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

import wayfed as wf
from tests.integration.kafka.records import CLIENTS
from tests.integration.kafka.topics import open_target
from wayfed_optimizer.platform import Target


@pytest.fixture
def target() -> Iterator[Callable[..., Target]]:
    """Open topics as targets; a client that is left would go on asking brokers that are gone."""
    with ExitStack() as stack:
        yield partial(open_target, stack)


@pytest.fixture(params=CLIENTS)
def ctx(request) -> Iterator[wf.Context]:
    """A context that reads with one of the clients."""
    with wf.context(kafka={"client": request.param}) as context:
        yield context


@pytest.fixture
def fast() -> Iterator[wf.Context]:
    """A context that reads with confluent-kafka."""
    with wf.context() as context:
        yield context


@pytest.fixture
def topic(kafka) -> Callable[..., str]:
    """Makes topics of names that nothing else has."""

    def make(partitions: int = 1, **settings: object) -> str:
        name = f"t-{uuid.uuid4().hex[:12]}"
        given = {key.replace("_", "."): value for key, value in settings.items()}
        return kafka.create_topic(name, partitions=partitions, settings=given)

    return make
