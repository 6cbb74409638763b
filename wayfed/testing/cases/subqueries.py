"""Subqueries that look at the row around, as SQL text says them: every form, and where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed.testing.case import Failure, Plan, Row, called
from wayfed_optimizer.errors import TableNotFound
from wayfed_sql import parse_query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.dataset import Dataset
    from wayfed_optimizer.relations import Relation


def _case(line: str, name: str, text: str, *expected: Row) -> Plan:
    return Plan("Subquery", line, name, lambda tables: _asked(tables, text), expected)


def _asked(tables: Mapping[str, Dataset], text: str) -> Dataset:
    def resolve(name: str) -> Relation:
        if name not in tables:
            raise TableNotFound(name, tables)
        return tables[name].relation

    return tables["orders"].with_relation(parse_query(text, resolve))


CORRELATED: Final = (
    _case(
        "R18",
        "in rows of its own",
        "SELECT p, q FROM pairs WHERE q IN (SELECT s FROM other_pairs WHERE r = p)",
        (1, 1),
    ),
    _case(
        "R18",
        "not in rows of its own",
        "SELECT p, q FROM pairs WHERE q NOT IN (SELECT s FROM other_pairs WHERE r = p)",
        (None, 1),
        (None, None),
    ),
    _case(
        "R18",
        "in rows of its own, as a value",
        "SELECT p, q, q IN (SELECT s FROM other_pairs WHERE r >= p) AS found FROM pairs",
        (1, 1, True),
        (1, 2, None),
        (1, None, None),
        (None, 1, False),
        (None, None, False),
    ),
    _case(
        "R18",
        "in rows or something else",
        "SELECT p, q FROM pairs WHERE q IN (SELECT s FROM other_pairs WHERE r = p) OR p IS NULL",
        (1, 1),
        (None, 1),
        (None, None),
    ),
    _case(
        "R18",
        "several columns in rows",
        "SELECT p, q, (p, q) IN (SELECT r, s FROM other_pairs) AS found FROM pairs",
        (1, 1, True),
        (1, 2, None),
        (1, None, None),
        (None, 1, None),
        (None, None, None),
    ),
    _case(
        "R18",
        "rows of its own exist",
        "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM customers WHERE code = customer)",
        (1,),
        (2,),
        (3,),
    ),
    _case(
        "R18",
        "rows of its own do not exist",
        "SELECT id FROM orders WHERE NOT EXISTS (SELECT 1 FROM customers WHERE code = customer)",
        (4,),
        (5,),
    ),
    _case(
        "R18",
        "other rows than its own exist",
        "SELECT id FROM orders AS o WHERE EXISTS (SELECT 1 FROM orders WHERE customer = "
        "o.customer AND id <> o.id)",
        (1,),
        (2,),
    ),
    _case(
        "R18",
        "rows of its own exist, as a value",
        "SELECT id, EXISTS (SELECT 1 FROM customers WHERE code > customer) AS found FROM orders",
        (1, True),
        (2, True),
        (3, True),
        (4, False),
        (5, False),
    ),
    _case(
        "R19",
        "as a value for each row",
        "SELECT id, (SELECT name FROM customers WHERE code = customer AND name <> 'bea') AS "
        "name FROM orders",
        (1, "ann"),
        (2, "ann"),
        (3, "bob"),
        (4, None),
        (5, None),
    ),
    _case(
        "R19",
        "as a value of the first row for each row",
        "SELECT id, (SELECT name FROM customers WHERE code <= customer ORDER BY code DESC, "
        "name LIMIT 1) AS name FROM orders",
        (1, "ann"),
        (2, "ann"),
        (3, "bea"),
        (4, None),
        (5, None),
    ),
    _case(
        "R19",
        "as a value of several rows that a case leaves out",
        "SELECT id, CASE WHEN customer = 10 THEN (SELECT name FROM customers WHERE code = "
        "customer) END AS name FROM orders",
        (1, "ann"),
        (2, "ann"),
        (3, None),
        (4, None),
        (5, None),
    ),
    _case(
        "R20",
        "aggregates by equality",
        "SELECT id, (SELECT sum(amount) FROM orders WHERE customer = o.customer) AS total "
        "FROM orders AS o",
        (1, 12.0),
        (2, 12.0),
        (3, None),
        (4, None),
        (5, 2.5),
    ),
    _case(
        "R20",
        "aggregates by order",
        "SELECT id, (SELECT count(*) FROM orders WHERE amount < o.amount) AS less FROM orders AS o",
        (1, 2),
        (2, 3),
        (3, 0),
        (4, 0),
        (5, 1),
    ),
    _case(
        "R20",
        "counts nothing",
        "SELECT code, name, (SELECT count(*) FROM orders WHERE customer = code) AS n FROM "
        "customers",
        (10, "ann", 2),
        (20, "bea", 1),
        (20, "bob", 1),
        (30, None, 0),
        (None, "nil", 0),
    ),
    _case(
        "R20",
        "computes from aggregates of nothing",
        "SELECT code, (SELECT count(*) + coalesce(sum(amount), 100) FROM orders WHERE "
        "customer = code) AS n FROM customers",
        (10, 14.0),
        (20, 101.0),
        (20, 101.0),
        (30, 100.0),
        (None, 100.0),
    ),
    _case(
        "R20",
        "keeps a group of its own",
        "SELECT code, (SELECT sum(amount) FROM orders WHERE customer = code HAVING count(*) > "
        "1) AS n FROM customers",
        (10, 12.0),
        (20, None),
        (20, None),
        (30, None),
        (None, None),
    ),
    _case(
        "R20",
        "reads two queries around",
        "SELECT code, (SELECT count(*) FROM orders WHERE EXISTS (SELECT 1 FROM pairs WHERE p "
        "= id AND customer = code)) AS n FROM customers",
        (10, 1),
        (20, 0),
        (20, 0),
        (30, 0),
        (None, 0),
    ),
    _case(
        "R20",
        "looks at NULL as a value",
        "SELECT code, (SELECT count(*) FROM orders WHERE customer IS NOT DISTINCT FROM code) "
        "AS n FROM customers",
        (10, 2),
        (20, 1),
        (20, 1),
        (30, 0),
        (None, 1),
    ),
    _case(
        "R20",
        "within HAVING",
        "SELECT customer FROM orders GROUP BY customer HAVING count(*) >= (SELECT count(*) "
        "FROM customers WHERE code = customer)",
        (10,),
        (99,),
        (None,),
    ),
    _case(
        "R20",
        "within ON of a left join",
        "SELECT id, code FROM orders LEFT JOIN customers ON code = customer AND EXISTS "
        "(SELECT 1 FROM pairs WHERE p = id)",
        (1, 10),
        (2, None),
        (3, None),
        (4, None),
        (5, None),
    ),
    _case(
        "R20",
        "over a set operation",
        "SELECT id, (SELECT count(*) FROM (SELECT code FROM customers WHERE code = customer "
        "UNION ALL SELECT p FROM pairs WHERE p = id) AS both_of_them) AS n FROM orders",
        (1, 4),
        (2, 1),
        (3, 2),
        (4, 0),
        (5, 0),
    ),
    _case(
        "R20",
        "over groups",
        "SELECT code, (SELECT max(n) FROM (SELECT count(*) AS n FROM orders WHERE customer >= "
        "code GROUP BY note) AS groups_of_notes) AS most FROM customers",
        (10, 2),
        (20, 1),
        (20, 1),
        (30, 1),
        (None, None),
    ),
    _case(
        "R20",
        "over a window",
        "SELECT code, (SELECT sum(place) FROM (SELECT row_number() OVER (ORDER BY id) AS "
        "place FROM orders WHERE customer = code) AS places) AS places FROM customers",
        (10, 3),
        (20, 1),
        (20, 1),
        (30, None),
        (None, None),
    ),
    _case(
        "R21",
        "any of a row's own",
        "SELECT id, amount > ANY (SELECT amount FROM orders WHERE customer <= o.customer) AS "
        "found FROM orders AS o",
        (1, False),
        (2, True),
        (3, None),
        (4, False),
        (5, None),
    ),
    _case(
        "R21",
        "all of a row's own",
        "SELECT id, amount >= ALL (SELECT amount FROM orders WHERE customer = o.customer) AS "
        "found FROM orders AS o",
        (1, False),
        (2, True),
        (3, None),
        (4, True),
        (5, True),
    ),
    _case(
        "R21",
        "any of all rows",
        "SELECT id FROM orders WHERE amount < ANY (SELECT amount FROM orders)",
        (1,),
        (4,),
        (5,),
    ),
    _case(
        "R21",
        "all of no rows",
        "SELECT id FROM orders WHERE amount < ALL (SELECT n FROM nothing)",
        (1,),
        (2,),
        (3,),
        (4,),
        (5,),
    ),
    _case(
        "R21",
        "none is another",
        "SELECT p, q, q = ALL (SELECT s FROM other_pairs WHERE r = p) AS same, q <> ANY "
        "(SELECT s FROM other_pairs) AS other FROM pairs",
        (1, 1, None, None),
        (1, 2, False, True),
        (1, None, None, None),
        (None, 1, True, None),
        (None, None, True, None),
    ),
    _case(
        "R22",
        "the rows of each row",
        "SELECT id, name FROM orders, LATERAL (SELECT name FROM customers WHERE code = "
        "customer) AS own",
        (1, "ann"),
        (2, "ann"),
        (3, "bea"),
        (3, "bob"),
    ),
    _case(
        "R22",
        "the rows of each row, or NULL",
        "SELECT id, name FROM orders LEFT JOIN LATERAL (SELECT name FROM customers WHERE code "
        ">= customer ORDER BY code, name LIMIT 1) AS own ON TRUE",
        (1, "ann"),
        (2, "ann"),
        (3, "bea"),
        (4, None),
        (5, None),
    ),
    _case(
        "R22",
        "values of each row",
        "SELECT id, twice FROM orders CROSS JOIN LATERAL (SELECT amount * 2 AS twice) AS own",
        (1, 10.0),
        (2, 14.0),
        (3, None),
        (4, 2.0),
        (5, 5.0),
    ),
)
"""Plans whose subqueries depend on the row that they stand in."""

SINGLE_VALUES: Final = (
    called("single_value", "R19", ("int64", "int64"), (5, 1, 5), (None, 1, None), (None, 0, None)),
    called("single_value", "R19", ("text", "int64"), ("a", 1, "a"), (None, 0, None)),
)
"""What is left of a value's subquery in a plan: the value, and of how many rows it is."""

SEVERAL_VALUES: Final = (
    Failure(
        "Subquery",
        "R19",
        "as a value of several rows for one row",
        lambda tables: _asked(
            tables,
            "SELECT id, (SELECT name FROM customers WHERE code = customer) AS name FROM orders",
        ),
    ),
)
"""Values that are no single ones."""
