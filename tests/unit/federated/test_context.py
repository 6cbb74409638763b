"""A federated context: what each party checks before it runs a plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import wayfed as wf
from wayfed.federated.arrays import FederatedArrays
from wayfed.federated.context import FederatedContext
from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.runs.results import FederatedRun
from wayfed_optimizer.errors import (
    InvalidOption,
    PartyError,
    PolicyViolation,
    TypeMismatch,
    Unsupported,
)
from wayfed_optimizer.relations import Read
from wayfed_optimizer.types import Schema
from wayfed_optimizer.wire import to_wire

Federation = Callable[..., FederatedContext]


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    """Make a context of two banks; `table` and `policy` are added to each bank's own."""

    def make(table: dict[str, Any] | None = None, **policy: Any) -> FederatedContext:
        parties = {}
        for bank in ("ash", "birch"):
            path = tmp_path / f"{bank}.csv"
            path.write_text("cust,amount,iban\n1,2.5,DE1\n2,4.0,DE2\n")
            source = {"source": str(path), "rename": {"cust": "customer_id"}, **(table or {})}
            parties[bank] = {"tables": {"tx": source}, "policy": policy}
        schema = {"tx": {"customer_id": "int64", "amount": "float64"}}
        return wf.context(env="federated", parties={"schema": schema, "party": parties})

    return make


def held(arrays: FederatedArrays, column: str) -> list[list[Any]]:
    """Look at what only the parties see."""
    grid = arrays.grid("local", threads=None, features=1)
    arrays.done(grid)
    assert isinstance(grid, LocalGrid)
    return [party.rows()[column].tolist() for party in grid.seated]


def test_each_party_runs_the_plan_over_columns_of_its_own_names(federation: Federation):
    with federation() as ctx:
        arrays = ctx.read("tx").filter(lambda t: t.amount > 3).to_numpy()

        assert arrays.parties == ("ash", "birch")
        assert [
            held["customer_id"].tolist()
            for held in [
                party.rows() for party in arrays.grid("local", threads=None, features=1).seated
            ]
        ] == [[2], [2]]


def test_a_plan_that_names_what_is_not_published_is_refused(federation: Federation):
    with federation() as ctx:
        plan = to_wire(Read("tx", Schema.of(iban="text", amount="int64")), names=("tx",))

        bound = ctx._members[0].bind(plan)

    assert bound.dataset is None
    assert bound.problems == (
        "column 'iban' of 'tx' is not published as text",
        "column 'amount' of 'tx' is not published as int64",
    )


def test_a_cast_to_another_type_than_the_published_one_is_refused(federation: Federation):
    with pytest.raises(TypeMismatch, match=r"cast makes 'amount' int64, .* published as float64"):
        federation({"cast": {"amount": "int64"}})


def test_a_cast_that_cannot_be_is_told_with_what_else_does_not_fit(federation: Federation):
    dates = {"rename": {"cust": "customer_id"}, "schema": {"cust": "date", "iban": "text"}}
    with (
        federation({**dates, "cast": {"customer_id": "int64"}}) as ctx,
        pytest.raises(PartyError, match="'birch': column 'customer_id'") as raised,
    ):
        ctx.read("tx").to_numpy()

    assert "date, which cannot be cast to int64" in str(raised.value)


def test_a_subquery_reads_the_partys_own_columns_too(federation: Federation):
    with federation() as ctx:
        query = "select amount from tx where customer_id >= (select max(customer_id) from tx)"
        arrays = ctx.sql(query).to_numpy()

        assert [
            held["amount"].tolist()
            for held in [
                party.rows() for party in arrays.grid("local", threads=None, features=1).seated
            ]
        ] == [[4.0], [4.0]]


def test_every_party_tells_what_its_policy_forbids(federation: Federation):
    with (
        federation(columns={"amount": "feature"}) as ctx,
        pytest.raises(PolicyViolation, match="party 'ash': column 'customer_id' is not listed"),
    ):
        ctx.read("tx").to_numpy()


def test_arrays_that_a_run_trains_on_serve_no_second_run_meanwhile(federation: Federation):
    with federation() as ctx:
        arrays = ctx.read("tx").to_numpy()

        def train(**others: Any) -> FederatedRun:
            return ctx.run_federated(
                arrays,
                label="customer_id",
                model=wf.models.logistic_regression(),
                rounds=2,
                test=None,
                **others,
            )

        with pytest.raises(PartyError, match="another run trains on these arrays"):
            train(on_round=lambda _: train())
        assert train().status == "finished"


def test_a_run_explains_what_each_party_did(federation: Federation, tmp_path: Path):
    with federation() as ctx:
        (tmp_path / "birch.csv").write_text("cust,amount,iban\n1,2.5,DE1\n5,1.0,DE5\n")
        run = ctx.run_federated(
            ctx.read("tx").to_numpy(),
            label="customer_id",
            model=wf.models.logistic_regression(),
            rounds=1,
            test=None,
        )
        told = str(run.explain("birch"))

        assert "at birch" in told
        assert str(tmp_path) not in told
        with pytest.raises(InvalidOption, match="did you mean 'birch'"):
            run.explain("brich")


def test_a_run_over_arrays_that_were_given_has_no_plan_to_explain():
    with wf.context() as ctx:
        rows = ctx.read({"bank": ["a", "b"] * 2, "x": [1.0, 2.0, 3.0, 4.0], "late": [0, 0, 1, 1]})
        run = ctx.run_federated(
            rows.to_numpy().partition_by("bank"),
            label="late",
            model=wf.models.logistic_regression(),
            rounds=1,
            test=None,
        )
        with pytest.raises(Unsupported, match="given arrays"):
            run.explain()
