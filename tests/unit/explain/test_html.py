"""Explanations as HTML."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

VOID = {"meta"}


class Checker(HTMLParser):
    """Keeps the open elements, and whatever a page would load."""

    def __init__(self):
        super().__init__()
        self.open, self.loads = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "onload")]
        if tag in ("script", "link", "iframe", "img"):
            self.loads.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(page):
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    return checker


def test_the_page_is_well_formed_and_loads_nothing(executed):
    page = executed.to_html()
    assert page.startswith("<!doctype html>")
    assert checked(page).loads == []
    assert "url(" not in page
    assert "@import" not in page


def test_what_a_plan_says_is_text_in_the_page_never_markup(explanation):
    piece = explanation._repr_html_()
    checked(piece)
    assert "<b>a#1</b>" not in piece
    assert "&lt;b&gt;a#1&lt;/b&gt;" in piece


def test_the_page_says_where_what_and_how_much(executed):
    piece = executed._repr_html_()
    for told in ("sqlite", "duckdb", "160 B as arrow.stream → arrow.table", "30x too many"):
        assert told in piece


def test_the_page_says_all_that_the_text_says_of_the_plan_as_a_whole(executed):
    piece = replace(executed, with_alternatives=True)._repr_html_()
    for told in (
        "next best, with the Join on spark, 3.2 s (800x): 3 s to start",
        "of duckdb as measured here",
        "all that can be on sqlite",
        "Join: &lt;no&gt; files there",
        "on the way",
        "the values of &lt;amount&gt; in orders",
        "push_filter_below_join",
    ):
        assert told in piece
