r"""Regular expressions of the subset that engines share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed.testing.case import called
from wayfed_optimizer.expressions import literal

if TYPE_CHECKING:
    from wayfed.testing.case import Row, Scalar

_CLEF: Final = "𝄞"


def _matches(pattern: str, matching: tuple[str, ...], others: tuple[str, ...]) -> Scalar:
    """Make the case of a pattern, the texts that it matches, and those that it does not."""
    examples = (*((text, True) for text in matching), *((text, False) for text in others))
    return called("regexp_matches", "T21", ("text", literal(pattern)), *examples)


def _extracts(pattern: str, group: int | None, *examples: Row) -> Scalar:
    arguments = ("text", literal(pattern), *(() if group is None else (literal(group),)))
    return called("regexp_extract", "T22", arguments, *examples)


def _replaces(pattern: str, new: str, everywhere: bool, *examples: Row) -> Scalar:
    arguments = ("text", literal(pattern), literal(new), literal(everywhere))
    return called("regexp_replace", "T23", arguments, *examples)


REGULAR: Final = (
    _matches("b+", ("abc", "bb"), ("ac", "", "B")),
    _matches("", ("", "a"), ()),
    _matches("^a.c$", ("abc", f"a{_CLEF}c", "a\rc"), ("a\nc", "abc\n", "xabc", "ac")),
    _matches("^(a|b)*$", ("", "abba"), ("abc", "a\n")),
    _matches("^(?:ab|a)(?:c|bcd)$", ("abc", "ac", "abcd", "abbcd"), ("ab",)),
    _matches(r"^\d{2,3}$", ("12", "123"), ("1", "1234", "١٢")),
    _matches(r"^\w\W\s\S$", ("a- b", "_é\n𝄞"), ("é- b", "a-\u00a0b")),
    _matches(r"^[\d\-.x\]]+$", ("1-2.x]", "]"), ("a", "\\")),
    _matches(r"^[^\d\s]$", ("a", _CLEF, "."), ("1", "\t", "")),
    _matches(r"^[a-cé𝄞]+$", ("abc", "é𝄞"), ("d", "e")),
    _matches(r"^[\W_]$", ("-", "é", "_", "\n"), ("a", "0")),
    _matches(r"^\(\$\.\\'/\)$", ("($.\\'/)",), ("$.\\'/", "")),
    _matches(r"\t|\n", ("a\tb", "\n"), ("tn",)),
    _matches("^x{0,2}y{3}z{1,}$", ("yyyz", "xxyyyzz"), ("xxxyyyz", "yyz")),
    _matches("a$|^b", ("ca", "bc"), ("ac", "cb")),
    _extracts("b..", None, ("foobarbaz", "bar"), ("foo", ""), ("", "")),
    _extracts("(b..)(b..)", 2, ("foobarbaz", "baz"), ("foobar", "")),
    _extracts("(b..)(b..)", 0, ("foobarbaz", "barbaz")),
    _extracts(r"^([^@]+)@(.*)\.(\w+)$", 2, ("a@b.c.org", "b.c"), ("a@b", "")),
    _extracts(r"(.*)(\d+)", 1, ("ab123", "ab12"), ("ab", "")),
    _extracts(r"(\d*)(\d)(\d?)", 2, ("123", "3"), ("1", "1")),
    _extracts("a*", None, ("baa", ""), ("aab", "aa")),
    _extracts("(a|ab)(c|bcd)", 0, ("abcd", "abcd"), ("abc", "abc")),
    _extracts("(?:a|ab)(?:c|bcd)?", 0, ("abc", "a"), ("abcd", "abcd")),
    _extracts("^https?://(?:www[.])?([^/]+)/", 1, ("https://www.example.org/x", "example.org")),
    _extracts("(a)|(b)", 2, ("b", "b"), ("a", "")),
    _replaces("ana", "banana", True, ("ana ana", "banana banana"), ("bn", "bn")),
    _replaces(r"(\d)-(\d)", r"\20\1", False, ("a1-2", "a201")),
    _replaces("a", "1", False, ("ba", "b1")),
    _replaces("ana", "banana", False, ("ana ana", "banana ana"), ("", "")),
    _replaces(r"(\w+) (\w+)", r"\2 \1", True, ("a b c d", "b a d c")),
    _replaces(r"(\w+) (\w+)", r"<\0>", False, ("a b c d", "<a b> c d")),
    _replaces(r"[\d.]+", "$1\\\\&", True, ("a1.5b", "a$1\\&b"), ("'1'", "'$1\\&'")),
    _replaces("^([^-]+)-([^-]+)$", r"\2", False, ("left-right", "right"), ("a-b-c", "a-b-c")),
    _replaces("^a(.*)$|b(.*).*$", r"\1", False, ("xxbzz", "xx"), ("azz", "zz")),
    _replaces("x*", "-", False, ("abc", "-abc"), ("xxb", "-b")),
    _replaces(".", "é", True, (f"a{_CLEF}\n", "éé\n")),
)
"""Cases of lines T about regular expressions."""
