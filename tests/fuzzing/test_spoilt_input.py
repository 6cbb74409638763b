"""A short run of each campaign; `just fuzz` runs them for as long as one likes."""

from __future__ import annotations

import pytest

from tests.fuzzing.campaigns import CAMPAIGNS


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_spoilt_input_ends_in_an_answer_or_an_error_of_ours(campaign: str) -> None:
    tally = CAMPAIGNS[campaign](1, lambda tried: tried < 400)

    assert tally.crashes == []
    assert tally.answers, "nothing was understood, so nothing behind the reader was tried"
    assert tally.errors, "nothing was spoilt"
