"""Values planted in every party's rows: none of them leaves in anything that a party sends."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from wayfed.federated.context import FederatedContext
from wayfed.federated.grids.local import LocalGrid, describe_error
from wayfed.federated.grids.rpc.messages import to_bytes
from wayfed.federated.parties.audit import Asker, AuditLog
from wayfed.federated.parties.opening import open_session
from wayfed.federated.parties.party import Party
from wayfed.federated.releases import ReleaseKind
from wayfed_optimizer.errors import PartyError, WayfedError

NAMES: Final = ("ash", "birch", "cedar")
SCHEMA: Final = {
    "tx": {"owner": "int64", "amount": "float64", "kind": "text", "note": "text"},
    "people": {"owner": "int64", "age": "float64", "income": "float64", "late": "int64"},
}
ROWS: Final = 60


class Canaries:
    """Values that stand in one row of one party each, and how they would look in a message."""

    def __init__(self, place: int) -> None:
        self.owner = 777_000_111_333 + place
        self.amount = 918_273_645.125 + place
        self.age = 404_040.75 + place
        self.income = -828_282_828.375 - place
        self.kind = f"canary-kind-{place}"
        self.note = f"canary-note-{place}"

    def forms(self) -> Iterator[bytes]:
        for text in (self.kind, self.note):
            yield text.encode()
        for number in (self.amount, self.age, self.income):
            yield repr(number).encode()
            yield from (struct.pack(order, number) for order in ("<d", ">d"))
        yield str(self.owner).encode()
        yield from (struct.pack(order, self.owner) for order in ("<q", ">q"))


class Overheard:
    """Parties of this process, asked as from elsewhere; whatever they send is kept as bytes."""

    def __init__(self, ctx: FederatedContext) -> None:
        self._members = ctx._members
        self.sent: list[tuple[str, bytes]] = []

    def open(self) -> LocalGrid:
        return LocalGrid([self._party(member) for member in self._members], threads=1)

    def close(self) -> None:
        """Hold nothing."""

    def _party(self, member: Any) -> Party:
        session = open_session(member, Asker("bank", "sha256:1", "s"))

        def app(message: Any, context: Any) -> Any:
            stage = message.metadata.message_type
            try:
                reply = session.answer(message, context)
            except WayfedError as error:
                self.sent.append((stage, describe_error(error).encode()))
                raise
            self.sent.append((stage, to_bytes(reply)))
            return reply

        return Party(member.name, app, session.lend)


def tables_of(place: int, canary: Canaries) -> dict[str, pa.Table]:
    random = np.random.default_rng(place)
    owner = np.arange(ROWS) + 1_000 * place
    age, income = random.normal(40, 9, ROWS).round(3), random.normal(3, 1, ROWS).round(3)
    late = (age + random.normal(0, 9, ROWS) > 40).astype(np.int64)
    people = {"owner": owner, "age": age, "income": income, "late": late}
    people["owner"][0], people["age"][0], people["income"][0] = (
        canary.owner,
        canary.age,
        canary.income,
    )
    amount = random.gamma(2.0, 10.0, ROWS * 3).round(3)
    kind = [f"kind-{n % 3}" for n in range(ROWS * 3)]
    note = [f"note {n}" for n in range(ROWS * 3)]
    amount[0], kind[0], note[0] = canary.amount, canary.kind, canary.note
    tx = {"owner": np.repeat(people["owner"], 3), "amount": amount, "kind": kind, "note": note}
    return {"tx": pa.table(tx), "people": pa.table(people)}


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[tuple[FederatedContext, Overheard, list[Canaries]]]:
    """Three parties with canaries in their rows, and all that they send."""
    party: dict[str, Any] = {}
    canaries = [Canaries(place) for place in range(len(NAMES))]
    for place, name in enumerate(NAMES):
        tables = {}
        for table, rows in tables_of(place, canaries[place]).items():
            path = tmp_path / name / f"{table}.parquet"
            path.parent.mkdir(exist_ok=True)
            pq.write_table(rows, path)
            tables[table] = {"source": str(path)}
        tables["people"]["key"] = ["owner"]
        roles = {
            "owner": "join_key",
            "amount": "aggregate_only",
            "kind": "feature",
            "note": "feature",
            "age": "feature",
            "income": "feature",
            "late": "label",
        }
        party[name] = {
            "tables": tables,
            "policy": {"min_rows": 5, "min_group": 2, "columns": roles},
            "audit": {"path": str(tmp_path / name / "audit.jsonl")},
        }
    with wf.context(env="federated", parties={"schema": SCHEMA, "party": party}) as ctx:
        overheard = Overheard(ctx)
        ctx._runners["local"] = overheard
        yield ctx, overheard, canaries


def assert_unheard(overheard: Overheard, canaries: list[Canaries]) -> None:
    found = [
        (stage, form)
        for stage, data in overheard.sent
        for canary in canaries
        for form in canary.forms()
        if form in data
    ]
    assert found == []


def test_the_search_finds_what_is_there() -> None:
    canary = Canaries(0)
    overheard = Overheard.__new__(Overheard)
    overheard.sent = [("train", b"..." + struct.pack("<d", canary.amount) + b"...")]

    with pytest.raises(AssertionError, match="train"):
        assert_unheard(overheard, [canary])


def test_no_canary_leaves_in_a_run_of_every_kind_of_release(planted: Any, tmp_path: Path) -> None:
    ctx, overheard, canaries = planted
    spent = ctx.read("tx").group_by("owner").agg(total=wf.sum("amount"), n=wf.count())
    people = ctx.read("people").join(spent, on="owner").select("age", "income", "late", "total")
    arrays = people.to_numpy()
    recipe = wf.features(impute="median", standardize=True)
    options = {"preprocess": recipe, "rounds": 3, "seed": 1}

    for model in (wf.models.logistic_regression(), wf.models.mlp(hidden=[4])):
        ctx.run_federated(arrays, label="late", model=model, **options)
    ctx.run_federated(
        ctx.read("people").select("age", "income").to_numpy(),
        label="income",
        model=wf.models.linear_regression(learning_rate=1e-3),
        **options,
    )
    kinds = ctx.read("tx").with_columns(
        many=wf.when(wf.col("kind") == "kind-1").then(1).otherwise(0)
    )
    ctx.run_federated(
        kinds.select("kind", "many").to_numpy(),
        label="many",
        model=wf.models.logistic_regression(),
        preprocess=wf.features(one_hot=True),
        rounds=2,
    )
    with pytest.raises(PartyError, match="keeps it from telling how plans ran"):
        arrays.explain("birch", analyze=True)
    assert "180" not in str(arrays.explain("birch"))
    assert ctx.read("tx").count() == 3 * 3 * ROWS
    told = ctx.read("tx").describe("kind", "amount", histograms={"amount": [0, 5, 50, 500]})
    ctx.read("people").describe("age", "income")

    # The least of the kinds is withheld with the canaries, which the total would tell of.
    assert set(told["kind"].frequent or ()) == {"kind-1", "kind-2"}
    assert_unheard(overheard, canaries)
    logged = [
        release["kind"]
        for name in NAMES
        for line in AuditLog(tmp_path / name / "audit.jsonl").entries()
        for release in line["releases"]
    ]
    assert set(logged) == {
        ReleaseKind.BINDING,
        ReleaseKind.LABELS,
        ReleaseKind.STATISTICS,
        ReleaseKind.QUANTILES,
        ReleaseKind.HISTOGRAM,
        ReleaseKind.VOCABULARY,
        ReleaseKind.COUNT,
        ReleaseKind.EXPLANATION,
        ReleaseKind.UPDATE,
        ReleaseKind.TRAINING,
        ReleaseKind.METRICS,
    }


JOINED: Final = "from tx join people on tx.owner = people.owner"
FAILING: Final = {
    "a kind as a number": f"select cast(kind as bigint) as x, age {JOINED}",
    "a note as a number": f"select age, cast(note as double) as x {JOINED}",
    "an overflow": "select cast(age * 1e300 as bigint) as x, age from people",
}


@pytest.mark.parametrize("query", FAILING.values(), ids=FAILING)
def test_what_an_engine_says_when_it_fails_stays_with_the_party(
    planted: Any, query: str, tmp_path: Path
) -> None:
    ctx, overheard, canaries = planted
    arrays = ctx.sql(query).to_numpy()

    with pytest.raises(PartyError):
        ctx.run_federated(
            arrays, label="x", model=wf.models.linear_regression(), rounds=1, features=["age"]
        )
    with pytest.raises(PartyError):
        arrays.explain("ash", analyze=True)

    assert_unheard(overheard, canaries)
    spoken = b"".join(data for _, data in overheard.sent)
    for secret in (str(tmp_path), ".parquet", "read_parquet", "SELECT", "Conversion"):
        assert secret.encode() not in spoken


def test_a_source_that_cannot_be_read_is_told_without_its_place(
    planted: Any, tmp_path: Path
) -> None:
    ctx, overheard, _ = planted
    (tmp_path / "birch" / "tx.parquet").write_text("no parquet")

    with pytest.raises(PartyError, match="'birch': table 'tx': its source cannot be read"):
        ctx.read("tx").select("kind").to_numpy()
    assert str(tmp_path).encode() not in b"".join(data for _, data in overheard.sent)


def test_a_column_that_is_missing_is_told_without_the_names_of_others(
    planted: Any, tmp_path: Path
) -> None:
    ctx, overheard, _ = planted
    pq.write_table(pa.table({"kind_here": ["a"]}), tmp_path / "birch" / "tx.parquet")

    with pytest.raises(PartyError, match="'birch': column 'kind' of 'tx' is missing; add it"):
        ctx.read("tx").select("kind").to_numpy()
    assert b"kind_here" not in b"".join(data for _, data in overheard.sent)


def test_the_audit_log_holds_what_was_asked_and_no_row(planted: Any, tmp_path: Path) -> None:
    ctx, _, canaries = planted
    ctx.read("people").describe("age")

    written = (tmp_path / "ash" / "audit.jsonl").read_bytes()
    assert not any(form in written for canary in canaries for form in canary.forms())
    asked = [json.loads(line) for line in written.splitlines()]
    assert [(line["stage"], line["requester"]) for line in asked] == [
        ("query.plan", "bank"),
        ("query.describe", "bank"),
    ]
