"""Engines that the integration tests share, each started once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import EVERYTHING_MUST_RUN
from tests.integration.engines import SPARK_OPTIONS, on_platform, table_of
from wayfed_optimizer.errors import ExecutionError
from wayfed_optimizer.platform import Platform
from wayfed_optimizer.relations import Read
from wayfed_optimizer.types import Schema
from wayfed_spark import CONNECTOR


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


@pytest.fixture
def spark_options(spark: Platform) -> dict[str, object]:
    """Options of a context, ``wf.context(spark=spark_options)``, that shares the running JVM."""
    assert spark.started()
    return dict(SPARK_OPTIONS)


def _run_something(platform: Platform, directory: Path) -> None:
    schema = Schema.of(n="int64")
    on_platform(platform, Read("t", schema), {"t": table_of(schema, [{"n": 1}])}, directory)
