"""One table of PostgreSQL over a link that gives each connection so much: by one reader and more.

    python -m benchmarks.optimizer.readers [--rows 400000] [--runs 3] [--megabytes 8]

Every number of readers takes its turn, after a first round that opens the connections; the median
of each counts. Without ``--megabytes`` there is no link between.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from statistics import median
from time import perf_counter
from typing import Final

import psycopg

import wayfed as wf
from benchmarks.optimizer.links import SlowLink
from wayfed.dataset import Dataset
from wayfed_database.embedded import PostgresServer

READERS: Final = (1, 2, 4)
_TABLE: Final = """
create table measured as
select i as id, i::bigint * 7 as n, i / 3.0::float8 as x, md5(i::text) as hash
from generate_series(1, {rows}) i
"""


def main() -> None:
    """Measure, and print the seconds of each number of readers and what they are to one's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--megabytes", type=float, help="a second, that each connection has")
    given = parser.parse_args()
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer.start())
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(_TABLE.format(rows=given.rows).encode())
            connection.execute("vacuum analyze measured")
        url = server.url
        if given.megabytes:
            link = SlowLink(url, bytes_per_second=given.megabytes * 1e6, latency=0.004)
            url = stack.enter_context(link).url
        tables = {
            readers: stack.enter_context(wf.context(database={"readers": readers})).read(
                url, table="measured"
            )
            for readers in READERS
        }
        for table in tables.values():
            seconds(table)
        rounds = [{n: seconds(table) for n, table in tables.items()} for _ in range(given.runs)]
        medians = {n: median(each[n] for each in rounds) for n in READERS}
        for readers, spent in medians.items():
            print(
                f"{readers} readers: {spent:.2f} s, {medians[1] / spent:.2f} times as fast as one"
            )


def seconds(table: Dataset) -> float:
    """Return how long the rows of a table take to come."""
    before = perf_counter()
    table.to_arrow()
    return perf_counter() - before


if __name__ == "__main__":
    main()
