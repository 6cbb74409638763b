"""What the doctor finds, by what connectors say that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from wayfed.engines import Engine, engines, examine
from wayfed.engines.doctor import Verdict
from wayfed_optimizer.errors import PlatformNotFound
from wayfed_optimizer.requirements import Package, Requirements


@dataclass
class Declared:
    """As much of a connector as says what it needs."""

    requirements: Requirements
    extra: str | None = "flink"
    options: tuple[str, ...] = ()


def engine(requirements: Requirements) -> Engine:
    connector: Any = Declared(requirements)
    return Engine("absent", connector)


def test_the_first_package_that_is_installed_makes_the_engine() -> None:
    either = engine(Requirements((Package("no-such-kafka"), Package("numpy"))))
    neither = engine(Requirements((Package("no-such-kafka"),)))
    assert (either.installed, neither.installed) == (True, False)
    assert either.version is not None
    assert neither.version is None


@pytest.mark.parametrize(("insist", "verdict"), [(False, Verdict.NOTE), (True, Verdict.PROBLEM)])
def test_what_is_not_installed_is_a_problem_only_where_it_was_asked_for(
    insist: bool, verdict: Verdict
) -> None:
    absent = engine(Requirements((Package("no-such-engine"),)))
    found = [each for each in examine([absent], insist=insist) if each.about == "absent"]
    assert [(each.verdict, each.remedy) for each in found] == [
        (verdict, "pip install 'wayfed[flink]'")
    ]


def test_extras_that_pip_cannot_install_together_are_told_where_both_are_wanted() -> None:
    apart = {"federated": "use an environment of its own", "no-such-extra": "never"}
    absent = engine(Requirements((Package("no-such-engine"),), apart=apart))
    (found,) = (each for each in examine([absent]) if each.about == "absent")
    assert found.remedy == "pip install 'wayfed[flink]'; use an environment of its own"


def test_every_engine_says_what_it_needs() -> None:
    names = [each.name for each in engines()]
    assert names == sorted(names)
    assert {"database", "duckdb", "spark"} <= set(names)
    assert all(each.requirements.packages for each in engines())


def test_only_engines_that_there_are_can_be_asked_for() -> None:
    assert [each.name for each in engines(["spark", "duckdb"])] == ["spark", "duckdb"]
    with pytest.raises(PlatformNotFound, match="'sprak' is not a platform"):
        engines(["sprak"])
