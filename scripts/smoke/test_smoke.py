"""The suite, of which a smoke picks some, and files: who writes those calls most of pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wayfed.testing.suite import *  # noqa: F403  docs/certify.md

if TYPE_CHECKING:
    from pathlib import Path

    from wayfed.testing import PlatformUnderTest


@pytest.mark.parametrize(
    "place", ["rows.parquet", "rows.csv", "rows.ndjson", "rows.arrow", "rows/"]
)
def test_what_the_engine_gives_comes_back_from_files(
    place: str, platform_under_test: PlatformUnderTest, tmp_path: Path
) -> None:
    """Every format, and a partitioned directory."""
    context, name = platform_under_test.context, platform_under_test.name
    rows = context.read({"n": [1, 2, 3], "text": ["a", None, "b"]}).filter(lambda t: t.n > 1)
    target = f"{tmp_path}/{place}"
    rows.on(name).write(target, partition_by="n" if place.endswith("/") else ())
    back = context.read(target).select("n", "text").sort("n").on(name).to_arrow()
    assert back.to_pylist() == [{"n": 2, "text": None}, {"n": 3, "text": "b"}]  # noqa: S101  a test
