"""Text, in Flink, whose own functions count in UTF-16 where they turn it into text of Java."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Literal
from wayfed_sql.dialects.patterns import EscapedLike, Parts, quoted
from wayfed_sql.dialects.regular import JAVA, RegularExpression
from wayfed_sql.dialects.shared import is_three
from wayfed_sql.templates import COMPARISON, Choice, Template, by_count, function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row, Site


def _like_constant(parts: Parts, escape: str) -> str:
    """Write a pattern with its escape before what it changes, and the escape."""
    kept = (escape if p is None else escape * 2 if p == escape else p for p in parts)
    return f"{quoted(''.join(kept))}, {quoted(escape)}"


def _is_plain(site: Site) -> bool:
    """Say whether a pattern is a constant with which Flink's own LIKE agrees, and is faster."""
    pattern = site.args[1]
    if len(site.args) > 2 or not isinstance(pattern, Literal):
        return False
    return isinstance(pattern.value, str) and not set(pattern.value) & set("_\\")


def _like(name: str) -> Row:
    escaped = EscapedLike(f"{name}({{text}}, {{pattern}})", _like_constant)
    return Choice(((is_three, escaped),), function(name))


TEXTS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "length": Template("CAST(CHAR_LENGTH({0}) AS BIGINT)"),
        "octet_length": function("wf_octet_length"),
        # Given no characters at all, Flink's own fails.
        "trim": by_count(function("TRIM"), function("wf_trim")),
        "ltrim": by_count(Template("TRIM(LEADING FROM {0})"), function("wf_trim_left")),
        "rtrim": by_count(Template("TRIM(TRAILING FROM {0})"), function("wf_trim_right")),
        "lpad": function("wf_pad_left"),
        "rpad": function("wf_pad_right"),
        "left": function("wf_left"),
        "right": function("wf_right"),
        "repeat": function("wf_repeat"),
        "reverse": function("REVERSE"),
        "position": function("wf_position"),
        "split_part": function("wf_split_part"),
        "translate": function("wf_translate"),
        "ascii": function("wf_first_code_point"),
        "chr": function("wf_text_of_code_point"),
        "concat_ws": function("CONCAT_WS"),
        "substring": function("wf_substring"),
        "replace": function("wf_replace"),
        "starts_with": function("STARTSWITH"),
        "ends_with": function("ENDSWITH"),
        "contains": function("wf_contains"),
        "like": Choice(((_is_plain, Template("{0} LIKE {1}", COMPARISON)),), _like("wf_like")),
        "ilike": _like("wf_like_ignoring_case"),
        "regexp_matches": RegularExpression(JAVA, "wf_regexp_matches({text}, {pattern})"),
        "regexp_extract": RegularExpression(JAVA, "wf_regexp_extract({text}, {pattern}, {group})"),
        "regexp_replace": RegularExpression(
            JAVA,
            "wf_regexp_replace({text}, {pattern}, {replacement}, TRUE)",
            once="wf_regexp_replace({text}, {pattern}, {replacement}, FALSE)",
        ),
        "hash": function("wf_hash"),
    }
)

CASTS: Final[Mapping[tuple[str, str], Row]] = MappingProxyType({})
