"""What whole runs over a coordinator cost, beside the same runs in one process.

The hub is a process of its own, as `wayfed coordinator serve` is; the parties live in a few
processes, a connection each, and reach it over grpcio with mutual TLS. Runs over both grids take
turns. The budget over `local` is 0.02 s a round at 10 parties and 0.1 s at 100. CPU seconds are of
a round: here, at the hub, and of all parties together.

    python benchmarks/federated_grpc.py [--parties 10 100] [--rounds 10] [--turns 3]

``--numbers 6500000`` sends a model of that many numbers to and fro instead, and tells the most
memory that each process had.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from federated_links import cpu_seconds
from federated_rounds import FEATURES, LEARNING_RATE, STEPS, clocks, parties_of, since
from flwr.app import Context, Message
from threadpoolctl import threadpool_limits

import wayfed as wf
from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.grids.rpc.hub import Hub
from wayfed.federated.grids.rpc.identity import make_identity
from wayfed.federated.grids.rpc.link import Link
from wayfed.federated.grids.rpc.outbound import Coordinator
from wayfed.federated.grids.rpc.roster import FixedRoster, Roster
from wayfed.federated.parties.audit import Asker
from wayfed.federated.parties.configuration import PartyConfiguration
from wayfed.federated.parties.member import Member
from wayfed.federated.parties.opening import open_session
from wayfed.federated.parties.session import PLAN
from wayfed.federated.wire import flower_process
from wayfed_optimizer.types import Schema

COLUMNS: Final = {**{f"x{n}": "float64" for n in range(FEATURES)}, "late": "bool"}


class InTurn:
    """A session of a party that shares its process: they work one after the other.

    Parties at once in one process would mostly hand on the interpreter's lock, which those in
    processes of their own do not.
    """

    def __init__(self, member: Member, turn: threading.Lock, asker: Asker) -> None:
        self._session = open_session(member, asker)
        self._turn = turn

    def answer(self, message: Message, context: Context) -> Message:
        """Answer a message when it is this party's turn."""
        with self._turn:
            return self._session.answer(message, context)

    def lend(self) -> Arrays:
        """Lend the arrays."""
        return self._session.lend()

    def end(self, reason: str) -> None:
        """Stop what runs."""
        self._session.end(reason)


class Elsewhere:
    """A hub and parties in processes of their own, which end with this one's pipes.

    Parameters
    ----------
    directory
        Where the parties' rows are, a file for each.
    names
        The parties.
    processes
        How many processes they share.
    """

    def __init__(self, directory: Path, names: list[str], processes: int) -> None:
        self.hub, self.analyst = make_identity("hub"), make_identity("analyst")
        self.identities = {name: make_identity(name) for name in names}
        self._directory = directory
        self._pipes: list[int] = []
        told, telling = os.pipe()
        self.pids = {"hub": self._fork(lambda end: self._serve(telling, end))}
        self.port = int(os.read(told, 16))
        for number in range(processes):
            mine = names[number::processes]
            self.pids[f"parties {number}"] = self._fork(lambda end, mine=mine: self._be(mine, end))

    def context(self) -> Any:
        """Give a context that reaches the parties."""
        for end, content in (("pem", self.analyst.certificate), ("key", self.analyst.key)):
            path = self._directory / f"analyst.{end}"
            path.write_bytes(content)
            path.chmod(0o600)
        coordinator = {
            "address": f"127.0.0.1:{self.port}",
            "fingerprint": self.hub.fingerprint,
        }
        identity = {
            "certificate": str(self._directory / "analyst.pem"),
            "key": str(self._directory / "analyst.key"),
        }
        return wf.context(
            env="federated",
            parties={"schema": {"rows": COLUMNS}, "coordinator": coordinator, "identity": identity},
        )

    def cpu(self) -> dict[str, float]:
        """Give the CPU seconds of the hub and of all parties."""
        spent = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
        hub = spent.pop("hub")
        return {"hub": hub, "parties": sum(spent.values())}

    def peaks(self) -> dict[str, int]:
        """Give the most memory that each process had, in MB."""
        return {name: peak(pid) for name, pid in self.pids.items()}

    def close(self) -> None:
        """End the processes."""
        for pid in self.pids.values():
            os.kill(pid, signal.SIGKILL)
        for pid in self.pids.values():
            os.waitpid(pid, 0)

    def _fork(self, work: Any) -> int:
        reading, writing = os.pipe()
        child = os.fork()  # before there are threads
        if child == 0:
            os.close(writing)
            try:
                work(reading)
            finally:
                os._exit(0)
        os.close(reading)
        self._pipes.append(writing)
        return child

    def _serve(self, telling: int, end: int) -> None:
        listed = {identity.fingerprint: name for name, identity in self.identities.items()}
        everyone = [*self.identities.values(), self.analyst]
        roster = Roster(
            listed,
            {self.analyst.fingerprint: "analyst"},
            b"".join(identity.certificate for identity in everyone),
        )
        hub = Hub(self.hub, FixedRoster(roster))
        hub.start("127.0.0.1:0")
        os.write(telling, str(hub.port).encode())
        os.read(end, 1)

    def _be(self, names: list[str], end: int) -> None:
        coordinator = Coordinator(
            f"127.0.0.1:{self.port}", self.hub.fingerprint, self.hub.certificate
        )
        published = {"rows": Schema.of(**COLUMNS)}
        turn = threading.Lock()
        with flower_process(), threadpool_limits(1, user_api="blas"):
            for name in names:
                party = PartyConfiguration.model_validate(described(self._directory, name))
                link = Link(
                    name,
                    self.identities[name],
                    coordinator,
                    tables=("rows",),
                    min_rows=1,
                    make=partial(InTurn, Member.of(name, party, published), turn),
                    serves=lambda: {self.analyst.fingerprint},
                    first=PLAN,
                )
                threading.Thread(target=link.serve, daemon=True).start()
            os.read(end, 1)


def described(directory: Path, name: str) -> dict[str, Any]:
    """Describe a party's side of the federation."""
    return {"tables": {"rows": {"source": str(directory / f"{name}.parquet")}}}


def peak(pid: int | str = "self") -> int:
    """Give the most memory that a process had, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def model_of(numbers: int) -> Any:
    """Give a model of that many numbers; of none, the one that is quick to train."""
    if not numbers:
        return models.logistic_regression(learning_rate=LEARNING_RATE, local_epochs=STEPS)
    return models.mlp(hidden=(numbers // (FEATURES + 2),), batch_size=1024)


def written(directory: Path, count: int, rows: int | None) -> list[str]:
    """Write each party's rows into a file; give their names."""
    names = []
    for name, arrays in parties_of(count).items():
        table = pa.table({column: arrays[column][:rows] for column in COLUMNS})
        pq.write_table(table, directory / f"{name}.parquet")
        names.append(name)
    return names


def measure(asked: argparse.Namespace, count: int) -> dict[str, Any]:
    """Let runs over both grids take turns; give medians of their rounds."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        names = written(directory, count, 16 if asked.numbers else None)
        elsewhere = Elsewhere(directory, names, min(asked.processes, count))
        try:
            return _measured(asked, elsewhere, directory, names)
        finally:
            elsewhere.close()


def _measured(
    asked: argparse.Namespace, elsewhere: Elsewhere, directory: Path, names: list[str]
) -> dict[str, Any]:
    taken: dict[str, list[tuple[float, float]]] = {"grpc": [], "local": []}
    away = {"hub": 0.0, "parties": 0.0}
    found: list[Mapping[str, Any]] = []
    parties = {name: described(directory, name) for name in names}
    simulated = {"schema": {"rows": COLUMNS}, "party": parties}
    with elsewhere.context() as there, wf.context(env="federated", parties=simulated) as here:
        waiting = threading.Event()
        while len(there.parties()) < len(names):
            waiting.wait(0.1)
        arrays = {
            "grpc": there.read("rows").to_numpy(),
            "local": here.read("rows").to_numpy(),
        }
        for _ in range(asked.turns):
            for runner, ctx in (("grpc", there), ("local", here)):
                if asked.numbers and runner == "local":
                    continue
                rounds: list[tuple[float, float]] = []
                spent: dict[str, float] = {}
                mark = clocks()

                def after_round(run: Any, rounds: Any = rounds, spent: Any = spent) -> None:
                    nonlocal mark
                    rounds.append(since(mark))
                    if not spent:
                        spent.update(elsewhere.cpu())
                    mark = clocks()

                run = ctx.run_federated(
                    arrays[runner],
                    label="late",
                    model=model_of(asked.numbers),
                    rounds=asked.rounds,
                    test=None,
                    on_round=after_round,
                    progress=False,
                )
                taken[runner] += rounds[1:]
                if runner == "grpc":
                    for who, seconds in elsewhere.cpu().items():
                        away[who] += seconds - spent[who]
                if not asked.numbers:
                    found.append(run.arrays)
    played = len(taken["grpc"])
    told: dict[str, Any] = {"parties": len(names), "rounds": played}
    for runner, each in taken.items():
        if each:
            told[f"{runner}_s"] = round(median(wall for wall, _ in each), 4)
            told[f"{runner}_least_s"] = round(min(each)[0], 4)
            told[f"{runner}_cpu_s"] = round(median(cpu for _, cpu in each), 4)
    if taken["local"]:
        told["over_s"] = round(told["grpc_s"] - told["local_s"], 4)
        told["least_over_s"] = round(told["grpc_least_s"] - told["local_least_s"], 4)
    told |= {f"{who}_cpu_s": round(seconds / played, 4) for who, seconds in away.items()}
    told["load"] = round(os.getloadavg()[0], 1)
    told["equal"] = all(
        np.array_equal(each[name], found[0][name]) for each in found for name in found[0]
    )
    if asked.numbers:
        told["numbers"] = asked.numbers
        told["peak_mb"] = {"here": peak(), **elsewhere.peaks()}
    return told


def main() -> None:
    """Measure and print one line of JSON a number of parties."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parties", type=int, nargs="*", default=[10, 100])
    parser.add_argument("--numbers", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--processes", type=int, default=4)
    asked = parser.parse_args()
    for count in asked.parties:
        print(json.dumps(measure(asked, count)), flush=True)


if __name__ == "__main__":
    main()
