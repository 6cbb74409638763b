"""Models of a party's own, which its file names: told by a name and parameters, never code."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import wayfed as wf
from wayfed.federated.context import FederatedContext
from wayfed.federated.models.adapter import ENTRY_POINTS, Model, Task, resolve_model
from wayfed.federated.models.linear import logistic_regression
from wayfed.federated.models.spec import ModelSpec, OwnModel
from wayfed.federated.parties.configuration import load_federation
from wayfed.federated.parties.member import Member
from wayfed_optimizer.errors import InvalidOption, PartyError, Unsupported

BANKS = ("ash", "birch")
OWN = """
from wayfed.federated.models.linear import logistic_regression

def build(task, *, rate):
    return logistic_regression(task, learning_rate=rate)
"""


def described(root: Path, models: dict[str, str]) -> dict[str, Any]:
    """Describe two banks that have these models."""
    parties = {}
    for place, bank in enumerate(BANKS):
        path = root / f"{bank}.csv"
        path.write_text("x,late\n" + "".join(f"{n - place},{n % 3 > 1}\n" for n in range(30)))
        parties[bank] = {"tables": {"tx": {"source": str(path)}}, "models": models}
    return {"schema": {"tx": {"x": "float64", "late": "bool"}}, "party": parties}


def train(ctx: FederatedContext, model: Any, runner: str) -> dict[str, bytes]:
    run = ctx.run_federated(
        ctx.read("tx").to_numpy(), label="late", model=model, rounds=2, runner=runner
    )
    return {name: array.tobytes() for name, array in run.arrays.items()}


def ours(task: Task, *, rate: float) -> Model:
    """Build here what the parties' modules build there."""
    return logistic_regression(task, learning_rate=rate)


def lent(task: Task) -> Model:
    """Build what has no name elsewhere."""
    return logistic_regression(task)


def test_parties_train_what_their_own_files_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_module_of_banks.py").write_text(OWN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    federation = described(tmp_path, {"gentle": "a_module_of_banks:build"})
    model = wf.models.custom("gentle", build=ours, rate=0.25)

    with wf.context(env="federated", parties=federation) as ctx:
        own = train(ctx, model, "processes")
        expected = train(ctx, wf.models.logistic_regression(learning_rate=0.25), "local")

        assert own == expected
        with pytest.raises(PartyError, match="no model 'rough' is installed here"):
            train(ctx, wf.models.custom("rough", build=ours, rate=0.25), "processes")
        with pytest.raises(Unsupported, match="never code that arrives"):
            train(ctx, OwnModel.made("gentle", "classification", lent), "processes")


def test_nothing_that_is_asked_for_is_imported_unless_a_party_has_named_it(tmp_path: Path) -> None:
    (tmp_path / "a_module_of_banks.py").write_text(OWN)

    with wf.context(env="federated", parties=described(tmp_path, {})) as ctx:
        for name in ("a_module_of_banks:build", "os:system"):
            with pytest.raises(InvalidOption, match=f"no model '{name}' is installed here"):
                train(ctx, wf.models.custom(name, rate=0.25), "local")


BROKEN = {
    "no_such_module": ("", "ModuleNotFoundError"),
    "a_module_without_it": ("", "AttributeError"),
    "a_module_misspelt": ("def build(:\n", "SyntaxError"),
    "a_module_that_fails": ("raise RuntimeError('no licence')\n", "RuntimeError: no licence"),
    "a_module_that_exits": ("import sys\nsys.exit('no licence')\n", "SystemExit: no licence"),
}


@pytest.mark.parametrize(
    ("module", "text", "reason"), [(m, *of) for m, of in BROKEN.items()], ids=BROKEN
)
def test_a_model_that_cannot_be_loaded_is_told_by_the_check_and_to_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, text: str, reason: str
) -> None:
    if module.startswith("a_"):
        (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    place = f"{module}:build"
    federation = load_federation(described(tmp_path, {"gentle": place}))
    member = Member.of("ash", federation.parties["ash"], federation.published)
    try:
        (problem,) = member.problems()
        with pytest.raises(InvalidOption, match="'gentle' cannot be loaded here") as told:
            resolve_model(ModelSpec.of("gentle", "classification"), Task(1, 2), member.models)
    finally:
        member.context.close()

    assert problem.startswith(f"model 'gentle': {place} cannot be loaded: {reason}")
    assert told.value.__cause__ is not None


@pytest.mark.parametrize("error", [AttributeError, ModuleNotFoundError, SystemExit])
def test_what_a_model_itself_raises_is_told_as_a_model_that_cannot_be_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    name = f"a_module_with_{error.__name__.lower()}"
    (tmp_path / f"{name}.py").write_text(
        f"def build(task):\n    raise {error.__name__}('its own')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("gentle", f"{name}:build", ENTRY_POINTS)
    words = f"model 'gentle' cannot be built here: {error.__name__}"
    with pytest.raises(InvalidOption, match=words) as told:
        resolve_model(ModelSpec.of("gentle", "classification"), Task(1, 2), {"gentle": point})

    assert isinstance(told.value.__cause__, error)
    assert "its own" not in str(told.value)  # which may name what is the party's


@pytest.mark.parametrize("place", ["models/own.py", "module", "a b:c", "../x:y"])
def test_a_model_that_is_no_place_in_a_module_is_an_error_of_the_file(
    tmp_path: Path, place: str
) -> None:
    with pytest.raises(InvalidOption, match="is not module:function"):
        load_federation(described(tmp_path, {"gentle": place}))
