"""Three organisations by the command line: each with its own files, key and process."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

import wayfed as wf
from tests.waiting import wait_until
from wayfed.federated.context import FederatedContext
from wayfed.federated.runs.results import FederatedRun
from wayfed_optimizer.errors import PartyError

BANKS = ("ash", "birch")
WAYFED = (sys.executable, "-c", "from wayfed.cli import main; main()")
SCHEMA = """\
[schema.loans]
x = "float64"
y = "float64"
late = "bool"
"""


def wayfed(*arguments: str | Path) -> str:
    """Run a command to its end and give what it told."""
    done = subprocess.run(
        [*WAYFED, *map(str, arguments)], capture_output=True, text=True, timeout=600, check=True
    )
    return done.stdout


def fill_in(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text)


class Organisations:
    """A coordinator, two banks and an analyst, each with a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.fingerprints = {
            "hub": self._init("coordinator", "init", "--listen", self.address, to="hub"),
            "analyst": self._init("requester", "init", "analyst", to="analyst"),
            **{bank: self._init("party", "init", bank, to=bank) for bank in BANKS},
        }
        self._describe()

    def _init(self, *command: str, to: str) -> str:
        told = wayfed(*command, "--directory", self.directory / to)
        return re.search(r"sha256:[0-9a-f]{64}", told)[0]

    def _describe(self) -> None:
        """Fill in the files, as people do."""
        known = (
            ("federation.example.org:8443", self.address),
            ("sha256:…", self.fingerprints["hub"]),
        )
        random = np.random.default_rng(5)
        for bank in BANKS:
            x = random.normal(size=(80, 2))
            late = x.sum(axis=1) + random.normal(size=80) > 0
            rows = pa.table({"x": x[:, 0], "why": x[:, 1], "late": late})
            csv.write_csv(rows, self.directory / bank / "loans.csv")
            served = f'[requesters]\nanalyst = "{self.fingerprints["analyst"]}"'
            fill_in(
                self.directory / bank / "party.toml",
                *known,
                ("[requesters]", served),
                ("credit.parquet", "loans.csv"),
                ('# rename = { cust = "customer_id" }', 'rename = { why = "y" }'),
                ("min_rows = 100", "min_rows = 10"),
            )
            (self.directory / bank / "schema.toml").write_text(SCHEMA)
        fill_in(self.directory / "analyst" / "federation.toml", *known)
        (self.directory / "analyst" / "schema.toml").write_text(SCHEMA)
        for name in (*BANKS, "analyst"):
            certificates = self.directory / "hub" / "certificates"
            shutil.copy(self.directory / name / f"{name}.pem", certificates)
        self.list(*BANKS)

    def list(self, *banks: str) -> None:
        """Let the coordinator list these banks, and the analyst."""
        path = self.directory / "hub" / "coordinator.toml"
        head = path.read_text().partition("[parties]")[0]
        parties = "".join(f'{bank} = "{self.fingerprints[bank]}"\n' for bank in banks)
        path.write_text(
            f'{head}[parties]\n{parties}[requesters]\nanalyst = "{self.fingerprints["analyst"]}"\n'
        )

    def start(self, name: str) -> None:
        """Start the coordinator or a bank."""
        command = ("coordinator", "serve") if name == "hub" else ("party", "serve")
        file = self.directory / name / ("coordinator.toml" if name == "hub" else "party.toml")
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen([*WAYFED, *command, file], stderr=log)

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()

    def end(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(120)


@pytest.fixture(scope="module")
def organisations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organisations]:
    made = Organisations(tmp_path_factory.mktemp("organisations"))
    for name in ("hub", *BANKS):
        made.start(name)
    yield made
    made.end()


@pytest.fixture
def ctx(organisations: Organisations) -> Iterator[FederatedContext]:
    path = organisations.directory / "analyst" / "federation.toml"
    wait_until(lambda: "listens at" in organisations.log("hub"), seconds=120)
    with wf.context(env="federated", parties=path) as made:
        wait_until(lambda: {party.name for party in made.parties()} == set(BANKS), seconds=120)
        yield made


def train(ctx: FederatedContext, rounds: int = 3, **options: object) -> FederatedRun:
    arrays = ctx.read("loans").to_numpy()
    model = wf.models.logistic_regression(learning_rate=0.5)
    return ctx.run_federated(arrays, label="late", model=model, rounds=rounds, **options)


def after(number: int, do: Callable[[], None]) -> Callable[[FederatedRun], None]:
    return lambda run: do() if len(run.history) == number else None


def test_check_says_what_fits_and_what_does_not(organisations, tmp_path):
    told = wayfed("party", "check", organisations.directory / "ash" / "party.toml")
    assert "all fits" in told

    shutil.copytree(organisations.directory / "ash", tmp_path / "ash")
    fill_in(tmp_path / "ash" / "party.toml", ('rename = { why = "y" }', ""))
    wrong = subprocess.run(
        [*WAYFED, "party", "check", tmp_path / "ash" / "party.toml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert wrong.returncode == 1
    assert "column 'y' of 'loans' is missing" in wrong.stdout


def test_only_its_owner_can_read_a_key(organisations):
    key = organisations.directory / "ash" / "ash.key"

    assert key.stat().st_mode & 0o777 == 0o600


def test_a_party_tells_in_its_log_that_it_was_let_in(organisations, ctx):
    for bank in BANKS:
        wait_until(
            lambda bank=bank: f"connected to {organisations.address}" in organisations.log(bank)
        )


def test_a_notebook_elsewhere_trains_what_one_process_trains(organisations, ctx):
    run = train(ctx)
    sources = {
        bank: {
            "source": str(organisations.directory / bank / "loans.csv"),
            "rename": {"why": "y"},
        }
        for bank in BANKS
    }
    schema = {"loans": {"x": "float64", "y": "float64", "late": "bool"}}
    parties = {bank: {"tables": {"loans": sources[bank]}} for bank in BANKS}
    with wf.context(env="federated", parties={"schema": schema, "party": parties}) as here:
        alone = train(here)

    assert {name: array.tobytes() for name, array in run.arrays.items()} == {
        name: array.tobytes() for name, array in alone.arrays.items()
    }


def test_a_party_that_was_killed_comes_back_into_the_run(organisations, ctx):
    def restart(run: FederatedRun) -> None:
        match len(run.history):
            case 1:
                organisations.kill("birch")
            case 2:
                organisations.start("birch")
                wait_until(lambda: "birch" in {party.name for party in ctx.parties()}, seconds=120)

    run = train(ctx, rounds=4, deadline=60, on_round=restart)

    assert [sorted(each.weights) for each in run.history] == [
        ["ash", "birch"],
        ["ash"],
        ["ash", "birch"],
        ["ash", "birch"],
    ]
    assert {failure.party for failure in run.failures} == {"birch"}


def test_a_party_is_revoked_and_admitted_while_all_goes_on(organisations, ctx):
    organisations.list("ash")
    wait_until(lambda: [party.name for party in ctx.parties()] == ["ash"])
    run = train(ctx, rounds=1)
    assert sorted(run.history[0].weights) == ["ash"]

    organisations.list(*BANKS)
    organisations.processes["hub"].send_signal(signal.SIGHUP)
    wait_until(lambda: len(ctx.parties()) == 2, seconds=120)
    assert sorted(train(ctx, rounds=1).history[0].weights) == list(BANKS)
    assert "party 'birch' is not listed any more" in organisations.log("hub")


def test_a_coordinator_that_is_killed_and_replaced_is_found_again(organisations, ctx):
    train(ctx, rounds=1)
    organisations.kill("hub")
    organisations.start("hub")

    run = train(ctx, rounds=2)

    assert run.status == "finished"
    assert sorted(run.history[1].weights) == list(BANKS)


def test_a_requester_without_a_place_in_the_list_is_refused(organisations, tmp_path):
    wayfed("requester", "init", "stranger", "--directory", tmp_path)
    fill_in(
        tmp_path / "federation.toml",
        ("federation.example.org:8443", organisations.address),
        ("sha256:…", organisations.fingerprints["hub"]),
    )
    (tmp_path / "schema.toml").write_text(SCHEMA)
    with (
        wf.context(env="federated", parties=tmp_path / "federation.toml") as stranger,
        pytest.raises(PartyError, match="no connection to the coordinator"),
    ):
        stranger.read("loans").to_numpy()


def test_all_end_when_they_are_told_to(organisations):
    organisations.end()

    assert {process.returncode for process in organisations.processes.values()} == {0}
    assert not any(
        os.path.exists(f"/proc/{process.pid}") for process in organisations.processes.values()
    )
