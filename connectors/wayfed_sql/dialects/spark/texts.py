"""Text, in Spark."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.patterns import EscapedLike, Parts, backslashed
from wayfed_sql.dialects.regular import JAVA, RegularExpression
from wayfed_sql.dialects.shared import SPLIT_PART, SUBSTRING, code_point, is_three
from wayfed_sql.templates import COMPARISON, Choice, Template, by_count, function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row


def _like_constant(parts: Parts, escape: str) -> str:
    """Write a pattern with its escape before what it changes, and nowhere else."""
    kept = (escape if p is None else escape * 2 if p == escape else p for p in parts)
    return f"{backslashed(''.join(kept))} ESCAPE {backslashed(escape)}"


def _either_like(symbol: str) -> Choice:
    plain = Template(f"{{0}} {symbol} REPLACE({{1}}, '\\\\', '\\\\\\\\')", COMPARISON)
    escaped = EscapedLike(f"{{text}} {symbol} {{pattern}}", _like_constant)
    return Choice(((is_three, escaped),), plain)


_JAVA: Final = replace(JAVA, quote=backslashed)

TEXTS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "length": Template("CAST(LENGTH({0}) AS BIGINT)"),
        **{
            name: by_count(
                Template(f"{name.upper()}({{0}})"), Template(f"TRIM({side} {{1}} FROM {{0}})")
            )
            for name, side in (("trim", "BOTH"), ("ltrim", "LEADING"), ("rtrim", "TRAILING"))
        },
        "octet_length": Template("CAST(OCTET_LENGTH({0}) AS BIGINT)"),
        **{
            name: Template(f"{name.upper()}({{0}}, CAST({{1}} AS INT), {{2}})")
            for name in ("lpad", "rpad")
        },
        # Spark's own give nothing for lengths below 0.
        "left": Template(
            "SUBSTRING({0}, 1, CAST(CASE WHEN {1} < 0 THEN GREATEST(LENGTH({0}) + {1}, 0) "
            "ELSE {1} END AS INT))"
        ),
        "right": Template(
            "SUBSTRING({0}, CAST(CASE WHEN {1} < 0 THEN 1 - {1} "
            "WHEN {1} < LENGTH({0}) THEN LENGTH({0}) - {1} + 1 "
            "WHEN {1} IS NOT NULL THEN 1 END AS INT))"
        ),
        "repeat": Template("REPEAT({0}, CAST({1} AS INT))"),
        "reverse": function("REVERSE"),
        "position": Template("CAST(INSTR({0}, {1}) AS BIGINT)"),
        "split_part": SPLIT_PART,
        "translate": function("TRANSLATE"),
        "ascii": Template("CAST(ASCII({0}) AS BIGINT)"),
        # CHR takes the rest of a division by 256.
        "chr": code_point("DECODE(UNHEX(LPAD(HEX({0}), 8, '0')), 'UTF-32')"),
        "concat_ws": function("CONCAT_WS"),
        "substring": SUBSTRING,
        "starts_with": function("STARTSWITH"),
        "ends_with": function("ENDSWITH"),
        "contains": function("CONTAINS"),
        "like": _either_like("LIKE"),
        "ilike": _either_like("ILIKE"),
        "regexp_matches": RegularExpression(_JAVA, "{text} RLIKE {pattern}", level=COMPARISON),
        "regexp_extract": RegularExpression(_JAVA, "REGEXP_EXTRACT({text}, {pattern}, {group})"),
        "regexp_replace": RegularExpression(
            _JAVA,
            "REGEXP_REPLACE({text}, {pattern}, {replacement})",
            once="REGEXP_REPLACE({text}, {headed}, {shifted})",
        ),
        "hash": Template("CAST(CONV(SUBSTRING(MD5({0}), 1, 15), 16, 10) AS BIGINT)"),
    }
)
