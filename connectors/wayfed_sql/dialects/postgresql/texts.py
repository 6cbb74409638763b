"""Text, in PostgreSQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.shared import is_known_positive
from wayfed_sql.templates import COMPARISON, Choice, Template, by_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row


TEXTS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "length": Template("CAST(LENGTH({0}) AS BIGINT)"),
        "trim": Template("TRIM({0})"),
        "ltrim": Template("LTRIM({0})"),
        "rtrim": Template("RTRIM({0})"),
        "substring": Choice(
            (
                (
                    is_known_positive,
                    by_count(
                        Template(""),
                        Template("SUBSTRING({0}, {1})"),
                        Template("SUBSTRING({0}, {1}, {2})"),
                    ),
                ),
            ),
            by_count(
                Template(""),
                Template("SUBSTRING({0}, CAST({1} AS INTEGER))"),
                Template(
                    "SUBSTRING({0}, CAST({1} AS INTEGER), "
                    "CAST(CASE WHEN {2} < 0 THEN 0 ELSE {2} END AS INTEGER))"
                ),
            ),
        ),
        "starts_with": Template("STARTS_WITH({0}, {1})"),
        "ends_with": Template("RIGHT({0}, LENGTH({1})) = {1}", COMPARISON),
        "contains": Template("STRPOS({0}, {1}) > 0", COMPARISON),
        "like": Template("{0} LIKE {1} ESCAPE ''", COMPARISON),
        "ilike": Template("{0} ILIKE {1} ESCAPE ''", COMPARISON),
        "hash": Template("CAST(CAST('x0' || SUBSTRING(MD5({0}), 1, 15) AS BIT(64)) AS BIGINT)"),
    }
)
