"""Loops in plans for parties: bound, judged by policy, and run there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import wayfed as wf
from wayfed.federated.parties.configuration import load_federation
from wayfed.federated.parties.member import Member
from wayfed.local import Context
from wayfed_optimizer.errors import PolicyViolation
from wayfed_optimizer.relations import Iterate, Read, SetKind, SetOperation
from wayfed_optimizer.types import Schema
from wayfed_optimizer.wire import to_wire

COLUMNS = {"amount": "feature", "id": "never"}


def federation(directory: Path, columns: dict[str, str]) -> dict:
    (directory / "tx.csv").write_text("id,amount\n1,2.5\n2,4.0\n")
    party = {"tables": {"tx": {"source": f"{directory}/tx.csv"}}}
    return {
        "schema": {"tx": {"id": "int64", "amount": "float64"}},
        "party": {name: {**party, "policy": {"columns": columns}} for name in ("a", "b")},
    }


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[wf.Context]:
    with wf.context(env="federated", parties=federation(tmp_path, COLUMNS)) as context:
        yield context


def test_a_loop_runs_at_each_party(ctx):
    doubled = (
        ctx.read("tx")
        .select("amount")
        .iterate(
            lambda rows: rows.with_columns(amount=lambda t: t.amount * 2),
            until=lambda rows: (
                rows.group_by().agg(most=wf.max("amount")).select(done=wf.col("most") > 20)
            ),
            max_iterations=10,
        )
    )

    assert str(doubled.to_numpy()).startswith("FederatedArrays at a, b")
    assert str(doubled.cache().to_numpy()).startswith("FederatedArrays at a, b")


def test_a_loop_cannot_pass_a_column_on_as_another_one(ctx):
    swapped = (
        ctx.read("tx")
        .select(hidden=wf.col("id").cast("float64"), shown="amount")
        .iterate(lambda rows: rows.select(hidden="shown", shown="hidden"), max_iterations=1)
        .select("shown")
    )

    with pytest.raises(PolicyViolation, match="column 'id' is 'never'"):
        swapped.to_numpy()


def test_a_table_cannot_hide_behind_a_loops_variable(tmp_path: Path):
    loaded = load_federation(federation(tmp_path, COLUMNS))
    table = Read("tx", Schema.of(id="int64"))
    loop = Iterate(table, table, "tx", 1)
    with Context() as context:
        member = Member("a", loaded.parties["a"], loaded.published, context)

        bound = member.bind(to_wire(SetOperation(SetKind.UNION, table, loop)))

    assert bound.dataset is None
    assert "a loop calls its rows 'tx', as a table is called" in bound.problems
