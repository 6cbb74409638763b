"""Lists and structs in SQL text."""

from __future__ import annotations

import pyarrow as pa
import pytest

import wayfed as wf
from wayfed_optimizer.errors import ColumnNotFound, TypeMismatch, Unsupported

ROWS = pa.table(
    {
        "k": [1, 2, 3, 4],
        "l": pa.array([[3, None, 1], [], None, [None]], pa.list_(pa.int64())),
        "s": pa.array([{"a": 1, "B c": "x"}, None, {"a": None, "B c": None}, {"a": 4}]),
    }
)


@pytest.fixture(scope="module")
def sql():
    with wf.context() as context:
        context.register("t", ROWS)
        yield lambda text: [tuple(r.values()) for r in context.sql(text).to_arrow().to_pylist()]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT l[1], l[-1], l[k], l[0] FROM t WHERE k = 1", [(3, 1, 3, None)]),
        (
            "SELECT s.a, t.s.a, (s).a, s['a'], s.\"B c\", S.A AS z FROM t WHERE k = 1",
            [(1, 1, 1, 1, "x", 1)],
        ),
        ("SELECT struct_extract(s, 'b c') FROM t WHERE k = 1", [("x",)]),
        (
            "SELECT len(l), length(l), cardinality(l), length('ab') FROM t WHERE k = 1",
            [(3, 3, 3, 2)],
        ),
        ("SELECT list_contains(l, 3), list_has(l, 2) FROM t WHERE k = 1", [(True, False)]),
        ("SELECT list_sort(l) FROM t WHERE k = 1", [([1, 3, None],)]),
        (
            "SELECT [k, 5], ARRAY[k], list_value(k, NULL) FROM t WHERE k = 2",
            [([2, 5], [2], [2, None])],
        ),
        (
            "SELECT {'x': k, 'y': [k]}, struct_pack(z := 1) FROM t WHERE k = 2",
            [({"x": 2, "y": [2]}, {"z": 1})],
        ),
        (
            "SELECT k, unnest(l) AS e FROM t ORDER BY e DESC, k",
            [(1, 3), (1, 1), (1, None), (4, None)],
        ),
        ("SELECT DISTINCT unnest(l) AS e FROM t ORDER BY e LIMIT 2", [(1,), (3,)]),
        (
            "SELECT unnest([k, k]) AS e, count(*) AS n FROM t GROUP BY k ORDER BY e LIMIT 3",
            [(1, 1), (1, 1), (2, 1)],
        ),
        ("SELECT k, e FROM t, unnest(l) AS u(e) WHERE e > 1", [(1, 3)]),
        (
            "SELECT k, u.e FROM t CROSS JOIN LATERAL unnest(t.l) AS u(e) WHERE k = 1 ORDER BY e",
            [(1, 1), (1, 3), (1, None)],
        ),
        (
            "SELECT k, e FROM t LEFT JOIN unnest(l) AS u(e) ON TRUE WHERE k IN (2, 3) ORDER BY k",
            [(2, None), (3, None)],
        ),
        ("SELECT sum(x) FROM unnest([1, 2, 4]) AS u(x)", [(7,)]),
        ("SELECT count(*) FROM unnest([1, 2]) AS a, unnest([3, 4]) AS b", [(4,)]),
        ("SELECT s.a, count(*) FROM t GROUP BY s.a HAVING s.a = 4", [(4, 1)]),
    ],
)
def test_lists_and_structs_are_read_as_duckdb_reads_them(sql, text, rows):
    assert sql(text) == rows


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("SELECT unnest(l) + 1 FROM t", Unsupported, "stands alone"),
        ("SELECT unnest(l), unnest(l) FROM t", Unsupported, "several UNNESTs"),
        ("SELECT []", Unsupported, "an empty list"),
        ("SELECT l[1:2] FROM t", Unsupported, "takes one element"),
        ("SELECT list_sort(l, 'DESC') FROM t", Unsupported, "upwards"),
        ("SELECT * FROM t ORDER BY l", TypeMismatch, "lists have no order"),
        ("SELECT s.b FROM t", ColumnNotFound, "available: a, B c"),
        ("SELECT unnest(s) FROM t", TypeMismatch, "only lists"),
        ("SELECT k FROM t FULL JOIN unnest(l) AS u(e) ON TRUE", Unsupported, "CROSS JOIN UNNEST"),
        ("SELECT row(k, 1) FROM t", wf.WayfedError, "row"),
    ],
)
def test_what_is_not_said_of_lists_and_structs_is_refused_by_name(sql, text, error, says):
    with pytest.raises(error, match=says):
        sql(text)
