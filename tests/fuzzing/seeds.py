"""Statements that are right, one or two for each part of SQL, to be spoilt; and what they read."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa

TABLES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "orders": pa.table(
            {
                "order_id": [1, 2, 3, 4],
                "customer": [1, 1, 2, None],
                "amount": [Decimal("1.50"), Decimal("2.25"), None, Decimal("-3.00")],
                "weight": [0.5, float("nan"), None, 2.0],
                "note": ["a", "b%", None, "\U0001f600"],
                "ordered": [datetime.date(2024, 1, day) for day in (1, 2, 3, 31)],
            }
        ),
        "customers": pa.table(
            {
                "customer_id": [1, 2, 3],
                "name": ["Ada", "Bob", None],
                "joined": [datetime.datetime(2020, 1, 1, hour) for hour in (0, 12, 23)],
                "retail": [True, False, None],
            }
        ),
    }
)

STATEMENTS: Final = (
    "SELECT 1",
    "SELECT * FROM orders",
    "TABLE orders",
    "VALUES (1, 'a'), (2, NULL)",
    "SELECT order_id, amount * 2 AS twice FROM orders WHERE weight > 0.5 OR note LIKE 'a%'",
    "SELECT customer, sum(amount), count(*) FILTER (WHERE weight > 1) FROM orders GROUP BY customer"
    " HAVING count(*) > 0 ORDER BY 2 DESC NULLS FIRST LIMIT 3 OFFSET 1",
    "SELECT c.name, o.amount FROM orders o LEFT JOIN customers AS c ON o.customer = c.customer_id"
    " AND c.retail",
    "SELECT * FROM orders JOIN customers ON customer = customer_id WHERE name IN ('Ada', 'Bob')",
    "SELECT * FROM (SELECT customer AS customer_id FROM orders) o NATURAL FULL JOIN customers",
    "SELECT * FROM orders CROSS JOIN customers USING (x)",
    "SELECT order_id, row_number() OVER (PARTITION BY customer ORDER BY amount DESC) FROM orders",
    "SELECT sum(amount) OVER w, lag(note, 1, 'x') OVER w FROM orders"
    " WINDOW w AS (ORDER BY order_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    "SELECT * FROM orders WHERE amount > (SELECT avg(amount) FROM orders)",
    "SELECT * FROM orders o WHERE EXISTS (SELECT 1 FROM customers c"
    " WHERE c.customer_id = o.customer)",
    "SELECT * FROM orders WHERE customer NOT IN (SELECT customer_id FROM customers)",
    "SELECT (SELECT max(o.amount) FROM orders o WHERE o.customer = c.customer_id) FROM customers c",
    "SELECT * FROM customers c, LATERAL (SELECT sum(amount) s"
    " FROM orders WHERE customer = customer_id) l",
    "SELECT customer FROM orders UNION ALL SELECT customer_id FROM customers",
    "(SELECT customer FROM orders EXCEPT SELECT 1) INTERSECT SELECT customer_id FROM customers",
    "WITH t AS (SELECT customer, count(*) AS n FROM orders GROUP BY ALL), u(a) AS (SELECT n FROM t)"
    " SELECT * FROM t, u WHERE t.n = u.a",
    "SELECT DISTINCT ON (customer) * FROM orders ORDER BY customer, amount",
    "SELECT CASE WHEN retail THEN name WHEN NOT retail THEN 'x' ELSE NULL END FROM customers",
    "SELECT CAST(amount AS double precision), weight::int, TRY_CAST(note AS bigint) FROM orders",
    "SELECT extract(year FROM ordered), date_trunc('month', ordered), ordered + 1 FROM orders",
    "SELECT ordered + INTERVAL '1 month', date_diff('day', ordered, DATE '2024-02-01') FROM orders",
    "SELECT substring(note FROM 1 FOR 2), upper(note) || 'x', coalesce(note, '-') FROM orders",
    "SELECT position('a' IN note), trim(BOTH ' ' FROM note) FROM orders",
    "SELECT regexp_matches(note, '^a') FROM orders",
    "SELECT customer, note, sum(amount) FROM orders GROUP BY ROLLUP (customer, note)",
    "SELECT customer, grouping(customer) FROM orders GROUP BY GROUPING SETS ((customer), ())",
    "SELECT quantile_cont(weight, 0.5), string_agg(note, ',' ORDER BY order_id) FROM orders",
    "SELECT amount BETWEEN 1 AND 2, amount IS NOT DISTINCT FROM 1.5, -order_id % 3 FROM orders",
    "SELECT * FROM orders QUALIFY rank() OVER (ORDER BY amount) = 1",
    "SELECT [1, 2, 3] AS l, {'a': 1} AS s",
    "EXPLAIN SELECT * FROM orders WHERE 1 = 1",
)
