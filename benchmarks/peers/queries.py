"""The queries, over `$pg.table` and `$pq.table`: in PostgreSQL, and in Parquet files.

Q1 to Q18 are TPC-H's, of both stores; S1, S2 and S1r join some thousand keys of a file with a large
table; A1, A2 and T1 are for PostgreSQL alone. Dates are written out and ties are broken, so that
every engine has one answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_TABLE: Final = re.compile(r"\$(pg|pq)\.(\w+)")
_KEYS: Final = "c_nationkey = 7 and c_mktsegment = 'BUILDING' and c_acctbal > 850"
_BY_PRIORITY: Final = """
select o_orderpriority, count(*) as n, sum(o_totalprice) as v
from $pq.customer c, $pg.{} o where c_custkey = o_custkey and """

QUERIES: Final = {
    "Q1": """
select l_returnflag, l_linestatus, sum(l_quantity) as sum_qty, sum(l_extendedprice) as sum_base,
  sum(l_extendedprice * (1 - l_discount)) as sum_disc,
  sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) as sum_charge,
  avg(cast(l_quantity as double)) as a1, avg(cast(l_extendedprice as double)) as a2,
  avg(cast(l_discount as double)) as a3, count(*) as n
from $pq.lineitem where l_shipdate <= date '1998-09-02'
group by l_returnflag, l_linestatus order by 1, 2""",
    "Q3": """
select l_orderkey, sum(l_extendedprice * (1 - l_discount)) as revenue, o_orderdate, o_shippriority
from $pg.customer c, $pq.orders o, $pq.lineitem l
where c_mktsegment = 'BUILDING' and c_custkey = o_custkey and l_orderkey = o_orderkey
  and o_orderdate < date '1995-03-15' and l_shipdate > date '1995-03-15'
group by l_orderkey, o_orderdate, o_shippriority
order by revenue desc, o_orderdate, l_orderkey limit 10""",
    "Q5": """
select n_name, sum(l_extendedprice * (1 - l_discount)) as revenue
from $pg.customer c, $pq.orders o, $pq.lineitem l, $pg.supplier s, $pg.nation n, $pg.region r
where c_custkey = o_custkey and l_orderkey = o_orderkey and l_suppkey = s_suppkey
  and c_nationkey = s_nationkey and s_nationkey = n_nationkey and n_regionkey = r_regionkey
  and r_name = 'ASIA' and o_orderdate >= date '1994-01-01' and o_orderdate < date '1995-01-01'
group by n_name order by revenue desc""",
    "Q10": """
select c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) as revenue, c_acctbal, n_name,
  c_address, c_phone, c_comment
from $pg.customer c, $pq.orders o, $pq.lineitem l, $pg.nation n
where c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate >= date '1993-10-01'
  and o_orderdate < date '1994-01-01' and l_returnflag = 'R' and c_nationkey = n_nationkey
group by c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment
order by revenue desc, c_custkey limit 20""",
    "Q18": """
select c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) as q
from $pg.customer c, $pq.orders o, $pq.lineitem l
where o_orderkey in (
    select l_orderkey from $pq.lineitem group by l_orderkey having sum(l_quantity) > 300)
  and c_custkey = o_custkey and o_orderkey = l_orderkey
group by c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
order by o_totalprice desc, o_orderdate, o_orderkey limit 100""",
    "S1": _BY_PRIORITY.format("orders")
    + _KEYS
    + " group by o_orderpriority order by o_orderpriority",
    "S1r": "select o_orderkey, o_custkey, o_totalprice, o_orderdate "
    "from $pq.customer c, $pg.orders o where c_custkey = o_custkey and "
    + _KEYS
    + " order by o_orderkey",
    "S2": _BY_PRIORITY.format("orders15m")
    + _KEYS
    + " group by o_orderpriority order by o_orderpriority",
    "A1": """
select o_orderpriority, o_orderstatus, count(*) as n, sum(o_totalprice) as s,
  min(o_totalprice) as mi, max(o_totalprice) as ma
from $pg.orders where o_orderdate >= date '1995-01-01'
group by o_orderpriority, o_orderstatus order by 1, 2""",
    "A2": """
select o_orderdate, count(*) as n, sum(o_totalprice) as s
from $pg.orders where o_orderdate >= date '1995-01-01' group by o_orderdate order by 1""",
    "T1": """
select o_orderkey, o_custkey, o_totalprice, o_orderdate
from $pg.orders order by o_totalprice desc, o_orderkey limit 100""",
}
"""Each query's text by its name."""


def text_of(query: str, name: Callable[[str, str], str]) -> str:
    """Return a query's text; `name` gives what a table of a store (`pg`, `pq`) is called.

    Examples
    --------
    >>> text_of("T1", lambda store, table: f"{store}_{table}").split()[7:9]
    ['pg_orders', 'order']
    """
    return _TABLE.sub(lambda found: name(found[1], found[2]), QUERIES[query])


def tables_of(query: str) -> tuple[tuple[str, str], ...]:
    """Return the store and name of each table of a query.

    Examples
    --------
    >>> tables_of("S2")
    (('pq', 'customer'), ('pg', 'orders15m'))
    """
    return tuple(dict.fromkeys(_TABLE.findall(QUERIES[query])))
