"""Tests that a platform's capabilities and the suite agree: what is claimed is tried, as is why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed.testing.asking import Answers, plan_of
from wayfed.testing.case import AnyCase, Failure, Plan
from wayfed.testing.cases import AGGREGATES, FAILURES, RELATIONS, SCALARS, WINDOWS
from wayfed_optimizer.functions import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.testing.platform import PlatformUnderTest

__all__ = [
    "test_every_claim_is_tried",
    "test_every_reason_is_tried",
    "test_what_is_refused_has_a_reason",
]

UNSAID: Final = "not available there"
_CASES: Final[tuple[AnyCase, ...]] = (*SCALARS, *AGGREGATES, *WINDOWS, *RELATIONS, *FAILURES)
_ABOUTS: Final = {"Member": "field", "Record": "struct"}
"""What cases are about that have other names among the expressions."""
_UNASKED: Final = frozenset({"nan", "Parameter"})
"""Reasons that show in values, or in loops alone."""


def _refusals(
    platform: PlatformUnderTest, answers: Answers
) -> Mapping[AnyCase, tuple[str, str] | None]:
    """Return what the platform refuses of each case that it is asked."""
    return {
        case: platform.refusal(
            case.plan(answers.tables).relation
            if isinstance(case, Plan | Failure)
            else plan_of(case)
        )
        for case in _CASES
        if not isinstance(case, Plan) or platform.tries(case)
    }


def test_what_is_refused_has_a_reason(
    platform_under_test: PlatformUnderTest, answers: Answers
) -> None:
    """People are told why a platform does not do something."""
    refusals = set(_refusals(platform_under_test, answers).values()) - {None}
    assert not [what for what, why in filter(None, refusals) if why == UNSAID]


def test_every_claim_is_tried(platform_under_test: PlatformUnderTest, answers: Answers) -> None:
    """A function that a platform claims is asked of it at least once; one that it lacks, never."""
    refusals = _refusals(platform_under_test, answers)
    asked = {case.about for case, refused in refusals.items() if refused is None}
    claimed = platform_under_test.capabilities.functions
    assert sorted(claimed - asked) == []
    assert sorted((FUNCTIONS.keys() - claimed) & asked) == []


def test_every_reason_is_tried(platform_under_test: PlatformUnderTest, answers: Answers) -> None:
    """What a platform says that it does not do is asked of it, and is Unsupported."""
    refusals = _refusals(platform_under_test, answers)
    told = {refused[0] for refused in refusals.values() if refused is not None}
    asked = {case.about for case, refused in refusals.items() if refused is None}
    # What is refused for its types as well is refused under their name.
    refused = {case.about for case in refusals} - asked
    reasons = {_ABOUTS.get(what, what) for what in platform_under_test.capabilities.without}
    assert sorted(reasons - told - refused - _UNASKED) == []
