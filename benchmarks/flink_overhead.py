"""What wayfed adds to Flink, and how fast rows go through it.

TPC-H queries 1 and 3 as a plan, and by hand: the SQL in PyFlink, over the same tables in memory,
which both have to write for Flink first. The two take turns in one process, each with a JVM. The
budget is 5 % or 150 ms, whichever is more. Then lineitem, all of its columns, from Arrow through
Flink to Arrow; and out of Flink by PyFlink's own `to_pandas`.

    python benchmarks/flink_overhead.py [--scale 0.1] [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

import wayfed as wf
from wayfed_arrow import schema_from_arrow
from wayfed_flink.channels import FLINK_FILES, read_files
from wayfed_flink.jar import JAR
from wayfed_flink.tables import sink_table, source_table
from wayfed_optimizer.platform import FileSet

BUDGET_SHARE, BUDGET_MS = 0.05, 150.0
QUERIES = {
    "q01": Path(__file__).parents[1] / "tests" / "tpch" / "queries" / "q01.sql",
    "q03": Path(__file__).parents[1] / "tests" / "tpch" / "queries" / "q03.sql",
}
BY_HAND = {
    "q01": """
        SELECT l_returnflag, l_linestatus, SUM(l_quantity), SUM(l_extendedprice),
          SUM(l_extendedprice * (1 - l_discount)),
          SUM(l_extendedprice * (1 - l_discount) * (1 + l_tax)),
          AVG(CAST(l_quantity AS DOUBLE)), AVG(CAST(l_extendedprice AS DOUBLE)),
          AVG(CAST(l_discount AS DOUBLE)), COUNT(*)
        FROM lineitem WHERE l_shipdate <= DATE '1998-09-02'
        GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus""",
    "q03": """
        SELECT l_orderkey, SUM(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate,
          o_shippriority
        FROM customer, orders, lineitem
        WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
          AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15'
        GROUP BY l_orderkey, o_orderdate, o_shippriority
        ORDER BY revenue DESC, o_orderdate LIMIT 10""",
}
NEEDS = {"q01": ["lineitem"], "q03": ["customer", "orders", "lineitem"]}
ROWS_BY_PANDAS = 20_000


class ByHand:
    """PyFlink, used as its documentation says, over files that our jar reads and writes."""

    def __init__(self, directory: Path, parallelism: int) -> None:
        from pyflink.common import Configuration
        from pyflink.table import EnvironmentSettings, TableEnvironment

        settings = Configuration()
        settings.set_string("parallelism.default", str(parallelism))
        settings.set_string("rest.bind-port", "0")
        settings.set_string("table.local-time-zone", "UTC")
        settings.set_string("pipeline.jars", JAR.as_uri())
        settings.set_string("pipeline.object-reuse", "true")
        made = EnvironmentSettings.new_instance().in_batch_mode().with_configuration(settings)
        self.tables = TableEnvironment.create(made.build())
        self._directory = directory

    def add(self, name: str, table: pa.Table) -> None:
        """Write a table for Flink."""
        path = self._directory / f"{uuid4().hex}.arrows"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table, 32_768)
        self.tables.execute_sql(f"DROP TEMPORARY TABLE IF EXISTS `{name}`")
        files = FileSet((path,), schema_from_arrow(table.schema), channel=FLINK_FILES)
        self.tables.execute_sql(source_table(name, files))

    def answer(self, sql: str, schema: pa.Schema) -> pa.Table:
        """Return the rows of a query."""
        place = self._directory / uuid4().hex
        place.mkdir()
        ours = schema_from_arrow(schema)
        self.tables.execute_sql(sink_table(place.name, place, ours))
        self.tables.execute_sql(f"INSERT INTO `{place.name}` {sql}").wait()
        return read_files(FileSet(tuple(sorted(place.iterdir())), ours)).read_all()


def tables_of(directory: Path, scale: float) -> dict[str, pa.Table]:
    """Make the tables, in memory."""
    program = Path(sys.executable).with_name("tpchgen-cli")
    command = [str(program), "parquet", "-s", str(scale), "-o", str(directory)]
    command += ["--tables", "lineitem,orders,customer"]
    subprocess.run(command, check=True)  # noqa: S603  a program of this environment
    return {
        name: pq.read_table(directory / f"{name}.parquet").cast(plain(directory, name))
        for name in ("lineitem", "orders", "customer")
    }


def plain(directory: Path, name: str) -> pa.Schema:
    """Return the columns of a table with types that need no cast."""
    schema = pq.read_schema(directory / f"{name}.parquet")
    text = {pa.string_view(), pa.large_string()}
    return pa.schema([f.with_type(pa.string()) if f.type in text else f for f in schema])


def in_turn(runs: int, *programs: Callable[[], object]) -> list[float]:
    """Time programs one after the other, `runs` times; the median in milliseconds of each."""
    spent: list[list[float]] = [[] for _ in programs]
    for warming in range(2 + runs):
        for times, program in zip(spent, programs, strict=True):
            before = perf_counter()
            program()
            if warming >= 2:
                times.append(1000 * (perf_counter() - before))
    return [median(times) for times in spent]


def main() -> None:
    """Measure and print lines of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    options: dict[str, Any] = {"parallelism": 2, "memory": "4g"}
    with tempfile.TemporaryDirectory() as scratch, wf.context(flink=options) as context:
        directory = Path(scratch)
        tables = tables_of(directory, asked.scale)
        hand = ByHand(directory, 2)
        for name, table in tables.items():
            context.register(name, table)
        for query, path in QUERIES.items():
            plan = context.sql(path.read_text()).on("flink")
            schema = plan.to_arrow().schema

            def by_hand(query: str = query, schema: pa.Schema = schema) -> None:
                for name in NEEDS[query]:
                    hand.add(name, tables[name])
                hand.answer(BY_HAND[query], schema)

            ours, theirs = in_turn(asked.runs, plan.to_arrow, by_hand)
            allowed = max(BUDGET_MS, BUDGET_SHARE * theirs)
            told = {"case": query, "wayfed_ms": round(ours), "by_hand_ms": round(theirs)}
            print(json.dumps({**told, "of_budget": round((ours - theirs) / allowed, 2)}))
        lineitem = tables["lineitem"]
        through = context.read(lineitem).filter(lambda row: row.l_orderkey > 0).on("flink")
        (passed,) = in_turn(asked.runs, through.to_arrow)
        hand.add("lineitem", lineitem)
        few = f"SELECT * FROM lineitem WHERE l_orderkey <= {ROWS_BY_PANDAS // 4}"
        before = perf_counter()
        frame = hand.tables.sql_query(few).to_pandas()
        slow = len(frame) / (perf_counter() - before)
        fast = 1000 * lineitem.num_rows / passed
        told = {"case": "lineitem", "rows_per_second": round(fast), "to_pandas": round(slow)}
        print(json.dumps({**told, "ratio": round(fast / slow, 1)}))


if __name__ == "__main__":
    main()
