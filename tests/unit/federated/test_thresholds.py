"""Columns of which only aggregates may be told: groups are large enough, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from wayfed.federated.context import FederatedContext
from wayfed.federated.parties.configuration import load_federation
from wayfed_optimizer.errors import InvalidOption, PolicyViolation

SCHEMA = {
    "tx": {"owner": "int64", "kind": "text", "secret": "float64"},
    "people": {"owner": "int64", "age": "int64"},
}
TX = pa.table(
    {
        "owner": [1, 1, 1, 2, 2, 3],
        "kind": ["a", "b", "a", "a", "b", "a"],
        "secret": [1.0, 2.0, 3.0, 4.0, None, 6.0],
    }
)
PEOPLE = pa.table({"owner": [1, 2, 3], "age": [30, 40, 50]})
ROLES = {"owner": "join_key", "kind": "feature", "age": "feature", "secret": "aggregate_only"}
Federate = Callable[..., FederatedContext]


@pytest.fixture
def federate(tmp_path: Path) -> Iterator[Federate]:
    """Makes a context of one party in whose table ``tx`` a column is secret."""
    with ExitStack() as stack:

        def make(keys: bool = True, **policy: Any) -> FederatedContext:
            tables = {}
            for name, table in (("tx", TX), ("people", PEOPLE)):
                pq.write_table(table, tmp_path / f"{name}.parquet")
                tables[name] = {"source": str(tmp_path / f"{name}.parquet")}
            if keys:
                tables["people"]["key"] = ["owner"]
            party = {"ash": {"tables": tables, "policy": {"columns": ROLES, **policy}}}
            return stack.enter_context(
                wf.context(env="federated", parties={"schema": SCHEMA, "party": party})
            )

        yield make


def owners(arrays: Any) -> list[int]:
    (party,) = arrays.grid("local", threads=None, features=1).seated
    return sorted(party.rows()["owner"].tolist())


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ({}, [1]),
        ({"min_rows": 3}, [1]),
        ({"min_rows": 4, "min_group": 2}, [1]),
        ({"min_group": 4}, []),
    ],
)
def test_groups_with_too_few_values_are_not_in_the_result(
    federate: Federate, policy: dict[str, int], kept: list[int]
):
    grouped = federate(**policy).read("tx").group_by("owner").agg(usual=wf.mean("secret"))

    assert owners(grouped.to_numpy()) == kept


@pytest.mark.parametrize(
    "aggregate",
    [
        "max(secret)",
        "min(secret)",
        "median(secret)",
        "quantile_cont(secret, 0.25)",
        "quantile_disc(secret, 0.25)",
        "mode(secret)",
        "any_value(secret)",
        "bool_or(secret > 5)",
        "bit_or(cast(secret as bigint))",
    ],
)
def test_an_aggregate_that_may_be_the_value_of_one_row_is_refused(
    federate: Federate, aggregate: str
):
    query = f"select {aggregate} as told from tx"

    with pytest.raises(PolicyViolation, match=r"'aggregate_only'.*as a value of the result"):
        federate().sql(query).to_numpy()


def test_groups_of_columns_that_may_be_told_stay_as_they_are(federate: Federate):
    grouped = federate(min_rows=3).read("tx").group_by("owner").agg(n=wf.count())

    assert owners(grouped.to_numpy()) == [1, 2, 3]


def test_a_total_of_too_few_rows_is_no_row(federate: Federate):
    ctx = federate(min_group=3)
    one = ctx.sql("select sum(secret) as total from tx where kind = 'b'")
    (party,) = one.to_numpy().grid("local", threads=None, features=1).seated

    assert party.rows().rows == 0


def test_a_subquery_cannot_have_what_a_group_cannot(federate: Federate):
    query = "select kind, (select sum(secret) from tx where kind = 'b') as s from tx"
    (party,) = federate().sql(query).to_numpy().grid("local", threads=None, features=1).seated

    assert party.rows()["s"].mask.all()


REFUSED = {
    "an indicator of another column": (
        "select sum(case when owner = 3 then secret else 0 end) as s from tx",
        "computes with it and 'owner' before it aggregates",
    ),
    "an indicator that was computed before": (
        "select sum(x) as s from (select case when kind = 'b' then secret end as x from tx)",
        "computes with it and 'kind' before it aggregates",
    ),
    "rows that a join repeats": (
        "select sum(a.secret) as s from tx as a join tx as b on a.owner = b.owner",
        "may repeat its rows before it aggregates",
    ),
    "rows that a union repeats": (
        "select sum(secret) as s from (select secret from tx union all select secret from tx)",
        "may repeat its rows before it aggregates",
    ),
    "rows that a product repeats": (
        "select sum(secret) as s from (select secret from tx where owner = 3) cross join people",
        "may repeat its rows before it aggregates",
    ),
}


@pytest.mark.parametrize(("query", "rule"), REFUSED.values(), ids=REFUSED)
def test_an_aggregate_that_could_be_the_value_of_one_row_is_refused(
    federate: Federate, query: str, rule: str
):
    with pytest.raises(PolicyViolation, match=f"column 'secret' is 'aggregate_only'.*{rule}"):
        federate().sql(query).to_numpy()


def test_rows_joined_on_a_declared_key_may_be_aggregated(federate: Federate):
    query = (
        "select p.owner, avg(t.secret) as mean from tx as t join people as p "
        "on t.owner = p.owner group by p.owner"
    )

    assert owners(federate().sql(query).to_numpy()) == [1]


def test_a_group_of_one_is_no_policy(tmp_path: Path):
    (tmp_path / "a.csv").write_text("owner\n1\n")
    parties = {
        "schema": {"tx": {"owner": "int64"}},
        "party": {
            "ash": {
                "tables": {"tx": {"source": str(tmp_path / "a.csv")}},
                "policy": {"min_group": 1},
            }
        },
    }
    with pytest.raises(InvalidOption, match="min_group"):
        load_federation(parties)
