"""docs/semantics.md, the cases and the tables of functions and relations say the same things."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from wayfed.testing import suite
from wayfed.testing.case import Grouped, Scalar, Windowed, is_about, title
from wayfed.testing.cases import AGGREGATES, FAILURES, RELATIONS, SCALARS, WINDOWS
from wayfed_optimizer.functions import FUNCTIONS
from wayfed_optimizer.relations import RELATIONS as EVERY_RELATION
from wayfed_optimizer.relations import JoinKind

SEMANTICS = Path(__file__).parents[2] / "docs" / "semantics.md"
LINE = re.compile(r"- \*\*([A-Z]\d+)\*\* .+\. \[(.+)\]")
COMPUTED = (*SCALARS, *AGGREGATES, *WINDOWS)
CASES = (*COMPUTED, *RELATIONS, *FAILURES)
# What no engine runs by itself, or none yet.
NOT_YET = {"Watermark", "TimeWindow", "Write", "Hint"}
# What is tried on stores: tests/conformance/test_stores.py, tests/integration/test_writing_*.py.
WRITES = {f"P{number}": {"Write"} for number in range(1, 8)}
IN_CASES = {"Join": "inner join", "SetOperation": "union"}


def lines() -> dict[str, set[str]]:
    text = SEMANTICS.read_text().splitlines()
    found = [LINE.fullmatch(line) for line in text if line.startswith("- ")]
    assert all(found), [line for line, match in zip(text, found, strict=False) if match is None]
    return {match[1]: set(match[2].split(", ")) for match in found if match}


def test_each_line_names_the_cases_that_hold_engines_to_it() -> None:
    tried = defaultdict(set)
    for case in CASES:
        tried[case.line].add(case.about)
    assert dict(tried) | WRITES == lines()


@pytest.mark.parametrize("case", COMPUTED, ids=lambda case: f"{case.line} {case.about}")
def test_a_case_computes_what_it_says_it_is_about(case: Scalar | Grouped | Windowed) -> None:
    assert is_about(case)


def test_no_two_cases_have_one_name() -> None:
    names = [(case.line, case.about, case.name) for case in CASES]
    assert len(set(names)) == len(names)


def test_every_function_has_a_case() -> None:
    assert set(FUNCTIONS) - {case.about for case in CASES} == set()


def test_every_relation_and_kind_of_join_has_a_case() -> None:
    tried = {case.about for case in RELATIONS}
    relations = {IN_CASES.get(kind.__name__, kind.__name__) for kind in EVERY_RELATION}
    assert relations - tried == NOT_YET
    assert {f"{kind.value} join" for kind in JoinKind} <= tried


def test_what_has_gone_wrong_elsewhere_has_cases() -> None:
    names = {title(case) for case in CASES} | set(suite.__all__)
    _, _, section = SEMANTICS.read_text().partition("## Where plans over several engines")
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
    told = [re.findall(r"`([^`]+)`", row.split(" | ")[1]) for row in rows]
    assert len(told) >= 16
    assert all(told)
    assert {name for row in told for name in row} <= names
