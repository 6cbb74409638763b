"""What choosing platforms costs, by the shape of the plan and the number of platforms.

The last cases say what one more platform adds that is registered and not chosen.

CPU milliseconds, warm, of everything but statistics: rewriting, placing, cutting, compiling. The
platforms are on paper, so that there may be ten of them; TPC-H's shapes are in benchmarks.planning.

    python -m benchmarks.optimizer.planning [--runs 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

from tests.unit.placement.synthetic import PaperPlatform, environment, read
from wayfed_optimizer.cost import CostProfile
from wayfed_optimizer.expressions import Named, call, column, literal
from wayfed_optimizer.relations import Distinct, Filter, Join, Relation, Select, walk_once
from wayfed_optimizer.stages import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed_optimizer.environment import Environment


def platforms(count: int) -> list[PaperPlatform]:
    """Make platforms that differ in what they cost, every third of which has to be started."""
    return [
        PaperPlatform(
            f"p{i}",
            CostProfile(startup=4.0 * (i % 3 == 2), default_per_row=1e-8 * (1 + i % 4)),
        )
        for i in range(count)
    ]


def chain(operators: int, count: int) -> tuple[Relation, Environment]:
    """Make filters, distincts and selects, one upon the other, over one table."""
    env = environment(platforms(count), {"t": ("p0", 1e6)})
    made: Relation = read(env, "t")
    for number in range(operators - 1):
        key, value = (column(made.schema, name) for name in made.schema.names)
        match number % 3:
            case 0:
                made = Filter(made, call("greater", value, literal(float(number))))
            case 1:
                made = Distinct(made, (made.schema.names[0],))
            case 2:
                more = Named(f"x{number}", call("add", value, literal(float(number))))
                made = Select(made, (Named(key.name, key), more))
    return made, env


def bushy(
    operators: int, count: int, besides: tuple[PaperPlatform, ...] = ()
) -> tuple[Relation, Environment]:
    """Make joins of joins, with a filter on every table; the tables lie in all of the stores.

    What is there `besides` has no table.
    """
    leaves = (operators + 1) // 3
    tables = {f"t{i}": (f"p{i % count}", 10.0 ** (2 + i % 5)) for i in range(leaves)}
    env = environment([*platforms(count), *besides], tables)
    waiting: list[Relation] = []
    for name in tables:
        table = read(env, name)
        condition = call("greater", column(table.schema, f"{name}_x"), literal(0.5))
        waiting.append(Filter(table, condition))
    while len(waiting) > 1:
        left, right = waiting.pop(0), waiting.pop(0)
        keys = [next(n for n in side.schema.names if n.endswith("_id")) for side in (left, right)]
        waiting.append(Join(left, right, on=(tuple(keys),)))
    return waiting[0], env


def cpu_ms(make: Callable[[], tuple[Relation, Environment]], runs: int) -> dict[str, object]:
    """Plan what is made anew each time, so that nothing is known of it before."""
    spent, stages = [], []
    for _ in range(runs + 1):
        relation, env = make()
        before = process_time()
        made = plan(relation, env)
        spent.append(1000 * (process_time() - before))
        stages.append(made.seconds)
    parts = {name: round(1000 * median(s[name] for s in stages[1:]), 1) for name in stages[0]}
    operators = len([*walk_once(relation)])
    return {"cpu_ms": round(median(spent[1:]), 1), "operators": operators, "wall_ms": parts}


def added_ms(operators: int, count: int, runs: int) -> dict[str, object]:
    """Plan with and without a platform that is dear to start and slow, by turns."""
    dear = PaperPlatform("dear", CostProfile(startup=60.0, default_per_row=1e-4))
    spent: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(2 * runs + 1):
        for registered, each in spent.items():
            relation, env = bushy(operators, count, (dear,) if registered else ())
            before = process_time()
            made = plan(relation, env)
            each.append(1000 * (process_time() - before))
            assert all(fragment.platform != "dear" for fragment in made.physical.fragments)
    without, with_it = (median(each[1:]) for each in spent.values())
    return {"cpu_ms_without": round(without, 1), "cpu_ms_added": round(with_it - without, 1)}


CASES = {
    "chain of 80, 5 platforms": (lambda: chain(80, 5), 250),
    "bushy joins of 80, 5 platforms": (lambda: bushy(80, 5), 250),
    "joins of 10, 10 platforms": (lambda: bushy(10, 10), 250),
    "joins of 10, 4 platforms": (lambda: bushy(10, 4), 250),
    "joins of 20, 5 platforms": (lambda: bushy(20, 5), 250),
}

NOT_CHOSEN = {
    "joins of 5 tables, 2 platforms and one that is not chosen": (14, 2),
    "joins of 5 tables, 4 platforms and one that is not chosen": (14, 4),
    "joins of 8 tables, 4 platforms and one that is not chosen": (23, 4),
}
NOT_CHOSEN_MS = 5


def main() -> None:
    """Measure every case and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found: dict[str, dict[str, object]] = {}
    for name, (make, budget) in CASES.items():
        found[name] = {**cpu_ms(make, arguments.runs), "budget_ms": budget}
    for name, (operators, count) in NOT_CHOSEN.items():
        added = added_ms(operators, count, arguments.runs)
        found[name] = {**added, "budget_ms": NOT_CHOSEN_MS}
    text = json.dumps(found, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
