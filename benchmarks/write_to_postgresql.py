"""A million rows into PostgreSQL: through ``Dataset.write``, and by bare ADBC ingest.

Both make a table of the same Arrow table in turns, the best of each counts, and the share of bare
ADBC's speed that is kept is printed as JSON. The budget is 85 %.

Run ``python benchmarks/write_to_postgresql.py [URL]``; without a URL a server is started.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from time import perf_counter, process_time

import adbc_driver_manager
import adbc_driver_postgresql
import numpy as np
import pyarrow as pa

import wayfed as wf
from wayfed_database.embedded import PostgresServer

ROWS = 1_000_000
ROUNDS = 7
BUDGET = 0.85
TABLE = "wayfed_benchmark"


def made() -> pa.Table:
    """Return the rows: two integers, a float, a timestamp and a boolean, as they are read there."""
    numbers = np.arange(ROWS)
    return pa.table(
        {
            "id": numbers,
            "k": (numbers % 1000).astype("int32"),
            "x": numbers * 0.5,
            "at": pa.array(numbers * 1_000_000, pa.timestamp("us")),
            "even": pa.array(numbers % 2 == 0),
        }
    )


def bare(connection: adbc_driver_manager.AdbcConnection, table: pa.Table) -> int:
    """Write as a hand-written program would: one ingest that makes the table."""
    statement = adbc_driver_manager.AdbcStatement(connection)
    statement.set_options(
        **{
            "adbc.ingest.target_table": TABLE,
            "adbc.ingest.mode": "adbc.ingest.mode.create",
        }
    )
    statement.bind_stream(table.to_reader())
    count: int = statement.execute_update()
    statement.close()
    return count


def measure(url: str) -> dict[str, float]:
    """Return the best times of each, in seconds, of both the clock and this process's CPU."""
    table = made()
    database = adbc_driver_manager.AdbcDatabase(
        driver=adbc_driver_postgresql._driver_path(), uri=url
    )
    connection = adbc_driver_manager.AdbcConnection(database)
    best: dict[str, float] = {}
    with wf.context() as ctx:
        rows = ctx.read(table)
        ways = (
            ("bare", lambda: bare(connection, table)),
            ("wayfed", lambda: rows.write(url, table=TABLE)),
        )
        for _ in range(ROUNDS):
            for name, work in ways:
                _execute(connection, f"DROP TABLE IF EXISTS {TABLE}")
                _execute(connection, "CHECKPOINT")
                before, cpu = perf_counter(), process_time()
                assert work() == ROWS
                seconds = {"s": perf_counter() - before, "cpu_s": process_time() - cpu}
                for kind, each in seconds.items():
                    key = f"{name}_{kind}"
                    best[key] = min(best.get(key, each), each)
    _execute(connection, f"DROP TABLE {TABLE}")
    connection.close()
    database.close()
    return best


def _execute(connection: adbc_driver_manager.AdbcConnection, sql: str) -> None:
    statement = adbc_driver_manager.AdbcStatement(connection)
    statement.set_sql_query(sql)
    statement.execute_update()
    statement.close()


def main() -> None:
    """Print the measurement as one line of JSON, and hold it to the budget."""
    with ExitStack() as stack:
        url = sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(PostgresServer.start()).url
        best = measure(url)
    ratio = best["bare_s"] / best["wayfed_s"]
    result = {name: round(seconds, 4) for name, seconds in best.items()}
    print(json.dumps({"rows": ROWS, **result, "ratio": round(ratio, 3), "budget": BUDGET}))
    assert ratio >= BUDGET, f"{ratio:.0%} of bare ADBC's speed is below {BUDGET:.0%}"


if __name__ == "__main__":
    main()
