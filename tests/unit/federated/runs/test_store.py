"""The store of runs: what it keeps, who may write to it, and what it is when it cannot be used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from flwr.app import ArrayRecord, Context
from flwr.client import NumPyClient
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from psycopg import sql

import wayfed as wf
from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.run import run_federated, run_flower
from wayfed.federated.runs.kept import Runs
from wayfed.federated.runs.results import FederatedRun
from wayfed.federated.runs.store import RunStore
from wayfed_optimizer.errors import InvalidOption, SourceError

ASKED: dict[str, Any] = {
    "label": "late",
    "features": ["a", "b", "c"],
    "model": models.logistic_regression(),
    "rounds": 3,
}


def train(parties: dict[str, Arrays], place: object, **asked: Any) -> FederatedRun:
    store = RunStore(str(place))
    run = run_federated(parties, **{**ASKED, **asked}, store=store)
    store.close()
    return run


@pytest.fixture(params=["file", "sqlalchemy"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / "kept" / "runs.db"
    if request.param == "file":
        return str(path)
    path.parent.mkdir()
    return f"sqlite+pysqlite:///{path}"


def test_a_run_is_listed_and_opened_as_it_was(
    place: str, unequal_parties: dict[str, Arrays]
) -> None:
    assert len(Runs(RunStore(place))) == 0
    run = train(unequal_parties, place, preprocess=wf.features(standardize=True), min_rows=50)

    kept = Runs(RunStore(place))
    again = kept.open(run.id)

    (info,) = kept
    assert (info.status, info.rounds, info.parties) == ("finished", "3 of 3", 2)
    assert info.metrics == run.metrics
    assert run.id in repr(kept)
    assert run.id in kept._repr_html_()
    assert again.history == run.history
    assert again.parties == run.parties
    assert again.left_out == run.left_out
    assert again.model.predict(unequal_parties["ash"]).tolist() == (
        run.model.predict(unequal_parties["ash"]).tolist()
    )
    assert repr(again) == repr(run)


def test_a_run_of_a_server_of_ones_own_is_kept_too(
    place: str, unequal_parties: dict[str, Arrays]
) -> None:
    class Mean(NumPyClient):  # type: ignore[misc]  # Flower is untyped here
        def __init__(self, arrays: Arrays) -> None:
            self.a = arrays["a"]

        def get_parameters(self, config: object) -> list[np.ndarray]:
            return [np.zeros(1)]

        def fit(self, parameters: object, config: object) -> tuple[list[np.ndarray], int, dict]:
            return [np.array([self.a.mean()])], len(self.a), {}

        def evaluate(self, parameters: list[np.ndarray], config: object) -> tuple[float, int, dict]:
            return float(abs(self.a - parameters[0]).mean()), len(self.a), {}

    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        FedAvg().start(grid, ArrayRecord([np.zeros(1)]), num_rounds=2)

    store = RunStore(place)
    by_app = run_flower(unequal_parties, server=app, client=Mean, store=store)
    by_strategy = run_flower(unequal_parties, server={"num_rounds": 3}, client=Mean, store=store)

    kept = Runs(store)
    assert {each.id: each.rounds for each in kept} == {
        by_app.id: "2 of 2",
        by_strategy.id: "3 of 3",
    }
    assert kept.open(by_app.id).history == by_app.history
    assert kept.open(by_strategy.id).arrays["0"] == by_strategy.arrays["0"]
    store.close()


@pytest.fixture
def empty_again(postgres_url: str) -> Iterator[str]:
    """A database that all tests share: what a store makes there is dropped at the end."""
    yield postgres_url
    with psycopg.connect(postgres_url, autocommit=True) as server:
        made = "select relname from pg_class where relkind = 'r' and relname like 'wayfed%'"
        for (table,) in server.execute(made).fetchall():
            server.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(table)))


@pytest.mark.postgres
def test_a_store_may_be_a_database_of_many(
    empty_again: str, unequal_parties: dict[str, Arrays]
) -> None:
    run = train(unequal_parties, empty_again)

    store = RunStore(empty_again)
    again = Runs(store).open(run.id)
    store.close()

    assert again.history == run.history
    assert again.arrays["coefficients"].tobytes() == run.arrays["coefficients"].tobytes()


def test_many_write_at_once(place: str, unequal_parties: dict[str, Arrays]) -> None:
    with ThreadPoolExecutor(8) as threads:
        runs = list(threads.map(lambda _: train(unequal_parties, place), range(8)))

    kept = Runs(RunStore(place))
    assert sorted(each.id for each in kept) == sorted(run.id for run in runs)
    assert {each.rounds for each in kept} == {"3 of 3"}
    assert [len(kept.open(run.id).history) for run in runs] == [3] * 8


def test_runs_of_many_threads_share_a_contexts_store(
    place: str, unequal_parties: dict[str, Arrays]
) -> None:
    store = RunStore(place)

    with ThreadPoolExecutor(4) as threads:
        runs = list(
            threads.map(
                lambda _: run_federated(unequal_parties, **{**ASKED, "rounds": 20}, store=store),
                range(8),
            )
        )
    store.close()

    kept = Runs(RunStore(place))
    assert [kept.open(run.id).history for run in runs] == [run.history for run in runs]


def test_a_store_that_cannot_be_written_ends_no_run_and_says_so_once(
    tmp_path: Path, unequal_parties: dict[str, Arrays], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "damaged.db").write_bytes(b"not a database" * 1000)

    for place in (tmp_path / "file" / "runs.db", tmp_path / "damaged.db"):
        assert train(unequal_parties, place).status == "finished"

        told = capsys.readouterr().err
        assert told.count("runs are not kept") == 1
        assert str(place) in told
    with pytest.raises(SourceError, match="cannot be read: file is not a database"):
        RunStore(str(tmp_path / "damaged.db")).runs()


def test_a_store_that_is_off_keeps_nothing(unequal_parties: dict[str, Arrays]) -> None:
    assert train(unequal_parties, "off").status == "finished"

    assert RunStore("off").runs() == ()


def test_a_password_is_never_told(capsys: pytest.CaptureFixture[str]) -> None:
    store = RunStore("postgresql://ada:countess@127.0.0.1:1/runs")

    store.begin("mine", {})
    with pytest.raises(SourceError) as raised:
        store.runs()

    assert "countess" not in capsys.readouterr().err + str(raised.value) + store.place


def test_a_run_whose_process_is_gone_was_interrupted(tmp_path: Path) -> None:
    program = (
        "import os, sys; from wayfed.federated.runs.store import RunStore;"
        f"RunStore({str(tmp_path / 'runs.db')!r}).begin('mine', dict(rounds=5, done=2));"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program], check=False)

    (info,) = RunStore(str(tmp_path / "runs.db")).runs()

    assert (info.status, info.rounds) == ("interrupted", "2 of 5")


def test_a_run_that_is_not_there_is_answered_with_those_that_are(
    tmp_path: Path, unequal_parties: dict[str, Arrays]
) -> None:
    run = train(unequal_parties, tmp_path / "runs.db")

    with pytest.raises(InvalidOption, match=run.id):
        Runs(RunStore(str(tmp_path / "runs.db"))).open("mine")


def test_a_context_keeps_its_runs_where_its_configuration_says(
    tmp_path: Path, unequal_parties: dict[str, Arrays], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wayfed.toml").write_text("[runs]\nstore = 'mine.db'\n")
    with wf.context(tmp_path / "wayfed.toml") as ctx:
        run = ctx.run_federated(unequal_parties, **ASKED)
        assert [each.id for each in ctx.runs()] == [run.id]
    monkeypatch.setenv("WAYFED_RUNS", str(tmp_path / "mine.db"))
    with wf.context() as ctx:
        assert [each.id for each in ctx.runs()] == [run.id]


def test_neither_rows_nor_labels_are_in_the_store(tmp_path: Path) -> None:
    rows = wf.Arrays.from_table
    import pyarrow as pa

    canary = 0.123456789012345
    parties = {
        name: rows(pa.table({"x": [canary, 2.0, 3.0, 4.0] * 5, "y": [0, 1, 0, 1] * 5}))
        for name in ("ash", "birch")
    }
    run_federated(
        parties,
        label="y",
        model=models.logistic_regression(),
        rounds=2,
        store=(store := RunStore(str(tmp_path / "runs.db"))),
    )
    store.close()

    assert str(canary).encode() not in (tmp_path / "runs.db").read_bytes()
