"""A run that goes on without a party, which comes late: with the rows it had, or with others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import wayfed as wf
from tests.integration.rpc_parties import NAMES, Federation, federation
from tests.waiting import wait_until
from wayfed.federated.context import FederatedContext
from wayfed.federated.grids.rpc.serving import link_of
from wayfed.federated.parties.configuration import PartyConfiguration
from wayfed.federated.parties.member import Member
from wayfed.federated.runs.results import FederatedRun
from wayfed.federated.wire import flower_process
from wayfed_optimizer.types import Schema

COLUMNS = {"x": "float64", "late": "bool"}


class Interrupted(Exception):
    """The run's process went away."""


class Banks:
    """Three banks with a file each, connected to a hub, and a notebook elsewhere."""

    def __init__(self, fed: Federation, directory: Path) -> None:
        self.fed = fed
        self.directory = directory
        self.here: dict[str, ExitStack] = {}
        for name in NAMES:
            self.write(name, 0.0)
            self.start(name)
        for ending, content in (
            ("pem", fed.analyst.certificate),
            ("key", fed.analyst.key),
        ):
            path = directory / f"analyst.{ending}"
            path.write_bytes(content)
            path.chmod(0o600)

    def write(self, name: str, shift: float) -> None:
        rows = [f"{number % 7 + shift},{number % 7 > 3}" for number in range(40)]
        (self.directory / f"{name}.csv").write_text("\n".join(["x,late", *rows]))

    def start(self, name: str) -> None:
        tables = {"tx": {"source": str(self.directory / f"{name}.csv")}}
        party = PartyConfiguration.model_validate({"tables": tables})
        member = Member.of(name, party, {"tx": Schema.of(**COLUMNS)})
        link = link_of(
            member, self.fed.identities[name], self.fed.coordinator, lambda: self.fed.served
        )
        thread = threading.Thread(target=link.serve, daemon=True)
        stack = self.here[name] = ExitStack()
        stack.callback(member.context.close)
        stack.callback(thread.join, 120)
        stack.callback(link.stop)
        thread.start()
        wait_until(lambda: name in self.fed.hub.present)

    def stop(self, name: str) -> None:
        self.here.pop(name).close()
        wait_until(lambda: name not in self.fed.hub.present)

    def context(self) -> FederatedContext:
        coordinator = self.fed.coordinator
        return wf.context(
            env="federated",
            parties={
                "schema": {"tx": COLUMNS},
                "coordinator": {
                    "address": coordinator.address,
                    "fingerprint": coordinator.fingerprint,
                },
                "identity": {
                    "certificate": str(self.directory / "analyst.pem"),
                    "key": str(self.directory / "analyst.key"),
                },
                "runs": {"store": str(self.directory / "runs.db")},
            },
        )


@pytest.fixture
def banks(tmp_path: Path) -> Iterator[Banks]:
    with flower_process(), federation() as fed:
        made = Banks(fed, tmp_path)
        yield made
        for stack in made.here.values():
            stack.close()


def interrupted(banks: Banks) -> Path:
    """Train two rounds of five, and give what is left of the run."""

    def interrupt(run: FederatedRun) -> None:
        if len(run.history) == 2:
            raise Interrupted

    with banks.context() as ctx, pytest.raises(Interrupted):
        ctx.run_federated(
            ctx.read("tx").to_numpy(),
            label="late",
            model=wf.models.logistic_regression(),
            rounds=5,
            checkpoint=banks.directory,
            on_round=interrupt,
        )
    (checkpoint,) = banks.directory.glob("*.checkpoint")
    return checkpoint


def gone_on_with(banks: Banks, checkpoint: Path) -> FederatedRun:
    """Go on without birch, which comes when a round has been played."""

    def come(run: FederatedRun) -> None:
        if len(run.history) == 3:
            banks.start("birch")
            wait_until(lambda: "birch" in {party.name for party in ctx.parties()})

    with banks.context() as ctx:
        return ctx.resume(checkpoint, on_round=come)


def attended(run: FederatedRun) -> list[list[str]]:
    return [sorted(each.weights) for each in run.history]


def test_a_party_that_comes_late_into_a_run_that_goes_on_is_taken_in_with_the_rows_it_had(banks):
    checkpoint = interrupted(banks)
    banks.stop("birch")

    run = gone_on_with(banks, checkpoint)

    assert run.status == "finished"
    everybody = list(NAMES)
    assert attended(run) == [everybody, everybody, ["ash", "cedar"], everybody, everybody]


def test_a_party_that_comes_late_into_a_run_that_goes_on_with_other_rows_is_left_out(banks):
    checkpoint = interrupted(banks)
    banks.stop("birch")
    banks.write("birch", 0.5)

    run = gone_on_with(banks, checkpoint)

    assert run.status == "finished"
    assert attended(run)[2:] == [["ash", "cedar"]] * 3
    assert "party 'birch': has other rows than the run began with" in map(str, run.failures)
