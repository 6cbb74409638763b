"""Parties that do not fit, forbid, or have nothing to learn from: all that is wrong, at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from tests.acceptance.judging import lines, refused
from wayfed import errors

LOANS = {"id": "int64", "income": "float64", "late": "int64", "kind": "text"}
ROWS = {
    "id": [1, 2, 3, 4],
    "income": [1.0, 2.0, 3.0, 4.0],
    "late": [0, 1, 0, 1],
    "kind": ["a", "b", "a", "b"],
}
NO_ROWS = {
    name: pa.array([], kind)
    for name, kind in zip(LOANS, (pa.int64(), pa.float64(), pa.int64(), pa.string()), strict=True)
}

Federate = Callable[..., Any]


@pytest.fixture
def federate(tmp_path: Path) -> Iterator[Federate]:
    """Makes a federated context of parties' rows, or of (rows, more of the party's part)."""
    with ExitStack() as stack:

        def federated(*, more: dict[str, Any] | None = None, **parties: Any) -> Any:
            described = {}
            for name, given in parties.items():
                rows, part = given if isinstance(given, tuple) else (given, {})
                pq.write_table(pa.table(rows), tmp_path / f"{name}.parquet")
                loans = {"source": str(tmp_path / f"{name}.parquet"), **part.get("loans", {})}
                rest = {key: value for key, value in part.items() if key != "loans"}
                described[name] = {"tables": {"loans": loans}, **rest}
            whole = {"schema": {"loans": LOANS}, "party": described, **(more or {})}
            return stack.enter_context(wf.context(env="federated", parties=whole))

        yield federated


def train(ctx: Any, **options: Any) -> Any:
    chosen = {"label": "late", "features": ["income"], "test": None, **options}
    model = wf.models.logistic_regression()
    arrays = ctx.read("loans").to_numpy()
    return ctx.run_federated(arrays, model=model, rounds=2, **chosen)


# parties.toml


def test_an_unknown_key_gets_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "parties.toml").write_text(
        '[schema.loans]\nid = "int64"\n\n'
        '[party.north.tables.loans]\nsource = "loans.parquet"\n\n'
        "[party.north.policy]\nmin_row = 100\n"
    )
    with refused(errors.InvalidOption) as told:
        wf.context(env="federated", parties=tmp_path / "parties.toml")
    assert told.text == lines(
        "'min_row' is not a key of [party.north.policy] (here)",
        "  available: min_rows, columns, models, strategies, max_rounds, secure_aggregation, "
        "opaque, privacy, min_group, max_matrix",
        "  did you mean 'min_rows'?",
    )


@pytest.mark.parametrize(
    ("more", "part", "kind", "message"),
    [
        ({"kyes": {}}, {}, errors.InvalidOption, "did you mean 'keys'?"),
        (
            {"keys": {"loan": "id"}},
            {},
            errors.TableNotFound,
            "did you mean 'loans'?",
        ),
        ({"keys": {"loans": "idd"}}, {}, errors.ColumnNotFound, "did you mean 'id'?"),
        (
            {"schema": {"loans": {"id": "int46"}}},
            {},
            errors.TypeMismatch,
            "column 'id': 'int46' is not a type (here)",
        ),
        ({}, {"polcy": {}}, errors.InvalidOption, "did you mean 'policy'?"),
        (
            {},
            {"policy": {"columns": {"incom": "feature"}}},
            errors.ColumnNotFound,
            "did you mean 'income'?",
        ),
        (
            {},
            {"policy": {"columns": {"income": "fature"}}},
            errors.InvalidOption,
            "did you mean 'feature'?",
        ),
        ({}, {"loans": {"rename": {"x": "incme"}}}, errors.ColumnNotFound, "published loans"),
    ],
)
def test_what_is_wrong_in_a_federation_is_told_with_its_place(
    federate: Federate, more: dict[str, Any], part: dict[str, Any], kind: Any, message: str
) -> None:
    with refused(kind) as told:
        federate(more=more, north=(ROWS, part))
    assert message in told.text


def test_a_federation_without_parties() -> None:
    with refused(errors.InvalidOption) as told:
        wf.context(env="federated")
    assert told.text == lines(
        "a federated context needs parties (here)", "  parties='parties.toml', or a dict"
    )


def test_a_file_that_is_not_toml_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "parties.toml").write_text('[schema.loans]\nid = "int64"\nincome = \n')
    with refused(errors.SourceError) as told:
        wf.context(env="federated", parties=tmp_path / "parties.toml")
    assert "is not TOML: " in told.text
    assert "line 3" in told.text


# Binding


def test_all_that_does_not_fit_at_two_parties_is_one_error(federate: Federate) -> None:
    ctx = federate(
        north={**ROWS, "income": ["much", "more", "most", "all"]},
        south={"id": [1], "incom": [1.0], "late": [1], "kind": ["a"]},
        west=ROWS,
    )
    with refused(errors.PartyError) as told:
        ctx.read("loans").toNumpy()
    assert told.text == lines(
        "the plan does not fit the parties' catalogs (here)",
        "  party 'north': column 'income' of 'loans' is text, but is published as float64; "
        'add cast = { income = "float64" }',
        "  party 'south': column 'income' of 'loans' is missing (did you mean 'incom'?); "
        "add it to rename",
    )


def test_a_party_without_its_file_is_named(federate: Federate, tmp_path: Path) -> None:
    ctx = federate(north=ROWS, south=ROWS)
    (tmp_path / "south.parquet").unlink()
    with refused(errors.PartyError) as told:
        ctx.read("loans").toNumpy()
    assert told.text.startswith(
        "the plan does not fit the parties' catalogs (here)\n"
        f"  party 'south': table 'loans': there is no file '{tmp_path}/south.parquet'"
    )


def test_a_misspelt_table_or_column_fails_before_any_party_is_asked(federate: Federate) -> None:
    ctx = federate(north=ROWS)
    with refused(errors.TableNotFound) as told:
        ctx.read("loan")
    assert told.text == lines(
        "'loan' is not a table of the published schema (here)",
        "  available: loans",
        "  did you mean 'loans'?",
    )
    with refused(errors.ColumnNotFound) as told:
        ctx.read("loans").filter(lambda t: t.incme > 1)
    assert told.error.hint == "did you mean 'income'?"


# Policy


def test_what_a_policy_forbids_is_told_by_party_column_and_use(federate: Federate) -> None:
    rules = {"income": "never", "late": "label", "kind": "feature", "id": "join_key"}
    ctx = federate(north=(ROWS, {"policy": {"columns": rules}}), south=ROWS)
    with refused(errors.PolicyViolation) as told:
        ctx.read("loans").filter(lambda t: t.income > 1).select("late", "kind").toNumpy()
    assert told.text == lines(
        "the plan is against the parties' policies (here)",
        "  party 'north': column 'income' is 'never', and the plan uses it to decide which rows "
        "there are, or their order; leave it out of the plan",
    )


def test_what_does_not_fit_and_what_is_forbidden_are_one_answer(federate: Federate) -> None:
    rules = {"income": "aggregate_only", "late": "label", "kind": "feature", "id": "join_key"}
    other = {"id": ROWS["id"], "earned": ROWS["income"], "late": ROWS["late"], "kind": ROWS["kind"]}
    ctx = federate(north=(ROWS, {"policy": {"columns": rules}}), south=other)
    with refused(errors.PartyError) as told:
        ctx.read("loans").select("income", "late").toNumpy()
    assert told.text == lines(
        "the plan does not fit the parties' catalogs (here)",
        "  party 'south': column 'income' of 'loans' is missing; add it to rename",
        "the plan is against the parties' policies",
        "  party 'north': column 'income' is 'aggregate_only', and the plan uses it as a value of "
        "the result; aggregate it first: group_by('…').agg(income=wf.mean('income'))",
    )


def test_who_is_left_out_of_too_few_for_sums_in_secret_is_named(federate: Federate) -> None:
    much = {"policy": {"min_rows": 100}}
    ctx = federate(east=ROWS, north=(ROWS, much), south=ROWS)
    with refused(errors.InvalidOption) as told:
        train(ctx, secure_aggregation=True)
    assert told.text == lines(
        "secure_aggregation=True takes 3 parties, and here are 2 (here)",
        "  left out: north (fewer training rows than its min_rows=100)",
        "  of two, each could take its own update out of the sum",
    )


def test_a_join_key_is_no_feature(federate: Federate) -> None:
    rules = {"income": "feature", "late": "label", "kind": "feature", "id": "join_key"}
    ctx = federate(north=(ROWS, {"policy": {"columns": rules}}), south=ROWS)
    with refused(errors.PolicyViolation) as told:
        train(ctx, features=["id", "income"])
    assert told.text == lines(
        "'id' is a join_key by the policy of party 'north', and no feature (here)",
        "  leave it out of features=, or out of the plan: .drop('id')",
    )


@pytest.mark.parametrize("terminal", ["to_arrow", "to_pandas", "to_batches", "show"])
def test_rows_stay_with_the_parties(federate: Federate, terminal: str) -> None:
    loans = federate(north=ROWS).read("loans")
    with refused(errors.Unsupported) as told:
        getattr(loans, terminal)()
    assert told.text.startswith(f"{terminal}() is not supported on a federated context: ")


# Training


def test_a_party_with_too_few_rows_is_left_out_and_named(federate: Federate) -> None:
    run = train(federate(east=NO_ROWS, north=ROWS, south=(ROWS, {"policy": {"min_rows": 100}})))
    assert run.left_out == {
        "east": "no rows",
        "south": "fewer training rows than its min_rows=100",
    }
    assert list(run.history[-1].weights) == ["north"]
    assert repr(run).endswith(
        lines(
            "  left out: east (no rows)",
            "  left out: south (fewer training rows than its min_rows=100)",
        )
    )


def test_nobody_with_enough_rows(federate: Federate) -> None:
    ctx = federate(north=(ROWS, {"policy": {"min_rows": 100}}), south=NO_ROWS)
    with refused(errors.PartyError) as told:
        train(ctx)
    assert told.text == lines(
        "no party can take part (here)",
        "  party 'north': fewer training rows than its min_rows=100",
        "  party 'south': no rows",
        "  let the plan leave more rows, or hold fewer out: test=",
    )


def test_a_label_that_is_missing_or_constant(federate: Federate) -> None:
    ctx = federate(north={**ROWS, "late": [1] * 4}, south={**ROWS, "late": [1] * 4})
    with refused(errors.ColumnNotFound) as told:
        train(ctx, label="latte")
    assert told.text == lines(
        "'latte' is not a column of the parties' arrays (here)",
        "  available: id, income, late, kind",
        "  did you mean 'late'?",
    )
    with refused(errors.InvalidOption) as told:
        train(ctx)
    assert told.text == lines(
        "the label 'late' has one value at every party, so nothing can be learned (here)",
        "  is it the right column, or do filters leave only one class? Values of few rows are not "
        "told: classes=[…] names them",
    )


def test_a_label_that_one_party_has_and_another_has_not(federate: Federate) -> None:
    unlabelled = {name: values for name, values in ROWS.items() if name != "late"}
    ctx = federate(north=ROWS, south=unlabelled)
    with refused(errors.PartyError) as told:
        train(ctx)
    assert told.text == lines(
        "the plan does not fit the parties' catalogs (here)",
        "  party 'south': column 'late' of 'loans' is missing; add it to rename",
    )


def test_a_label_that_is_in_the_arrays_of_one_party_only() -> None:
    with wf.context() as ctx:
        arrays = {"north": ROWS, "south": {"income": [1.0], "delayed": [1]}}
        arrays["west"] = {"income": [1.0], "latte": [1]}
        parties = {name: ctx.read(pa.table(rows)).to_numpy() for name, rows in arrays.items()}
        with refused(errors.TypeMismatch) as told:
            ctx.run_federated(
                parties,
                label="late",
                features=["income"],
                model=wf.models.logistic_regression(),
                rounds=2,
            )
    assert told.text == lines(
        "the arrays do not fit what is to be learned (here)",
        "  party 'south': there is no column 'late'; add it there, or train without who lacks it",
        "  party 'west': there is no column 'late'; did you mean 'latte'?",
    )


def test_features_that_are_no_numbers_or_nan(federate: Federate) -> None:
    ctx = federate(north=ROWS, south={**ROWS, "income": [1.0, float("nan"), None, 4.0]})
    with refused(errors.TypeMismatch) as told:
        train(ctx, features=["income", "kind"])
    assert told.text == lines(
        "the arrays do not fit what is to be learned (here)",
        "  parties 'north', 'south': column 'kind' is string, not a number; "
        "wf.features(one_hot=['kind']), or cast it in the plan",
        "  party 'south': 'income' is NULL in 1 rows; preprocess=wf.features(impute='mean'), "
        "or filter them in the plan",
        "  party 'south': 'income' is NaN in 1 rows; preprocess=wf.features(impute='mean'), "
        "or filter them in the plan",
    )


def test_held_out_rows_that_are_too_few_to_measure_on(federate: Federate) -> None:
    ctx = federate(
        north=(ROWS, {"policy": {"min_rows": 4}}), south=(ROWS, {"policy": {"min_rows": 3}})
    )
    with refused(errors.InvalidOption) as told:
        train(ctx, test=0.2, classes=[0, 1])
    assert told.text == lines(
        "test= leaves no party rows to measure on: a party measures on none where it holds out "
        "fewer than its min_rows (here)",
        "  test=0.5 holds out more, test=None measures nothing; ctx.parties() tells each min_rows",
    )


def test_a_misspelt_option_of_training(federate: Federate) -> None:
    ctx = federate(north=ROWS, south=ROWS)
    with refused(errors.InvalidOption) as told:
        train(ctx, strategy="fedvag")
    assert told.error.hint == "did you mean 'fedavg'?"
    with pytest.raises(TypeError, match="unexpected keyword argument 'stratgy'"):
        train(ctx, stratgy="fedavg")


def test_a_closed_federation_says_so(federate: Federate) -> None:
    ctx = federate(north=ROWS)
    loans = ctx.read("loans")
    ctx.close()
    with refused(errors.PlanError) as told:
        loans.toNumpy()
    assert told.text == lines("this context is closed (here)", "  make another one")
