"""The platforms that come with wayfed, each with its own store to put tables into."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import wayfed
from tests.conformance.marks import MARKS
from tests.conformance.stores import files_of, postgresql_under_test, sqlite_under_test
from wayfed.testing import PlatformUnderTest

_PLATFORMS = (
    "duckdb",
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.postgres),
    pytest.param("spark", marks=pytest.mark.spark),
    pytest.param("flink", marks=pytest.mark.flink),
)


@pytest.fixture(scope="session", params=_PLATFORMS)
def platform_under_test(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlatformUnderTest]:
    """Each platform in turn; servers and JVMs are those that other tests use too."""
    marks = MARKS[request.param]
    match request.param:
        case "duckdb":
            with wayfed.context() as context:
                yield PlatformUnderTest("duckdb", context, marks=marks)
        case "spark":
            options = request.getfixturevalue("spark_options")
            directory = tmp_path_factory.mktemp("conformance")
            with wayfed.context(spark=options) as context:
                load = files_of(context, directory)
                thorough = os.environ.get("WAYFED_THOROUGH") == "1"
                yield PlatformUnderTest("spark", context, load, marks, thorough)
        case "flink":
            options = request.getfixturevalue("flink_options")
            thorough = os.environ.get("WAYFED_THOROUGH") == "1"
            with wayfed.context(flink=options) as context:
                yield PlatformUnderTest("flink", context, marks=marks, thorough=thorough)
        case "sqlite":
            directory = tmp_path_factory.mktemp("conformance")
            with sqlite_under_test(directory, marks) as platform:
                yield platform
        case "postgresql":
            with postgresql_under_test(request.getfixturevalue("postgres_url"), marks) as platform:
                yield platform
