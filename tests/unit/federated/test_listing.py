"""Who is there, as a person sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import wayfed as wf
from wayfed.federated.parties.audit import AuditLog
from wayfed.federated.parties.policy import Policy


def federation(tmp_path: Path) -> dict[str, Any]:
    party = {}
    for name, header in (("ash", "id,amount"), ("birch", "id,amnt")):
        (tmp_path / f"{name}.csv").write_text(f"{header}\n1,2.5\n")
        party[name] = {"tables": {"tx": {"source": str(tmp_path / f"{name}.csv")}}}
    party["ash"]["policy"] = {"min_rows": 5, "columns": {"amount": "aggregate_only"}}
    schema = {"tx": {"id": "int64", "amount": "float64"}, "people": {"id": "int64"}}
    return {"schema": schema, "party": party}


def test_parties_are_listed_with_their_rules_in_words(tmp_path: Path):
    with wf.context(env="federated", parties=federation(tmp_path)) as ctx:
        ash, birch = listed = ctx.parties()

    assert (ash.tables, ash.min_rows, ash.binds) == (("tx",), 5, None)
    assert ash.policy == ("aggregate_only: amount", "never: all others")
    assert birch.policy == ()
    assert "aggregate_only: amount" in repr(listed)
    assert "aggregate_only: amount" in listed._repr_html_()


def test_rules_that_ask_for_an_option_are_told_as_one_writes_it():
    asks = Policy(secure_aggregation=True, opaque=("bank.features",))

    assert asks.in_words() == ("opaque: bank.features", "requires secure_aggregation=True")


def test_parties_are_asked_what_of_their_tables_does_not_fit(tmp_path: Path):
    with wf.context(env="federated", parties=federation(tmp_path)) as ctx:
        ash, birch = ctx.parties(check=True)

    assert ash.binds == "yes"
    assert birch.binds == (
        "column 'amount' of 'tx' is missing (did you mean 'amnt'?); add it to rename"
    )


def test_who_is_asked_tells_rules_and_refuses_nothing(tmp_path: Path):
    described = federation(tmp_path)
    described["party"]["ash"]["audit"] = {"path": str(tmp_path / "audit.jsonl")}
    with wf.context(env="federated", parties=described) as ctx:
        unasked, asked = ctx.parties(), ctx.parties(check=True)

    assert [each.policy for each in asked] == [each.policy for each in unasked]
    log = AuditLog(tmp_path / "audit.jsonl")
    assert {line["decision"] for line in log.entries()} == {"allowed", "unfit"}
