"""Hints that contradict each other are refused; those about different rows are not."""

from __future__ import annotations

import pytest

from tests.unit.placement.synthetic import PaperPlatform, environment, read
from wayfed_optimizer.errors import InvalidOption
from wayfed_optimizer.relations import Distinct, Hint
from wayfed_optimizer.stages import plan


@pytest.fixture
def tables():
    return environment([PaperPlatform("x"), PaperPlatform("y")], {"t": ("x", 10)})


def test_the_same_rows_cannot_be_on_two_platforms(tables):
    asked = Hint(Hint(read(tables, "t"), "y"), "x")
    with pytest.raises(InvalidOption, match=r"by \.on\('x'\) and \.on\('y'\)"):
        plan(asked, tables)


def test_the_same_rows_cannot_be_so_many_and_so_many(tables):
    asked = Hint(Hint(read(tables, "t"), rows=5), rows=7)
    with pytest.raises(InvalidOption, match=r"rows=7\) and \.hint\(rows=5\)"):
        plan(asked, tables)


def test_hints_with_work_between_them_are_for_their_parts(tables):
    asked = Hint(Distinct(Hint(read(tables, "t"), "x")), "y")
    assert [f.platform for f in plan(asked, tables).physical.fragments] == ["x", "y"]


def test_a_hint_said_twice_is_one(tables):
    asked = Hint(Hint(Hint(read(tables, "t"), rows=5), "x"), rows=5)
    assert plan(asked, tables).physical.result.platform == "x"
