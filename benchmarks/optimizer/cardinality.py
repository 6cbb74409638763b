"""How far off row estimates are: filters, joins and groups of TPC-H and of the peers' queries.

Each part of each rewritten plan is estimated and then counted. The q-error of an estimate is the
factor by which it is off, either way (Moerkotte et al., "Preventing bad plans by bounding the
impact of cardinality estimation errors", VLDB 2009); counts below one row are taken as one.

    python benchmarks/optimizer/cardinality.py [--scale 0.1] [--stores parquet postgresql mixed]
        [--data DIRECTORY] [--output FILE.json]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import wayfed as wf
from benchmarks.peers.queries import QUERIES as PEERS
from tests.tpch.database import QUERIES, TABLES, file_of, fill_postgresql, generate
from wayfed.dataset import Dataset
from wayfed.local import Context
from wayfed_database.embedded import PostgresServer
from wayfed_optimizer.errors import WayfedError
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    Relation,
    SetOperation,
    reads,
    walk_once,
)
from wayfed_optimizer.rewrite import rewrite
from wayfed_optimizer.statistics import Cardinalities, TableStatistics
from wayfed_optimizer.text import headline

_COUNTED = (Aggregate, Distinct, Filter, Join, SetOperation)
_IN_DATABASE = {"customer", "nation", "region", "supplier"}
_WORST = 12


def queries() -> Iterator[tuple[str, str]]:
    """Yield the names and texts of the queries; peers' tables are called as TPC-H's."""
    for number, text in QUERIES.items():
        yield f"tpch {number}", text
    for name, text in PEERS.items():
        plain = re.sub(r"\$p[gq]\.(\w+)", lambda found: found[1].replace("15m", ""), text)
        yield f"peers {name}", plain


def errors(context: Context) -> Iterator[tuple[float, str, str, float, int]]:
    """Yield q-error, query, operator, estimate and count for each part of each query's plan."""
    for name, text in queries():
        dataset = context.sql(text)
        assert isinstance(dataset, Dataset)
        environment = context.environment
        known = {r.table: environment.statistics_of(r.table) for r in reads(dataset.relation)}
        plan = planned(dataset.relation, known)
        rows = Cardinalities(known.__getitem__)
        for relation in walk_once(plan):
            if not isinstance(relation, _COUNTED):
                continue
            estimated = rows.rows(relation).likely
            counted = counted_rows(context, relation)
            if counted is None:
                continue
            factor = max(estimated, 1.0) / max(counted, 1)
            yield max(factor, 1 / factor), name, headline(relation), estimated, counted


def planned(relation: Relation, known: Mapping[str, TableStatistics]) -> Relation:
    """Return a plan as it is placed."""
    return rewrite(relation, lambda table: known[table].keys).relation


def counted_rows(context: Context, relation: Relation) -> int | None:
    """Return the rows that a part of a plan has; None where it cannot stand alone."""
    try:
        return context.dataset(relation).count()
    except WayfedError as error:
        print(f"not counted: {headline(relation)}: {error}", file=sys.stderr)
        return None


def measure(store: str, directory: Path, url: str) -> dict[str, object]:
    """Return the distribution of q-errors over the tables of one kind of store."""
    with wf.context() as context:
        for table in TABLES:
            stored = store == "postgresql" or (store == "mixed" and table in _IN_DATABASE)
            if stored:
                context.register(table, url, table=table)
            else:
                context.register(table, file_of(directory, table))
        found = sorted(errors(context), reverse=True)
    factors = [each[0] for each in found]
    return {
        "store": store,
        "operators": len(found),
        "median": round(median(factors), 2),
        "p95": round(quantiles(factors, n=20)[-1], 1),
        "max": round(factors[0], 1),
        "worst": [
            {"q_error": round(q, 1), "query": n, "operator": o, "estimated": round(e), "rows": c}
            for q, n, o, e, c in found[:_WORST]
        ],
    }


def main() -> None:
    """Measure, print each result as JSON, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--data", type=Path, help="where the tables are, or are to be kept")
    parser.add_argument("--stores", nargs="*", default=["parquet", "postgresql", "mixed"])
    parser.add_argument("--output", type=Path)
    asked = parser.parse_args()
    with ExitStack() as stack:
        directory = asked.data or Path(stack.enter_context(TemporaryDirectory()))
        if not file_of(directory, TABLES[0]).exists():
            generate(directory, asked.scale)
        url = ""
        if set(asked.stores) - {"parquet"}:
            url = stack.enter_context(PostgresServer.start()).url
            fill_postgresql(url, directory)
        results = []
        for store in asked.stores:
            results.append(measure(store, directory, url))
            print(json.dumps(results[-1]), flush=True)
    if asked.output:
        asked.output.write_text(json.dumps({"scale": asked.scale, "stores": results}, indent=1))


if __name__ == "__main__":
    main()
