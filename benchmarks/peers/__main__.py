"""Runs the queries on every peer there is, and prints what each took beside the expert."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import peers
from benchmarks.peers.data import CACHE, Data, opened
from benchmarks.peers.expert import Answer, Expert
from benchmarks.peers.measuring import Spent, difference, in_turns
from benchmarks.peers.programs import PEERS, Missing, Peer, Wayfed
from benchmarks.peers.proxy import Proxy
from benchmarks.peers.queries import QUERIES

_SHOWN = ("expert", "wayfed_plan_at_hand", "wayfed_warm", "wayfed_first")


def main() -> None:
    """Open the data and the peers, and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", usage=peers.__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--queries", type=_names, default=tuple(QUERIES))
    parser.add_argument("--peers", type=_names, default=tuple(PEERS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where every figure is written")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the data is kept")
    asked = parser.parse_args()
    # Else plans go by what other programs' runs on this machine happened to take.
    os.environ.setdefault("WAYFED_CALIBRATION", "off")
    with ExitStack() as stack:
        data = stack.enter_context(opened(asked.scale, asked.cache))
        there = {}
        for name in dict.fromkeys(("expert", *asked.peers)):
            try:
                there[name] = stack.enter_context(closing(PEERS[name](data)))
            except Missing as error:
                print(f"# without {name}: {error}", flush=True)
        found = {query: measured(query, there, data, asked.runs) for query in asked.queries}
    if asked.json:
        load = [round(each, 1) for each in os.getloadavg()]
        told = {"scale": asked.scale, "runs": asked.runs, "load": load, "queries": found}
        asked.json.write_text(json.dumps(told, indent=1))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def measured(query: str, there: dict[str, Peer], data: Data, runs: int) -> dict[str, Any]:
    """Measure one query on all peers, print a line for each, and return the figures."""
    print(f"{query}", flush=True)
    expected = there["expert"].run(query)
    programs: dict[str, Callable[[], Answer]] = {}
    told: dict[str, Any] = {"peers": {}}
    for name, peer in there.items():
        for case, program in _cases(name, peer, query, data):
            try:
                wrong = difference(program(), expected)
            except Exception as error:  # noqa: BLE001  # other people's programs fail in their own ways
                wrong = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            if wrong is None:
                programs[case] = program
            else:
                print(f"  {case:22} {wrong[:150]}", flush=True)
                told["peers"][case] = {"failed": wrong}
    spent = in_turns(programs, data.server, runs)

    def answers(name: str) -> bool:
        return name in programs or f"{name}_warm" in programs

    passed = {name: counted(name, query, data) for name in ("expert", "wayfed") if answers(name)}
    base = spent["expert"]
    for case, each in spent.items():
        told["peers"][case] = asdict(each) | {"ratio": each.best / base.best}
        _print(case, each, base, passed.get(case.partition("_")[0]) if case in _SHOWN else None)
    if answers("wayfed"):
        told["planning_ms"] = _planning(there["wayfed"], query)
        stages = (f"{name} {ms:.1f}" for name, ms in told["planning_ms"].items())
        print(f"  planning, ms: {', '.join(stages)}", flush=True)
    told["passed"] = passed
    return told


def _cases(name: str, peer: Peer, query: str, data: Data) -> Iterator[tuple[str, Any]]:
    if isinstance(peer, Wayfed):
        yield "wayfed_plan_at_hand", lambda: peer.run_planned(query)
        yield "wayfed_warm", lambda: peer.run(query)
        yield "wayfed_first", lambda: _fresh(Wayfed, query, data)
        return
    yield name, lambda: peer.run(query)
    if name == "expert":
        yield "expert_first", lambda: _fresh(Expert, query, data)


def _fresh(kind: Callable[[Data], Peer], query: str, data: Data) -> Answer:
    with closing(kind(data)) as peer:
        return peer.run(query)


def _planning(peer: Peer, query: str) -> dict[str, float]:
    """Return the milliseconds of planning by stage, in a context that has planned it before."""
    from wayfed_optimizer.stages import plan

    assert isinstance(peer, Wayfed)
    told: list[dict[str, float]] = []
    for _ in range(3):
        before = perf_counter()
        relation = peer.dataset(query).relation
        bound = perf_counter() - before
        told.append({"sql": bound, **plan(relation, peer.context.environment).seconds})
    return {name: 1000 * min(each[name] for each in told) for name in told[0]}


def counted(name: str, query: str, data: Data) -> dict[str, dict[str, int]]:
    """Return what passes between a peer and PostgreSQL: the first time, then warm, then planned."""
    with Proxy(data.url) as proxy, closing(PEERS[name](replace(data, url=proxy.url))) as peer:
        times: dict[str, Callable[[str], Answer]] = {"first": peer.run, "warm": peer.run}
        if isinstance(peer, Wayfed):
            peer.planned(query)
            times["planned"] = peer.run_planned
        return {when: _passed(proxy, run, query) for when, run in times.items()}


def _passed(proxy: Proxy, run: Callable[[str], Answer], query: str) -> dict[str, int]:
    proxy.taken()
    run(query)
    return asdict(proxy.taken())


def _print(case: str, each: Spent, base: Spent, passed: dict[str, dict[str, int]] | None) -> None:
    line = (
        f"  {case:22} {1000 * each.best:8.1f} ms (median {1000 * each.median:7.1f})"
        f"  x{each.best / base.best:6.2f}  {each.cpu:6.3f} CPU s"
    )
    if passed is not None:
        when = {"wayfed_first": "first", "wayfed_plan_at_hand": "planned"}.get(case, "warm")
        of = passed.get(when, passed["warm"])
        line += (
            f"  rows out {of['copied']} (+{of['rows']} of the catalog), "
            f"{of['statements']} statements"
        )
    print(line, flush=True)


if __name__ == "__main__":
    main()
