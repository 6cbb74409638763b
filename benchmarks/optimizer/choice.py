"""Whether the free choice is the best one: each case is forced onto every platform that can run it.

    python -m benchmarks.optimizer.choice [--rows 300000] [--only TEXT] [--output FILE.json]

Half of the cases, forced, calibrate the costs by which the other half is planned, and the other way
round; what planning takes counts. Regret is the time of the free choice over that of the best of
all placements; differences under 20 ms are ties. Each placement runs once before its time counts,
and is planned anew each time, with what earlier runs of it counted; then they run in turns, and the
shortest run of each counts.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from statistics import geometric_mean
from tempfile import TemporaryDirectory
from threading import Timer
from time import perf_counter, thread_time
from typing import Any

import psycopg
from pyarrow import parquet

import wayfed as wf
from benchmarks.optimizer.cases import HERE, POSTGRESQL, SLOW, SQLITE, Case, cases, rows_of
from benchmarks.optimizer.links import SlowLink
from wayfed.calibration import Observation, fit, kind_of
from wayfed.calibration.defaults import assumed_of
from wayfed.calibration.links import measure_link
from wayfed.calibration.observing import own_seconds
from wayfed.calibration.storing import Measured, mark_of, save
from wayfed.dataset import Dataset
from wayfed.execution import execute
from wayfed.execution.report import Report
from wayfed.local import Context
from wayfed.plans import Plans
from wayfed_database.embedded import PostgresServer
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import WayfedError
from wayfed_optimizer.physical import Exchange
from wayfed_optimizer.stages import Stages

TIE = 0.02
CAP = "48MB"
FREE = "free"
SLOW_BYTES, SLOW_LATENCY = 4e6, 0.004
LONGEST = 6.0
"""Seconds after which a placement that is no good is given up."""
IN_TURNS = 6.0
"""Seconds that the turns of a case take, about: so long no further round begins."""
FEWEST, MOST = 2, 6
"""So many rounds at least, and at most, besides the first, which does not count."""


@dataclass
class Laid:
    """Where the tables are: by place, what reads one of a size."""

    directory: Path
    urls: Mapping[str, str]

    def read(self, context: Context, place: str, name: str, rows: int) -> Dataset:
        """Return a table where it lies."""
        if place in self.urls:
            return context.read(self.urls[place], table=f"{name}_{rows}")
        file = self.directory / f"{name}_{rows}.parquet"
        return context.read(parquet.read_table(file) if place == "memory" else file)


@dataclass
class Result:
    """The seconds of the placements of a case, and of the free choice.

    Parameters
    ----------
    case
        Which it is.
    forced
        The seconds of all placements, when they were tried.
    beside
        Those of the best of them and of fixed policies, in turns with the free choice.
    observed
        What fragments had to do and took: kind of platform, place, and it.
    at_source
        The placement of each part on the store where its table lies.
    free, planning, chosen
        The free choice: its seconds, those of planning among them, and its platforms.
    parts
        What the fragments of the free choice, and of the best placement, were estimated to take.
    """

    case: Case
    forced: dict[str, float] = field(default_factory=dict)
    beside: dict[str, float] = field(default_factory=dict)
    observed: list[tuple[str, str, Observation]] = field(default_factory=list)
    at_source: str = ""
    free: float = math.inf
    planning: float = math.inf
    chosen: str = ""
    parts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def in_duckdb(self) -> str:
        """The placement of each part in DuckDB."""
        return ", ".join(f"{part} duckdb" for part in self.case.parts)

    @property
    def best(self) -> float:
        """The seconds of the best placement."""
        return min((*self.beside.values(), self.free))

    def regret(self, seconds: float) -> float:
        """Return by how much some seconds are worse than the best; ties are not."""
        return 1.0 if seconds - self.best < TIE else seconds / self.best


@contextmanager
def laid(sizes: Iterable[int]) -> Iterator[Laid]:
    """Put the tables in all places."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        server = stack.enter_context(PostgresServer.start())
        link = stack.enter_context(
            SlowLink(server.url, bytes_per_second=SLOW_BYTES, latency=SLOW_LATENCY)
        )
        sqlite = f"sqlite:///{directory / 'store.sqlite'}"
        with wf.context() as context:
            for rows in sizes:
                for name, table in rows_of(rows).items():
                    parquet.write_table(table, directory / f"{name}_{rows}.parquet")
                    for url in (server.url, sqlite):
                        context.read(table).write(url, table=f"{name}_{rows}")
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("analyze")
        yield Laid(directory, {POSTGRESQL: server.url, SLOW: link.url, SQLITE: sqlite})


def names_of(context: Context, case: Case, where: Laid) -> Mapping[str, str]:
    """Return the platforms' names by place."""
    # The second of two stores of a name is given another one.
    stores = {url: platform.name for (_, url), platform in context._stores.items()}
    return {
        place: "duckdb" if place in HERE else stores[where.urls[place]]
        for place in (case.facts, case.others)
    }


@dataclass(frozen=True)
class Timed:
    """A run: the seconds of planning and of running, the stages and the report."""

    planning: float
    seconds: float
    stages: Stages
    report: Report


def timed(context: Context, plans: Plans, dataset: Dataset, longest: float = LONGEST) -> Timed:
    """Plan and run a dataset, for so many seconds at the longest.

    The plan is made anew, with what earlier runs of it have counted.
    """
    plans.clear()
    before = thread_time()
    planned = plans.plan(dataset.relation, context.environment)
    # The processor's time, as others keep it busy; but statistics are waited for.
    planning = max(thread_time() - before, planned.stages.seconds["statistics"])
    began = perf_counter()
    token = CancellationToken()
    timer = Timer(longest, token.cancel, ("it takes too long",))
    timer.start()
    try:
        with execute(
            planned.stages,
            planned.environment,
            token=token,
            done=lambda execution: plans.learn(planned, execution),
        ) as execution:
            for _ in execution.stream:
                pass
    finally:
        timer.cancel()
    return Timed(planning, perf_counter() - began, execution.stages, execution.report)


@dataclass
class Opened:
    """A case in a context of its own."""

    case: Case
    context: Context
    facts: Dataset
    others: Dataset
    names: Mapping[str, str]

    @classmethod
    @contextmanager
    def of(cls, case: Case, where: Laid) -> Iterator[Opened]:
        """Open a case, with little memory where it is about that."""
        with wf.context(duckdb={"memory_limit": CAP} if case.capped else {}) as context:
            facts = where.read(context, case.facts, "facts", case.rows)
            others = where.read(context, case.others, case.second, case.rows)
            yield cls(case, context, facts, others, names_of(context, case, where))

    def placements(self) -> Mapping[str, Dataset]:
        """Return the case under each placement, by its name."""
        return {
            ", ".join(f"{part} {name}" for part, name in choice.items()): self.forced(choice)
            for choice in self.case.choices(self.names)
        }

    def forced(self, choice: Mapping[str, str]) -> Dataset:
        """Return the case with parts of it on certain platforms."""

        def on(part: str, dataset: Dataset) -> Dataset:
            return dataset.on(choice[part]) if part in choice else dataset

        return self.case.dataset(self.facts, self.others, on)


def force_all(case: Case, where: Laid) -> Result:
    """Run every placement of a case twice: the second run counts."""
    result = Result(case)
    with Opened.of(case, where) as opened:
        names = opened.names
        places = {name: place for place, name in names.items()}
        own = {"others": names[case.others]}
        result.at_source = ", ".join(f"{p} {own.get(p, names[case.facts])}" for p in case.parts)
        placements = opened.placements()
        plans = {label: Plans() for label in placements}
        for label, dataset in placements.items():
            with suppress(WayfedError):
                result.forced[label] = timed(opened.context, plans[label], dataset).seconds
        for label, known in sorted(result.forced.items(), key=itemgetter(1)):
            if known > 3 * min(result.forced.values()) + TIE:
                break
            with suppress(WayfedError):
                ran = timed(opened.context, plans[label], placements[label])
                result.forced[label] = ran.seconds
                result.observed += observed(ran.stages, ran.report, places)
    return result


def observed(
    stages: Stages, report: Report, places: Mapping[str, str]
) -> Iterator[tuple[str, str, Observation]]:
    """Yield what fragments took whose rows were estimated well: their kind, their place, and it."""
    for fragment in stages.physical.fragments:
        took, told = report.fragments[fragment.id], fragment.rows.likely
        own = own_seconds(fragment, report)
        is_near = max(took.rows, told) <= 2 * min(took.rows, told) + 100
        if is_near and own > 0.5 * took.seconds:
            place = places.get(fragment.platform, "")
            yield kind_of(fragment.platform), place, Observation(dict(fragment.work), own)


def run_free(result: Result, where: Laid) -> None:
    """Run the free choice of a case, planning included, in turns with the best placements."""
    forced = result.forced
    best = sorted(forced, key=lambda label: forced[label])[:2]
    policies = (result.in_duckdb, result.at_source)
    near = [p for p in policies if forced.get(p, math.inf) < 2 * forced[best[0]] + TIE]
    with Opened.of(result.case, where) as opened:
        placements = opened.placements()
        turns = {FREE: opened.forced({}), **{each: placements[each] for each in (*best, *near)}}
        ran: dict[str, list[Timed]] = {label: [] for label in turns}
        plans = {label: Plans() for label in turns}
        spent = 0.0
        for number in range(MOST + 1):
            if number > FEWEST and spent > IN_TURNS:
                break
            for label in list(turns)[:: 1 if number % 2 else -1]:
                longest = LONGEST if label != FREE else 10 * LONGEST
                with suppress(WayfedError):
                    now = timed(opened.context, plans[label], turns[label], longest)
                    spent += now.seconds
                    ran[label] += [now] if number else []
    shortest = {
        label: min(each, key=lambda one: one.seconds) for label, each in ran.items() if each
    }
    free = shortest.pop(FREE)
    result.planning = min(each.planning for each in ran[FREE])
    result.chosen = " ".join(f.platform for f in free.stages.physical.fragments)
    result.beside = {label: each.seconds for label, each in shortest.items()}
    # Where both are the same plan, both times are of it.
    own = text_of(free.stages)
    same = [each.seconds for each in shortest.values() if text_of(each.stages) == own]
    result.free = min(free.seconds, *same, math.inf) + result.planning
    result.parts[FREE] = parts_of(free)
    if shortest:
        label = min(shortest, key=lambda each: shortest[each].seconds)
        result.parts[label] = parts_of(shortest[label])


def parts_of(ran: Timed) -> list[dict[str, Any]]:
    """Return what the fragments of a plan were estimated to take and have, and took and had."""
    found = []
    for fragment in ran.stages.physical.fragments:
        took = ran.report.fragments[fragment.id]
        ways = [i.cost.seconds for i in fragment.inputs.values() if isinstance(i, Exchange)]
        found.append(
            {
                "platform": fragment.platform,
                "seconds": [
                    round(fragment.cost.seconds, 4),
                    round(own_seconds(fragment, ran.report), 4),
                ],
                "rows": [round(fragment.rows.likely), took.rows],
                "inputs": [round(seconds, 4) for seconds in ways],
            }
        )
    return found


def text_of(stages: Stages) -> str:
    """Return a plan as its platforms are asked, in their order."""
    fragments = stages.physical.fragments
    return "; ".join(f"{f.platform}: {stages.compiled[f.id].text}" for f in fragments)


def calibrated(results: list[Result], links: list[Measured], where: Laid) -> list[Measured]:
    """Return the rates that fit some cases, over what was measured of the links."""
    by_kind: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    marks = {place: mark_of(url) for place, url in where.urls.items()}
    for result in results:
        for kind, place, seen in result.observed:
            by_kind[kind, marks[SLOW] if place == SLOW else ""].append(seen)
    found = {(each.platform, each.place): each for each in links}
    for (kind, mark), observations in sorted(by_kind.items()):
        known = assumed_of(kind)
        assert known is not None
        for key in ((kind, ""), (kind, mark)):
            known = known.measured(found[key].rates) if key in found else known
        own = found[kind, mark].rates if (kind, mark) in found else {}
        rates = {**own, **fit(observations, known, most=8.0)}
        found[kind, mark] = Measured(kind, "", rates, mark, observations=len(observations))
    return list(found.values())


def policies(result: Result) -> Mapping[str, float]:
    """Return the seconds of fixed policies; of those far from the best, as they were tried."""
    labels = {"all in DuckDB": result.in_duckdb, "all at the source": result.at_source}
    tried = {**result.forced, **result.beside}
    return {policy: tried.get(label, math.inf) for policy, label in labels.items()}


def main() -> None:
    """Measure all cases, and print a line of JSON for each, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument(
        "--only", nargs="*", default=[""], help="only cases with one of these in their names"
    )
    parser.add_argument("--output", type=Path)
    asked = parser.parse_args()
    found = measure(asked.rows, asked.only)
    if asked.output:
        asked.output.write_text(json.dumps(found, indent=1))
    print(json.dumps(found["summary"]))


def measure(rows: int = 300_000, only: Sequence[str] = ("",)) -> dict[str, Any]:
    """Return what the cases took, and how good the choices were."""
    chosen = [case for case in cases(rows) if any(text in case.name for text in only)]
    os.environ["WAYFED_CALIBRATION"] = "off"
    with laid({case.rows for case in chosen}) as where, TemporaryDirectory() as caches:
        results = []
        for case in chosen:
            results.append(force_all(case, where))
            print(case.name, {k: round(v, 3) for k, v in results[-1].forced.items()}, flush=True)
        links = [measure_link(where.urls[SLOW])]
        os.environ["WAYFED_CALIBRATION"] = "on"
        for half in (0, 1):
            os.environ["WAYFED_CACHE"] = str(Path(caches) / str(half))
            save(calibrated(results[1 - half :: 2], links, where))
            for result in results[half::2]:
                run_free(result, where)
                print(json.dumps(told(result)), flush=True)
    return {"cases": [told(each) for each in results], "summary": summary(results)}


def told(result: Result) -> dict[str, Any]:
    """Return a result as it is printed."""
    return {
        "case": result.case.name,
        "free": round(result.free, 4),
        "planning": round(result.planning, 4),
        "chosen": result.chosen,
        "best": round(result.best, 4),
        "regret": round(result.regret(result.free), 3),
        "parts": result.parts,
        "beside": {label: round(seconds, 4) for label, seconds in result.beside.items()},
        "forced": {label: round(seconds, 4) for label, seconds in result.forced.items()},
    }


def summary(results: list[Result]) -> dict[str, Any]:
    """Return how good the choices were, and how good fixed policies would have been."""
    regrets = sorted(each.regret(each.free) for each in results)
    right: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        for policy, seconds in policies(result).items():
            right[policy].append(result.regret(seconds) <= 1.05)
    return {
        "cases": len(results),
        "geometric_mean_regret": round(geometric_mean(regrets), 3),
        "worst_regret": round(regrets[-1], 2),
        "right": round(sum(regret <= 1.05 for regret in regrets) / len(regrets), 2),
        "policies_right": {p: round(sum(each) / len(each), 2) for p, each in right.items()},
        "load": os.getloadavg(),
    }


if __name__ == "__main__":
    main()
