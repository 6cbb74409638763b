"""Writes docs/platforms.md from what the platforms that come with wayfed say of themselves."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.conformance.marks import MARKS  # noqa: E402  # found by the path above
from wayfed.testing.page import Documented, page  # noqa: E402  # as above
from wayfed_database.capabilities import POSTGRESQL_PROFILE, SQLITE_PROFILE  # noqa: E402
from wayfed_duckdb.capabilities import CAPABILITIES as ON_DUCKDB  # noqa: E402  # as above
from wayfed_flink.capabilities import CAPABILITIES as ON_FLINK  # noqa: E402  # as above
from wayfed_spark.capabilities import CAPABILITIES as ON_SPARK  # noqa: E402  # as above
from wayfed_sql import SQLITE  # noqa: E402  # as above

PAGE = ROOT / "docs" / "platforms.md"


def current_page() -> str:
    """Return the page as it should be."""
    # Which joins this machine's library has is no matter of the page.
    on_sqlite = replace(SQLITE_PROFILE.capabilities, joins=SQLITE.joins, without=SQLITE.without)
    return page(
        (
            Documented("DuckDB", ON_DUCKDB, MARKS["duckdb"]),
            Documented("PostgreSQL", POSTGRESQL_PROFILE.capabilities, MARKS["postgresql"]),
            Documented("SQLite", on_sqlite, MARKS["sqlite"]),
            Documented("Spark", ON_SPARK, MARKS["spark"]),
            Documented("Flink", ON_FLINK, MARKS["flink"]),
        )
    )


if __name__ == "__main__":
    PAGE.write_text(current_page())
