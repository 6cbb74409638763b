"""What a round costs on the wire: parties that answer what they get, over grpcio with mutual TLS.

No arithmetic and no data: a round is a message to each party and an answer from each, of as many
numbers as a model has, and what is printed is what a grid adds to a run. The parties live in a few
processes, a connection each. The local grid takes its turns with the same parties in this process.

    python benchmarks/federated_links.py [--parties 10 100] [--numbers 18] [--rounds 50]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from flwr.app import Context, Message, RecordDict

from wayfed.arrays import Arrays
from wayfed.federated.grids.base import PartyGrid
from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.grids.rpc.grid import RpcGrid
from wayfed.federated.grids.rpc.hub import Hub
from wayfed.federated.grids.rpc.identity import Identity, make_identity
from wayfed.federated.grids.rpc.link import Link
from wayfed.federated.grids.rpc.outbound import Coordinator
from wayfed.federated.grids.rpc.roster import FixedRoster, Roster
from wayfed.federated.parties.audit import Asker
from wayfed.federated.parties.party import Party
from wayfed.federated.wire import flower_process, record_of
from wayfed_optimizer.errors import PartyError

KIND = "query.plan"


class Echo:
    """A session that gives back what it gets."""

    def __init__(self, _asker: Asker) -> None:
        return

    def answer(self, message: Message, context: Context) -> Message:
        """Give it back."""
        return Message(message.content, reply_to=message)

    def lend(self) -> Arrays:
        """Have none."""
        raise PartyError("an echo lends no arrays")

    def end(self, reason: str) -> None:
        """Do nothing: there is nothing to stop."""


def be_parties(identities: dict[str, Identity], hub: Identity, requester: str, port: int) -> None:
    """Connect for each of these parties, and answer until the process is ended."""
    coordinator = Coordinator(f"127.0.0.1:{port}", hub.fingerprint, hub.certificate)
    with flower_process():
        threads = [
            threading.Thread(
                target=Link(
                    name,
                    identity,
                    coordinator,
                    tables=(),
                    min_rows=1,
                    make=Echo,
                    serves=lambda: {requester},
                    first=KIND,
                ).serve
            )
            for name, identity in identities.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def turn(grid: PartyGrid, content: RecordDict) -> tuple[float, float]:
    """Play a round; give wall and CPU seconds."""
    wall, cpu = perf_counter(), process_time()
    messages = [Message(content, node, KIND) for node in grid.parties]
    replies = grid.send_and_receive(messages)
    taken = perf_counter() - wall, process_time() - cpu
    assert len(replies) == len(messages)
    assert not any(reply.has_error() for reply in replies)
    return taken


def cpu_seconds(pid: int) -> float:
    """Give the CPU seconds that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(parties: int, numbers: int, rounds: int, processes: int) -> dict[str, Any]:
    """Let rounds over both grids take turns; give medians."""
    identities = {f"party{n:04}": make_identity(f"party{n:04}") for n in range(parties)}
    own, requester = make_identity("hub"), make_identity("requester")
    names = list(identities)
    children, pipes = [], []
    for number in range(processes):
        reading, writing = os.pipe()
        child = os.fork()  # before there are threads
        if child == 0:
            os.close(writing)
            port = int(os.read(reading, 16))
            mine = {name: identities[name] for name in names[number::processes]}
            be_parties(mine, own, requester.fingerprint, port)
            os._exit(0)
        os.close(reading)
        children.append(child)
        pipes.append(writing)
    listed = {identity.fingerprint: name for name, identity in identities.items()}
    certificates = b"".join(identity.certificate for identity in identities.values())
    hub = Hub(own, FixedRoster(Roster(listed, {}, certificates)))
    hub.start("127.0.0.1:0")
    try:
        for pipe in pipes:
            os.write(pipe, str(hub.port).encode())
        waiting = threading.Event()
        while len(hub.present) < parties:
            waiting.wait(0.05)
        rpc = RpcGrid(hub.desk("requester", requester.fingerprint), names)
        echo = Echo(Asker("requester", requester.fingerprint, ""))
        local = LocalGrid([Party(name, echo.answer, echo.lend) for name in names])
        content = RecordDict({"arrays": record_of({"w": np.random.default_rng(0).random(numbers)})})
        grids: dict[str, PartyGrid] = {"local": local, "grpc": rpc}
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in grids}
        away = sum(map(cpu_seconds, children))
        for _ in range(rounds):
            for name, grid in grids.items():
                taken[name].append(turn(grid, content))
        away = sum(map(cpu_seconds, children)) - away
        rpc.close()
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)
        hub.close()
    wall = {name: median(each for each, _ in found) for name, found in taken.items()}
    least = {name: min(each for each, _ in found) for name, found in taken.items()}
    return {
        "parties": parties,
        "numbers": numbers,
        "local_s": round(wall["local"], 5),
        "grpc_s": round(wall["grpc"], 5),
        "over_s": round(wall["grpc"] - wall["local"], 5),
        "least_over_s": round(least["grpc"] - least["local"], 5),
        "cpu_here_s": round(median(cpu for _, cpu in taken["grpc"]), 5),
        "cpu_parties_s": round(away / rounds, 5),
        "load": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Measure and print one line of JSON a number of parties."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parties", type=int, nargs="*", default=[10, 100])
    parser.add_argument("--numbers", type=int, default=18)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--processes", type=int, default=4)
    asked = parser.parse_args()
    with flower_process():
        for parties in asked.parties:
            found = measure(parties, asked.numbers, asked.rounds, min(asked.processes, parties))
            print(json.dumps(found))


if __name__ == "__main__":
    main()
