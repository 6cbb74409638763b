"""A million rows out of PostgreSQL as numpy arrays: through wayfed's session, and by bare ADBC.

Both run in turns on the same connections' server, the best of each counts, and the share of bare
ADBC's speed that is kept is printed as JSON. The budget is 85 %.

Run ``python benchmarks/postgresql_to_numpy.py [URL]``; without a URL a server is started.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import adbc_driver_manager
import adbc_driver_postgresql
import pyarrow as pa

from wayfed.arrays import Arrays
from wayfed_database import CONNECTOR
from wayfed_database.embedded import PostgresServer
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.cost import Cost
from wayfed_optimizer.physical import Fragment, SourceInput
from wayfed_optimizer.platform import ARROW_STREAM, Run, SourceRequest
from wayfed_optimizer.relations import Read
from wayfed_optimizer.statistics.estimates import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 1_000_000
ROUNDS = 9
BUDGET = 0.85
TABLE = "wayfed_benchmark"
MAKE = f"""
CREATE TABLE {TABLE} AS
SELECT i::bigint AS id, (i % 1000)::integer AS k, i * 0.5::float8 AS x,
       timestamp '2013-01-01' + i * interval '1 second' AS at, i % 2 = 0 AS even
FROM generate_series(1, {ROWS}) i
"""


def bare(connection: adbc_driver_manager.AdbcConnection) -> Arrays:
    """Read as a hand-written program would: one statement, its stream into numpy."""
    statement = adbc_driver_manager.AdbcStatement(connection)
    statement.set_sql_query(f"SELECT id, k, x, at, even FROM {TABLE}")
    handle, _ = statement.execute_query()
    reader = pa.RecordBatchReader.from_stream(handle)
    arrays = Arrays.from_batches(reader.schema, reader)
    reader.close()
    statement.close()
    return arrays


def through_wayfed(url: str) -> tuple[Callable[[], Arrays], Callable[[], None]]:
    """Return a function that reads the table in a run of its own, and one that ends it all."""
    platform = CONNECTOR.store(url, {})
    source = CONNECTOR.source(SourceRequest(url, table=TABLE), platform)
    read = Read(TABLE, source.schema)
    rows = Estimate.exactly(ROWS)
    fragment = Fragment(
        "f1", platform.name, read, {TABLE: SourceInput(TABLE)}, ARROW_STREAM, rows, 33.0, Cost()
    )
    compiled = platform.compile(fragment, {TABLE: source})

    def run() -> Arrays:
        with TemporaryDirectory() as directory:
            session = platform.open(Run("benchmark", CancellationToken(), lambda: Path(directory)))
            try:
                inputs = {TABLE: source.open(source.snapshot())}
                stream = session.execute(fragment, compiled, inputs)
                return Arrays.from_batches(stream.schema, stream)
            finally:
                session.close()

    return run, platform.close


def measure(url: str) -> dict[str, float]:
    """Time both in turns and return the best seconds of each, wall clock and CPU."""
    database = adbc_driver_manager.AdbcDatabase(
        driver=adbc_driver_postgresql._driver_path(), uri=url
    )
    connection = adbc_driver_manager.AdbcConnection(database)
    _execute(connection, f"DROP TABLE IF EXISTS {TABLE}")
    _execute(connection, MAKE)
    run, close = through_wayfed(url)
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, work in (("bare", lambda: bare(connection)), ("wayfed", run)):
            before, cpu = perf_counter(), process_time()
            assert work().rows == ROWS
            for kind, seconds in (("s", perf_counter() - before), ("cpu_s", process_time() - cpu)):
                key = f"{name}_{kind}"
                best[key] = min(best.get(key, seconds), seconds)
    close()
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
