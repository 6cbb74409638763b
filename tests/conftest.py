"""What several tests stand on: servers, started once, and their absence said aloud."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import wayfed
from tests.integration.engines import FLINK_OPTIONS, SPARK_OPTIONS, on_platform, table_of
from wayfed.testing.servers import KafkaServer
from wayfed_database.embedded import PostgresServer
from wayfed_optimizer.errors import ExecutionError, WayfedError
from wayfed_optimizer.platform import Platform
from wayfed_optimizer.relations import Read
from wayfed_optimizer.types import Schema
from wayfed_spark import CONNECTOR

pytest_plugins = ["wayfed.testing.plugin"]

# Plans and their costs must not depend on what was measured on the machine that runs the tests.
os.environ["WAYFED_CALIBRATION"] = "off"
# Nor may tests leave their runs among those of the person who runs them.
os.environ["WAYFED_RUNS"] = "off"

# On a person's machine a missing server skips its tests; where everything must run, it fails them.
EVERYTHING_MUST_RUN = os.environ.get("CI") == "true"


def pytest_configure() -> None:
    # What a shell starts in the background ignores Ctrl-C, which tests send to themselves.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what soaks, unless `-m` speaks of it: it takes longer than a change can wait."""
    if "soak" in config.option.markexpr:
        return
    soaking = [item for item in items if item.get_closest_marker("soak")]
    if soaking:
        items[:] = [item for item in items if item not in soaking]
        config.hook.pytest_deselected(items=soaking)


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


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaServer]:
    """A Kafka broker that lives as long as the test run; anybody may do anything there."""
    try:
        server = KafkaServer.start()
    except WayfedError as error:
        if EVERYTHING_MUST_RUN:
            raise
        pytest.skip(f"no Kafka: {error}")
    with server:
        yield server


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Spark on this machine; one JVM for the whole test run."""
    platform = CONNECTOR.platform(SPARK_OPTIONS)
    try:
        _run_something(platform, tmp_path_factory.mktemp("spark"))
    except ExecutionError as error:
        if EVERYTHING_MUST_RUN:
            raise
        pytest.skip(f"no Spark: {error}")
    yield platform
    platform.close()


@pytest.fixture(scope="session")
def spark_options(spark: Platform) -> dict[str, object]:
    """Options of a context, ``wf.context(spark=spark_options)``, that shares the running JVM."""
    assert spark.started()
    return dict(SPARK_OPTIONS)


@pytest.fixture(scope="session")
def flink_options() -> Iterator[dict[str, object]]:
    """Options of a context, ``wf.context(flink=flink_options)``; one JVM for the whole test run."""
    with wayfed.context(flink=dict(FLINK_OPTIONS)) as context:
        try:
            context.read(pa.table({"n": [1]})).filter(lambda row: row.n > 0).on("flink").to_arrow()
        except ExecutionError as error:
            if EVERYTHING_MUST_RUN:
                raise
            pytest.skip(f"no Flink: {error}")
        yield dict(FLINK_OPTIONS)


def _run_something(platform: Platform, directory: Path) -> None:
    schema = Schema.of(n="int64")
    on_platform(platform, Read("t", schema), {"t": table_of(schema, [{"n": 1}])}, directory)
