"""Text, in PostgreSQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.patterns import quoted
from wayfed_sql.dialects.regular import RegularExpression, Syntax
from wayfed_sql.dialects.shared import SPLIT_PART, code_point, either_like, is_known_positive
from wayfed_sql.templates import COMPARISON, OTHER, Choice, Template, by_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row


_LONGEST: Final = "it looks for the longest match, not the first"
_ARE: Final = Syntax(
    start="^",
    end="$",
    anything=".",
    group=r"\{}",
    whole=r"\&",
    escapes="\\",
    quote=quoted,
)

TEXTS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "length": Template("CAST(LENGTH({0}) AS BIGINT)"),
        "trim": by_count(Template("TRIM({0})"), Template("BTRIM({0}, {1})")),
        "ltrim": by_count(Template("LTRIM({0})"), Template("LTRIM({0}, {1})")),
        "rtrim": by_count(Template("RTRIM({0})"), Template("RTRIM({0}, {1})")),
        "octet_length": Template("CAST(OCTET_LENGTH({0}) AS BIGINT)"),
        **{
            name: Template(f"{name.upper()}({{0}}, CAST({{1}} AS INTEGER), {{2}})")
            for name in ("lpad", "rpad")
        },
        **{
            name: Template(f"{name.upper()}({{0}}, CAST({{1}} AS INTEGER))")
            for name in ("left", "right", "repeat")
        },
        "reverse": Template("REVERSE({0})"),
        "position": Template("CAST(STRPOS({0}, {1}) AS BIGINT)"),
        "split_part": SPLIT_PART,
        "translate": Template("TRANSLATE({0}, {1}, {2})"),
        "ascii": Template("CAST(ASCII({0}) AS BIGINT)"),
        "chr": code_point("CHR(CAST({0} AS INTEGER))"),
        "concat_ws": Template("CONCAT_WS({args})"),
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
        "like": either_like("LIKE", " ESCAPE ''"),
        "ilike": either_like("ILIKE", " ESCAPE ''"),
        "regexp_matches": RegularExpression(_ARE, "{text} ~ {pattern}", level=OTHER),
        "regexp_extract": RegularExpression(
            _ARE,
            "COALESCE((REGEXP_MATCH({text}, {grouped}))[{next}], LEFT({text}, 0))",
            flat=_LONGEST,
        ),
        "regexp_replace": RegularExpression(
            _ARE, "REGEXP_REPLACE({text}, {pattern}, {replacement}{options})", flat=_LONGEST
        ),
        "hash": Template("CAST(CAST('x0' || SUBSTRING(MD5({0}), 1, 15) AS BIT(64)) AS BIGINT)"),
    }
)
