"""Trains over a coordinator while processes are killed, stopped, and started anew.

Run by test_chaos: prints a line of JSON for each run. This process only forks and kills; the
coordinator, the parties and who asks are processes of their own, so none of it shares a fate.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from flwr.app import ConfigRecord, Message
from threadpoolctl import threadpool_limits

import wayfed as wf
from tests.integration.killed_runs import BANKS, federation
from tests.integration.killing import asked, forked, in_a_process
from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.grids.rpc.hub import Hub
from wayfed.federated.grids.rpc.identity import make_identity
from wayfed.federated.grids.rpc.outbound import Coordinator
from wayfed.federated.grids.rpc.roster import FixedRoster, Roster
from wayfed.federated.grids.rpc.serving import link_of
from wayfed.federated.parties.configuration import PartyConfiguration
from wayfed.federated.parties.member import Member
from wayfed.federated.runs.results import FederatedRun
from wayfed.federated.wire import flower_process
from wayfed_optimizer.errors import WayfedError
from wayfed_optimizer.types import Schema

ROUNDS = 10
STEP_SECONDS = 0.01
HUB, ASKER = "hub", "analyst"


@dataclass(frozen=True)
class Fault:
    """What happens to a process so many seconds after a round has ended.

    ``kill`` and ``stop`` last for `lasting` seconds; then it is started anew, or goes on. Who asks
    is killed only, and another one goes on with the run at once.
    """

    rounds: int
    seconds: float
    who: str
    kind: str
    lasting: float


FAULTS = (
    Fault(2, 0.0, "birch", "kill", 600.0),
    Fault(2, 0.02, "birch", "kill", 0.3),
    Fault(3, 0.0, "cedar", "stop", 4.0),
    Fault(3, 0.02, HUB, "kill", 0.3),
    Fault(4, 0.01, ASKER, "kill", 0.0),
)
"""One of each kind: a run each, where no seed is given."""


def faults_by_chance(chance: random.Random) -> list[Fault]:
    """Draw up to three faults."""
    found = []
    for _ in range(chance.randint(1, 3)):
        who = chance.choice((*BANKS, *BANKS, HUB, ASKER))
        kind = "kill" if who == ASKER else chance.choice(("kill", "stop"))
        lasting = chance.choice((0.0, 0.3, 2.5, 8.0))
        found.append(Fault(chance.randrange(1, ROUNDS), chance.random() / 10, who, kind, lasting))
    return found


@dataclass
class Place:
    """Where a federation is: its files, its certificates, and how long a step may take."""

    root: Path
    deadline: float
    identities: dict[str, Any] = field(default_factory=dict)
    port: int = 0

    def __post_init__(self) -> None:
        self.described = federation(self.root)
        self.identities = {name: make_identity(name) for name in (HUB, ASKER, *BANKS)}
        own = self.identities[ASKER]
        for name, content in (("pem", own.certificate), ("key", own.key)):
            path = self.root / f"analyst.{name}"
            path.write_bytes(content)
            path.chmod(0o600)

    def serve(self, told: int) -> None:
        """Be the coordinator; write its port into a pipe."""
        identities = dict(self.identities)
        own = identities.pop(HUB)
        everyone = b"".join(each.certificate for each in identities.values())
        asker = identities.pop(ASKER)
        listed = {each.fingerprint: name for name, each in identities.items()}
        hub = Hub(own, FixedRoster(Roster(listed, {asker.fingerprint: ASKER}, everyone)))
        hub.start(f"127.0.0.1:{self.port}")
        os.write(told, b"%d" % hub.port)
        threading.Event().wait()

    def be(self, bank: str) -> None:
        """Be a party."""
        tables = self.described["schema"].items()
        published = {name: Schema.of(**columns) for name, columns in tables}
        party = PartyConfiguration.model_validate(self.described["party"][bank])
        hub, served = self.identities[HUB], {self.identities[ASKER].fingerprint}
        coordinator = Coordinator(f"127.0.0.1:{self.port}", hub.fingerprint, hub.certificate)
        with flower_process(), threadpool_limits(1, user_api="blas"):
            member = Member.of(bank, party, published)
            link_of(member, self.identities[bank], coordinator, lambda: served).serve()

    def ask(self, directory: Path, result: Path, told: int) -> None:
        """Train, or go on with what there is a checkpoint of; tell of each round."""
        coordinator = {
            "address": f"127.0.0.1:{self.port}",
            "fingerprint": self.identities[HUB].fingerprint,
        }
        identity = {
            "certificate": str(self.root / "analyst.pem"),
            "key": str(self.root / "analyst.key"),
        }
        parties = {
            "schema": self.described["schema"],
            "coordinator": coordinator,
            "identity": identity,
            "runs": {"store": str(directory / "runs.db")},
        }

        def on_round(run: FederatedRun) -> None:
            os.write(told, f"{len(run.history)}\n".encode())

        try:
            with wf.context(env="federated", parties=parties) as ctx:
                left = list(directory.glob("*.checkpoint"))
                if left:
                    run = ctx.resume(left[0], on_round=on_round)
                else:
                    train(ctx, None, rounds=1)  # what parties import at first is no fault
                    run = train(
                        ctx, self.deadline, rounds=ROUNDS, checkpoint=directory, on_round=on_round
                    )
        except WayfedError as error:
            result.write_text(json.dumps({"error": f"{type(error).__name__}: {error.message}"}))
            return
        attended = [sorted(each.weights) for each in run.history]
        failures = sorted({str(failure) for failure in run.failures})
        weights = {name: array.tobytes().hex() for name, array in run.arrays.items()}
        told_of = {"attended": attended, "failures": failures, "weights": weights}
        result.write_text(json.dumps({"status": run.status, **told_of}))


def train(ctx: Any, deadline: float | None, **options: Any) -> FederatedRun:
    """Train what all of these runs train, when everybody is there."""
    while len(ctx.parties()) < len(BANKS):
        threading.Event().wait(0.05)
    run: FederatedRun = ctx.run_federated(
        ctx.read("tx").to_numpy(),
        label="late",
        model=wf.models.mlp(hidden=(8,), batch_size=4, local_epochs=4),
        preprocess=wf.features(standardize=True),
        strategy="fedadam",
        deadline=deadline,
        **options,
    )
    return run


class Attended(LocalGrid):
    """Parties in this process of which only some come to a round."""

    def __init__(self, grid: LocalGrid, attended: list[list[str]]) -> None:
        super().__init__(grid.seated)
        self._attended = attended

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """Let those of other rounds' messages be."""
        return super().send_and_receive(
            [message for message in messages if self._comes(message)], timeout=timeout
        )

    def _comes(self, message: Message) -> bool:
        if message.metadata.message_type != "train":
            return True
        numbers = [
            record["server-round"]
            for record in message.content.values()
            if isinstance(record, ConfigRecord)
        ]
        return self.parties[message.metadata.dst_node_id] in self._attended[int(numbers[0]) - 1]


def expected(place: Place, attended: list[list[str]], result: Path) -> dict[str, str]:
    """Give the weights that come of it where exactly these parties train in each round."""

    def replay() -> None:
        with wf.context(env="federated", parties=place.described) as ctx:
            runner = ctx._runners["local"]
            open_all = runner.open
            runner.open = lambda: Attended(open_all(), attended)
            run = train(ctx, None, rounds=ROUNDS)
            weights = {name: array.tobytes().hex() for name, array in run.arrays.items()}
            result.write_text(json.dumps(weights))

    if in_a_process(replay):
        sys.exit("the run in one process failed")
    found: dict[str, str] = json.loads(result.read_text())
    return found


class Director:
    """Starts processes, lets a run begin, and does to them what is to happen."""

    def __init__(self, place: Place, patience: float) -> None:
        self.place = place
        self.patience = patience
        self.pids: dict[str, int] = {}
        self._due: list[tuple[float, Callable[[], None]]] = []

    def start(self, who: str) -> None:
        """Start the coordinator or a party, where it is not there."""
        if who in self.pids:
            return
        if who != HUB:
            self.pids[who] = forked(partial(self.place.be, who))
            return
        reading, writing = os.pipe()
        self.pids[who] = forked(partial(self.place.serve, writing))
        os.close(writing)
        self.place.port = int(os.read(reading, 16))
        os.close(reading)

    def play(self, directory: Path, faults: list[Fault]) -> dict[str, Any]:
        """Let a run begin; give what came of it."""
        for who in (HUB, *BANKS):
            self.start(who)
        begun, left = monotonic(), list(faults)
        result = directory / "result.json"
        reading = self._ask(directory, result)
        while monotonic() - begun < self.patience:
            self._do_what_is_due()
            if not select.select([reading], [], [], STEP_SECONDS)[0]:
                continue
            told = os.read(reading, 4096)
            if told:
                number = int(told.split()[-1])
                for fault in [fault for fault in left if fault.rounds <= number]:
                    left.remove(fault)
                    self._due.append((monotonic() + fault.seconds, partial(self._let, fault)))
                continue
            os.close(reading)
            status = os.waitstatus_to_exitcode(os.waitpid(self.pids.pop(ASKER), 0)[1])
            if status != -signal.SIGKILL:
                break
            reading = self._ask(directory, result)
        else:
            self._end(ASKER)
            return {"ended": "hangs"}
        self._due.clear()
        for who in (HUB, *BANKS):
            self._signal(who, signal.SIGCONT)
        return {"exit": status, "seconds": monotonic() - begun, **self._judged(directory, result)}

    def end(self) -> None:
        """End all processes."""
        for who in list(self.pids):
            self._end(who)

    def _judged(self, directory: Path, result: Path) -> dict[str, Any]:
        if not result.exists():
            return {"ended": "without a word"}
        told = json.loads(result.read_text())
        if "error" in told:
            return {"ended": "named failure", **told}
        weights = told.pop("weights")
        right = expected(self.place, told["attended"], directory / "expected.json")
        return {"ended": "right model" if weights == right else "another model", **told}

    def _do_what_is_due(self) -> None:
        now = monotonic()
        for each in [each for each in self._due if each[0] <= now]:
            self._due.remove(each)
            each[1]()

    def _let(self, fault: Fault) -> None:
        if fault.who not in self.pids:
            return
        if fault.kind == "stop":
            self._signal(fault.who, signal.SIGSTOP)
            undo = partial(self._signal, fault.who, signal.SIGCONT)
        elif fault.who == ASKER:
            self._signal(ASKER, signal.SIGKILL)
            return
        else:
            self._end(fault.who)
            undo = partial(self.start, fault.who)
        self._due.append((monotonic() + fault.lasting, undo))

    def _ask(self, directory: Path, result: Path) -> int:
        reading, writing = os.pipe()
        self.pids[ASKER] = forked(partial(self.place.ask, directory, result, writing))
        os.close(writing)
        return reading

    def _signal(self, who: str, number: signal.Signals) -> None:
        if who in self.pids:
            os.kill(self.pids[who], number)

    def _end(self, who: str) -> None:
        self._signal(who, signal.SIGKILL)
        os.waitpid(self.pids.pop(who), 0)


def main() -> None:
    """Play runs, and tell what came of each."""
    parser = ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--runs", type=int, default=len(FAULTS))
    parser.add_argument("--seed")
    parser.add_argument("--deadline", type=float, default=5.0)
    parser.add_argument("--patience", type=float, default=240.0)
    arguments = asked(parser)
    director = Director(Place(arguments.root, arguments.deadline), arguments.patience)
    try:
        for number in range(arguments.runs):
            if arguments.seed is None:
                faults = [FAULTS[number]]
            else:
                faults = faults_by_chance(random.Random(f"{arguments.seed}/{number}"))
            directory = arguments.root / str(number)
            directory.mkdir()
            told = director.play(directory, faults)
            happened = [f"{each.kind} {each.who} {each.rounds} {each.lasting}" for each in faults]
            sys.stdout.write(json.dumps({"faults": happened, **told}) + "\n")
            sys.stdout.flush()
    finally:
        director.end()


if __name__ == "__main__":
    main()
