"""The practical limit: what an expert writes by hand, with SQL pushed over ADBC and DuckDB.

Joins, aggregates, first rows and lists of keys are pushed where that pays; what comes from
PostgreSQL is put into temporary tables of DuckDB's, which plans joins of bare Arrow badly.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import adbc_driver_postgresql
import duckdb
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement

from benchmarks.peers.data import Data
from benchmarks.peers.queries import text_of

Rows = list[tuple[Any, ...]]
Answer: TypeAlias = Rows | pa.Table
"""Rows as they arrive: to make Python's objects of them is no part of an answer."""


class Expert:
    """A program for each query, by its name."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._database = AdbcDatabase(driver=adbc_driver_postgresql._driver_path(), uri=data.url)
        self._server = AdbcConnection(self._database)
        self._duckdb = duckdb.connect()
        self._programs = {
            "Q3": self._q3,
            "Q5": self._q5,
            "Q10": self._q10,
            "Q18": self._q18,
            "S1": lambda: self._by_priority("orders"),
            "S2": lambda: self._by_priority("orders15m"),
            "S1r": self._details,
            "A1": self._a1,
            "A2": self._a2,
            "T1": self._t1,
        }

    def run(self, query: str) -> Answer:
        """Return a query's rows."""
        program = self._programs.get(query)
        return self._own(query) if program is None else program()

    def close(self) -> None:
        """Close all connections."""
        self._duckdb.close()
        self._server.close()
        self._database.close()

    def _ask(self, sql: str) -> pa.Table:
        statement = AdbcStatement(self._server)
        statement.set_sql_query(sql)
        handle, _ = statement.execute_query()
        rows = pa.RecordBatchReader.from_stream(handle).read_all()
        statement.close()
        return rows

    def _rows(self, sql: str) -> Rows:
        return rows_of(self._ask(sql))

    def _own(self, query: str) -> Rows:
        return self._duckdb.execute(text_of(query, lambda _, table: self._file(table))).fetchall()

    def _file(self, table: str) -> str:
        return f"'{self._data.file(table)}'"

    def _keep(self, name: str, sql: str) -> None:
        self._duckdb.register("arrow", self._ask(sql))
        self._duckdb.execute(f"create or replace temp table {name} as from arrow")
        self._duckdb.unregister("arrow")

    def _q3(self) -> Rows:
        self._keep("k", "select c_custkey from customer where c_mktsegment = 'BUILDING'")
        return self._duckdb.execute(f"""
            select l_orderkey, sum(l_extendedprice * (1 - l_discount)) revenue, o_orderdate,
              o_shippriority
            from k, {self._file("orders")} o, {self._file("lineitem")} l
            where c_custkey = o_custkey and l_orderkey = o_orderkey
              and o_orderdate < date '1995-03-15' and l_shipdate > date '1995-03-15'
            group by 1, 3, 4 order by 2 desc, 3, 1 limit 10""").fetchall()

    def _q5(self) -> Rows:
        asia = (
            "join nation on {} = n_nationkey join region on n_regionkey = r_regionkey "
            "where r_name = 'ASIA'"
        )
        self._keep(
            "k",
            f"select c_custkey, c_nationkey, n_name from customer {asia.format('c_nationkey')}",
        )
        self._keep(
            "su", f"select s_suppkey, s_nationkey from supplier {asia.format('s_nationkey')}"
        )
        return self._duckdb.execute(f"""
            select n_name, sum(l_extendedprice * (1 - l_discount)) revenue
            from k, su, {self._file("orders")} o, {self._file("lineitem")} l
            where c_custkey = o_custkey and l_orderkey = o_orderkey and l_suppkey = s_suppkey
              and c_nationkey = s_nationkey and o_orderdate >= date '1994-01-01'
              and o_orderdate < date '1995-01-01'
            group by 1 order by 2 desc""").fetchall()

    def _q10(self) -> Rows:
        first = self._duckdb.execute(f"""
            select o_custkey, sum(l_extendedprice * (1 - l_discount)) revenue
            from {self._file("orders")} o, {self._file("lineitem")} l
            where l_orderkey = o_orderkey and o_orderdate >= date '1993-10-01'
              and o_orderdate < date '1994-01-01' and l_returnflag = 'R'
            group by 1 order by 2 desc, 1 limit 20""").fetchall()
        keys = ",".join(str(row[0]) for row in first)
        found = self._rows(f"""
            select c_custkey, c_name, c_acctbal::float8, n_name, c_address, c_phone, c_comment
            from customer join nation on c_nationkey = n_nationkey where c_custkey in ({keys})""")
        details = {row[0]: row for row in found}
        return [(key, details[key][1], value, *details[key][2:]) for key, value in first]

    def _q18(self) -> Rows:
        first = self._duckdb.execute(f"""
            select o_custkey, o_orderkey, o_orderdate, o_totalprice, q
            from {self._file("orders")} o join (
                select l_orderkey, sum(l_quantity) q from {self._file("lineitem")}
                group by 1 having sum(l_quantity) > 300) on o_orderkey = l_orderkey
            order by o_totalprice desc, o_orderdate, o_orderkey limit 100""").fetchall()
        keys = ",".join(str(row[0]) for row in first) or "null"
        names: dict[int, str] = dict(
            self._rows(f"select c_custkey, c_name from customer where c_custkey in ({keys})")
        )
        return [(names[row[0]], *row) for row in first]

    def _of_keys(self) -> str:
        keys = self._duckdb.execute(
            f"select c_custkey from {self._file('customer')} "
            "where c_nationkey = 7 and c_mktsegment = 'BUILDING' and c_acctbal > 850"
        ).fetchall()
        return f"o_custkey = any('{{{','.join(str(row[0]) for row in keys)}}}'::bigint[])"

    def _details(self) -> pa.Table:
        return self._ask(
            "select o_orderkey, o_custkey, o_totalprice::float8, o_orderdate "
            f"from orders where {self._of_keys()} order by 1"
        )

    def _by_priority(self, table: str) -> pa.Table:
        return self._ask(
            "select o_orderpriority, count(*), sum(o_totalprice)::float8 v "
            f"from {table} where {self._of_keys()} group by 1 order by 1"
        )

    def _a1(self) -> pa.Table:
        return self._ask("""
            select o_orderpriority, o_orderstatus, count(*), sum(o_totalprice)::float8,
              min(o_totalprice)::float8 mi, max(o_totalprice)::float8 ma
            from orders where o_orderdate >= date '1995-01-01' group by 1, 2 order by 1, 2""")

    def _a2(self) -> pa.Table:
        return self._ask("""
            select o_orderdate, count(*), sum(o_totalprice)::float8
            from orders where o_orderdate >= date '1995-01-01' group by 1 order by 1""")

    def _t1(self) -> pa.Table:
        return self._ask("""
            select o_orderkey, o_custkey, o_totalprice::float8, o_orderdate
            from orders order by o_totalprice desc, o_orderkey limit 100""")


def rows_of(answer: Answer) -> Rows:
    """Return an answer as rows of Python's objects."""
    if isinstance(answer, pa.Table):
        return list(zip(*(column.to_pylist() for column in answer.columns), strict=True))
    return answer
