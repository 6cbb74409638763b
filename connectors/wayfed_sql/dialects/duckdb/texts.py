"""Text, in DuckDB."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.patterns import quoted
from wayfed_sql.dialects.regular import RegularExpression, Syntax
from wayfed_sql.dialects.shared import ILIKE, LIKE, SUBSTRING, code_point, has_constant
from wayfed_sql.templates import Choice, Template, by_count, by_type, function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row


_RE2: Final = Syntax(
    start=r"\A",
    end=r"\z",
    anything="(?s:.)",
    group=r"\{}",
    whole=r"\0",
    escapes="\\",
    quote=quoted,
)


def _padded(name: str) -> Choice:
    """Make the row of a padding function, which fails where there is nothing to pad with."""
    plain = f"{name}({{0}}, CAST({{1}} AS INTEGER), {{2}})"
    return Choice(
        ((has_constant(2), Template(plain)),),
        Template(
            f"CASE WHEN {{2}} <> '' THEN {plain} "
            "WHEN {2} = '' THEN LEFT({0}, GREATEST({1}, {1} - {1})) END"
        ),
    )


TEXTS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "length": function("LENGTH"),
        **{
            name: by_count(Template(f"{name.upper()}({{0}}, ' ')"), function(name.upper()))
            for name in ("trim", "ltrim", "rtrim")
        },
        "octet_length": by_type(function("STRLEN"), binary=function("OCTET_LENGTH")),
        **{name: _padded(name.upper()) for name in ("lpad", "rpad")},
        "left": function("LEFT"),
        "right": function("RIGHT"),
        "repeat": function("REPEAT"),
        # REVERSE keeps together what is seen as one character.
        "reverse": Template("ARRAY_TO_STRING(LIST_REVERSE(STRING_SPLIT({0}, '')), '')"),
        "position": function("STRPOS"),
        "split_part": Choice(
            ((has_constant(1), function("SPLIT_PART")),),
            # It takes an empty separator for one between all characters.
            Template(
                "CASE WHEN {1} <> '' THEN SPLIT_PART({0}, {1}, {2}) "
                "WHEN {1} = '' AND {2} IN (1, -1) THEN {0} "
                "WHEN {1} = '' AND {2} IS NOT NULL THEN LEFT({0}, 0) END"
            ),
        ),
        "translate": function("TRANSLATE"),
        "ascii": Template("CAST(ASCII({0}) AS BIGINT)"),
        "chr": code_point("CHR(CAST({0} AS INTEGER))"),
        "concat_ws": function("CONCAT_WS"),
        "substring": SUBSTRING,
        "starts_with": function("STARTS_WITH"),
        "ends_with": function("ENDS_WITH"),
        "contains": function("CONTAINS"),
        "like": LIKE,
        "ilike": ILIKE,
        "regexp_matches": RegularExpression(_RE2, "REGEXP_MATCHES({text}, {pattern})"),
        "regexp_extract": RegularExpression(_RE2, "REGEXP_EXTRACT({text}, {pattern}, {group})"),
        "regexp_replace": RegularExpression(
            _RE2, "REGEXP_REPLACE({text}, {pattern}, {replacement}{options})"
        ),
        "hash": Template("CAST('0x' || SUBSTRING(MD5({0}), 1, 15) AS BIGINT)"),
    }
)
