"""docs/privacy.md lists every kind of release, and shows the table that is enforced."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from wayfed.federated.parties.configuration import PartyPolicy
from wayfed.federated.privacy.compatibility import PAIRS, Trait, as_markdown, check_together
from wayfed.federated.releases import ReleaseKind
from wayfed_optimizer.errors import InvalidOption

PAGE = (Path(__file__).parents[4] / "docs" / "privacy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ReleaseKind)
def test_each_kind_of_release_is_listed(kind: ReleaseKind) -> None:
    assert f"\n| `{kind.value}` |" in PAGE


def test_the_table_of_the_page_is_the_one_that_is_enforced() -> None:
    begin = "<!-- wayfed.federated.privacy.compatibility.as_markdown() -->\n"

    assert PAGE.partition(begin)[2].partition("<!-- end -->")[0] == as_markdown()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.one.name}-{pair.other.name}")
def test_what_does_not_go_together_is_refused_with_a_remedy(pair: object) -> None:
    traits = {pair.one, pair.other}
    if pair.goes:
        check_together(traits)
        return
    with pytest.raises(InvalidOption, match="does not go with") as refused:
        check_together(traits)
    assert refused.value.hint == pair.remedy
    assert pair.remedy


def test_each_pair_is_said_once_and_privacy_of_both_kinds_says_something_of_everything() -> None:
    said = [frozenset((pair.one, pair.other)) for pair in PAIRS]
    privacy = {Trait.EXAMPLE_PRIVACY, Trait.CLIENT_PRIVACY}

    assert len(set(said)) == len(said)
    for other in set(Trait) - privacy:
        assert all(frozenset((one, other)) in said for one in privacy)


def test_the_policies_of_the_page_are_policies() -> None:
    examples = [block.partition("```")[0] for block in PAGE.split("```toml\n")[1:]]

    assert len(examples) == 2
    for text in examples:
        PartyPolicy.model_validate(tomllib.loads(text)["policy"])
