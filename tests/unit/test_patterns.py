"""Regular expressions of the subset are read as they are meant, and others refused by place."""

from __future__ import annotations

import re

import pytest

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.functions.patterns import parse_pattern
from wayfed_optimizer.functions.replacements import check_replacement, parse_replacement


@pytest.mark.parametrize(
    ("pattern", "what", "place"),
    [
        ("a*?", "a lazy repetition", 3),
        ("a++", "a possessive repetition", 3),
        ("a**", "a repetition of a repetition", 3),
        ("(a*)*", "a repetition of what may be empty", 1),
        ("x^*", "a repetition of what may be empty", 2),
        ("*a", "a repetition of nothing", 1),
        ("a{2", "a '{' that is no repetition", 2),
        ("a{,2}", "a '{' that is no repetition", 3),
        ("a{3,2}", "a repetition of fewer than none", 2),
        ("a{256}", "a repetition of more than 255", 3),
        ("(a{99}){9}", "more than 255 repetitions in each other", 1),
        (r"(a)\1", r"'\1'", 4),
        (r"\bword", r"'\b'", 1),
        (r"\pL", r"'\p'", 1),
        ("a\\", "a backslash before nothing", 2),
        ("(?=a)", "options, names or looking around in a group", 1),
        ("(?i)a", "options, names or looking around in a group", 1),
        ("(?P<n>a)", "options, names or looking around in a group", 1),
        ("(a", "a parenthesis that is not closed", 1),
        ("a)", "a parenthesis that closes none", 2),
        ("a]", "a ']' that closes none", 2),
        ("[a", "a bracket that is not closed", 1),
        ("[z-a]", "a range from and to no character", 2),
        (r"[\d-z]", "a range from and to no character", 2),
        ("[[:alpha:]]", "a '[' in a class", 2),
        ("[a&&b]", "a '&' in a class", 3),
        (r"[^\s\S]", "a class of no characters", 1),
        ("(" * 10 + ")" * 10, "more than 9 groups", 10),
        ("(?:" * 51, "groups more than 50 deep", 151),
    ],
)
def test_what_is_not_of_the_subset_is_refused_with_its_place(pattern, what, place):
    with pytest.raises(Unsupported) as caught:
        parse_pattern(pattern)
    assert f"{what} at character {place} of the pattern" in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "is_flat", "may_be_empty"),
    [
        (r"^(\w+)@((.*)\.)org$", True, False),
        ("a*b?", True, True),
        ("a|b", False, False),
        ("(ab)?", False, True),
        ("(?:a|b)c", False, False),
        ("", True, True),
    ],
)
def test_what_any_engine_finds_alike_is_known(pattern, is_flat, may_be_empty):
    parsed = parse_pattern(pattern)
    assert (parsed.is_flat, parsed.may_be_empty) == (is_flat, may_be_empty)


@pytest.mark.parametrize("pattern", ["", "a{2,}(b|)c", r"[]\-^a-c]+", r"\n|\.", "[^^]", "x[-a]"])
def test_python_reads_what_the_subset_has(pattern):
    parse_pattern(pattern)
    re.compile(pattern)


def test_ignoring_the_case_is_about_ascii():
    assert parse_pattern("k", ignore_case=True) == parse_pattern("[kK]")
    assert parse_pattern("[^Y-b]", ignore_case=True) == parse_pattern("[^Y-by-zA-B]")
    assert parse_pattern("é", ignore_case=True) == parse_pattern("é")


def test_a_replacement_is_text_and_groups():
    assert parse_replacement(r"<\1\\\0>", groups=1) == ("<", 1, "\\", 0, ">")


@pytest.mark.parametrize("text", [r"\2", "\\", r"\n", r"\x"])
def test_a_replacement_by_what_is_not_there_is_refused(text):
    with pytest.raises(Unsupported, match="in the replacement"):
        parse_replacement(text, groups=1)


def test_replacing_every_match_of_nothing_is_refused():
    check_replacement("x", parse_pattern("a*"), everywhere=False)
    with pytest.raises(Unsupported, match="may be empty"):
        check_replacement("x", parse_pattern("a*"), everywhere=True)
