"""Window functions with partitions, orders and frames."""

from __future__ import annotations

from typing import Final

from wayfed.testing.case import Row, Windowed
from wayfed.testing.cases.tables import WINDOW_SCHEMA
from wayfed_optimizer.expressions import Expression, Frame, SortKey, WindowCall, column, literal

_ID, _G, _K, _X, _D, _P, _M, _T = (column(WINDOW_SCHEMA, name) for name in WINDOW_SCHEMA.names)
_BY_ID: Final = (SortKey(_ID),)
_BY_K: Final = (SortKey(_K),)
_AROUND: Final = Frame("rows", -1, 1)
_ALL: Final = Frame("rows", None, None)
_SO_FAR: Final = Frame("rows", None, 0)


def _by(key: Expression, *, descending: bool = False) -> tuple[SortKey, ...]:
    return (SortKey(key, descending),)


def _over(
    about: str,
    line: str,
    args: tuple[Expression, ...],
    order: tuple[SortKey, ...],
    expected: Row,
    *frame: Frame,
    ignore_nulls: bool = False,
) -> Windowed:
    window = frame[0] if frame else None
    called = WindowCall(about, args, (_G,), order, window, ignore_nulls)
    return Windowed(about, line, called, expected)


WINDOWS: Final = (
    _over("row_number", "W1", (), _BY_ID, (1, 2, 3, 4, 1, 2, 1, 2)),
    _over("rank", "W2", (), _BY_K, (1, 1, 3, 4, 2, 1, 1, 2)),
    _over("dense_rank", "W2", (), _BY_K, (1, 1, 2, 3, 2, 1, 1, 2)),
    _over("rank", "W2", (), (SortKey(_K, descending=True),), (2, 2, 1, 4, 1, 2, 2, 1)),
    _over("rank", "W2", (), (SortKey(_K, nulls_first=True),), (2, 2, 4, 1, 2, 1, 1, 2)),
    _over("dense_rank", "W2", (), (SortKey(_K, True, True),), (3, 3, 2, 1, 1, 2, 2, 1)),
    _over("ntile", "W3", (literal(3),), _BY_ID, (1, 1, 2, 3, 1, 2, 1, 2)),
    _over("lag", "W4", (_X,), _BY_ID, (None, 10, None, 30, None, None, None, 70)),
    _over("lag", "W4", (_X, literal(2)), _BY_ID, (None, None, 10, None, None, None, None, None)),
    _over("lag", "W4", (_X, literal(1), literal(-1)), _BY_ID, (-1, 10, None, 30, -1, None, -1, 70)),
    _over("lead", "W4", (_X,), _BY_ID, (None, 30, 40, None, 60, None, 80, None)),
    _over("lead", "W4", (_X, literal(2), literal(0)), _BY_ID, (30, 40, 0, 0, 0, 0, 0, 0)),
    _over("first_value", "W5", (_X,), _BY_ID, (10, 10, 10, 10, None, None, 70, 70)),
    _over("last_value", "W5", (_X,), _BY_ID, (10, None, 30, 40, None, 60, 70, 80)),
    _over("last_value", "W5", (_X,), _BY_ID, (40, 40, 40, 40, 60, 60, 80, 80), _ALL),
    _over("first_value", "W5", (_X,), _BY_ID, (10, 10, None, 30, None, None, 70, 70), _AROUND),
    _over("sum", "W6", (_X,), _BY_ID, (10, 10, 40, 80, None, 60, 70, 150)),
    _over("sum", "W6", (_X,), _BY_K, (10, 10, 40, 80, 60, 60, 70, 150)),
    _over("sum", "W6", (_X,), _BY_K, (80, 80, 80, 80, 60, 60, 150, 150), _ALL),
    _over("sum", "W6", (_X,), (), (80, 80, 80, 80, 60, 60, 150, 150)),
    _over("sum", "W7", (_X,), _BY_ID, (10, 40, 70, 70, 60, 60, 150, 150), _AROUND),
    _over(
        "sum",
        "W7",
        (_X,),
        _BY_ID,
        (None, 10, None, 30, None, None, None, 70),
        Frame("rows", -1, -1),
    ),
    _over("sum", "W7", (_X,), _BY_ID, (30, 70, 40, None, 60, None, 80, None), Frame("rows", 1, 2)),
    _over("count", "W7", (), _BY_ID, (1, 2, 2, 2, 1, 2, 1, 2), Frame("rows", -1, 0)),
    _over("count", "W6", (_X,), _BY_K, (1, 1, 2, 3, 1, 1, 1, 2)),
    _over("mean", "W6", (_D,), _BY_ID, (0.5, 1.0, 1.0, 1.5, None, 3.5, 4.5, 5.0)),
    _over("min", "W6", (_X,), _BY_ID, (10, 10, 10, 10, None, 60, 70, 70)),
    _over("max", "W7", (_X,), _BY_ID, (10, 30, 40, 40, 60, 60, 80, 80), _AROUND),
    _over("count_if", "W6", (_P,), _BY_ID, (1, 1, 1, 2, 0, 1, 0, 1)),
    _over("bool_and", "W6", (_P,), _BY_ID, (True, True, False, False, None, True, False, False)),
    _over(
        "bool_or", "W6", (_P,), _BY_ID, (True, True, True, True, None, True, False, True), _SO_FAR
    ),
    _over("percent_rank", "W8", (), _BY_K, (0.0, 0.0, 0.6666666666666666, 1.0, 1.0, 0.0, 0.0, 1.0)),
    _over(
        "percent_rank",
        "W8",
        (),
        _BY_ID,
        (0.0, 0.3333333333333333, 0.6666666666666666, 1.0, 0.0, 1.0, 0.0, 1.0),
    ),
    _over("cume_dist", "W8", (), _BY_K, (0.5, 0.5, 0.75, 1.0, 1.0, 0.5, 0.5, 1.0)),
    _over(
        "cume_dist", "W8", (), _by(_K, descending=True), (0.75, 0.75, 0.25, 1.0, 0.5, 1.0, 1.0, 0.5)
    ),
    _over(
        "nth_value", "W5", (_X, literal(2)), _BY_ID, (None, None, None, None, None, 60, None, 80)
    ),
    _over(
        "nth_value", "W5", (_X, literal(2)), _BY_ID, (None, None, None, None, 60, 60, 80, 80), _ALL
    ),
    _over(
        "nth_value",
        "W5",
        (_X, literal(9)),
        _BY_ID,
        (None, None, None, None, None, None, None, None),
        _ALL,
    ),
    _over(
        "first_value", "W9", (_X,), _BY_ID, (10, 10, 10, 10, None, 60, 70, 70), ignore_nulls=True
    ),
    _over(
        "first_value",
        "W9",
        (_X,),
        _BY_ID,
        (10, 10, 30, 30, 60, 60, 70, 70),
        _AROUND,
        ignore_nulls=True,
    ),
    _over("last_value", "W9", (_X,), _BY_ID, (10, 10, 30, 40, None, 60, 70, 80), ignore_nulls=True),
    _over(
        "nth_value",
        "W9",
        (_X, literal(2)),
        _BY_ID,
        (30, 30, 30, 30, None, None, 80, 80),
        _ALL,
        ignore_nulls=True,
    ),
    _over("lag", "W9", (_X,), _BY_ID, (None, 10, 10, 30, None, None, None, 70), ignore_nulls=True),
    _over(
        "lead",
        "W9",
        (_X, literal(1), literal(-1)),
        _BY_ID,
        (30, 30, 40, -1, 60, -1, 80, -1),
        ignore_nulls=True,
    ),
    _over("count", "W10", (), _BY_K, (2, 2, 3, 2, 2, 1, 1, 2), Frame("groups", -1, 0)),
    _over("sum", "W10", (_X,), _BY_K, (40, 40, 70, 40, None, 60, 150, 80), Frame("groups", 0, 1)),
    _over("count", "W10", (), _BY_K, (0, 0, 2, 3, 1, 0, 0, 1), Frame("groups", None, -1)),
    _over("count", "W11", (), _BY_K, (3, 3, 3, 1, 2, 2, 2, 2), Frame("range", -1, 1)),
    _over(
        "count",
        "W11",
        (),
        _by(_K, descending=True),
        (3, 3, 1, 1, 1, 2, 2, 1),
        Frame("range", -1, 0),
    ),
    _over(
        "count",
        "W11",
        (),
        (SortKey(_K, nulls_first=True),),
        (3, 3, 3, 1, 2, 2, 2, 2),
        Frame("range", -1, 3),
    ),
    _over("count", "W11", (), _BY_K, (0, 0, 2, 4, 1, 0, 0, 1), Frame("range", None, -1)),
    _over("count", "W11", (), _by(_D), (1, 2, 1, 2, 1, 1, 1, 2), Frame("range", -1.5, 0.5)),
    _over("count", "W11", (), _by(_M), (2, 3, 2, 1, 1, 1, 1, 1), Frame("range", -0.1, 0.1)),
    _over(
        "count",
        "W11",
        (),
        _by(_M, descending=True),
        (3, 2, 1, 1, 1, 1, 1, 1),
        Frame("range", -1, 0),
    ),
    _over("count", "W12", (), _by(_T), (4, 4, 4, 4, 1, 1, 2, 2), Frame("range", -1, 1, "month")),
    _over("count", "W12", (), _by(_T), (1, 2, 3, 1, 1, 1, 2, 2), Frame("range", -1, 0, "day")),
    _over(
        "count",
        "W12",
        (),
        _by(_T, descending=True),
        (2, 1, 1, 1, 1, 1, 2, 2),
        Frame("range", -90, 0, "second"),
    ),
    _over(
        "count",
        "W12",
        (),
        _by(_T),
        (1, 1, 1, 1, 1, 1, 2, 2),
        Frame("range", -89_999_999, 0, "microsecond"),
    ),
    _over(
        "count",
        "W13",
        (),
        _BY_K,
        (3, 3, 3, 3, 1, 1, 1, 1),
        Frame("rows", None, None, exclude="current row"),
    ),
    _over(
        "sum",
        "W13",
        (_X,),
        _BY_K,
        (70, 70, 50, 40, 60, None, 80, 70),
        Frame("rows", None, None, exclude="group"),
    ),
    _over(
        "count",
        "W13",
        (),
        _BY_K,
        (3, 3, 4, 4, 2, 2, 2, 2),
        Frame("rows", None, None, exclude="ties"),
    ),
    _over(
        "count",
        "W13",
        (),
        _BY_K,
        (0, 0, 2, 3, 1, 0, 0, 1),
        Frame("range", None, 0, exclude="group"),
    ),
    _over(
        "string_agg",
        "W6",
        (_G, literal("-")),
        _BY_ID,
        ("a", "a-a", "a-a-a", "a-a-a-a", "b", "b-b", None, None),
    ),
    _over("corr", "W6", (_D, _D), _BY_ID, (1.0, 1.0, 1.0, 1.0, None, None, 1.0, 1.0), _ALL),
    _over(
        "stddev_pop", "W6", (_D,), _BY_ID, (0.0, 0.5, 0.5, 0.816496580927726, None, 0.0, 0.0, 0.5)
    ),
    _over("regr_slope", "W6", (_D, _D), _BY_ID, (1.0, 1.0, 1.0, 1.0, None, None, 1.0, 1.0), _ALL),
    _over("quantile", "W6", (_D, literal(0.5)), (), (1.5, 1.5, 1.5, 1.5, 3.5, 3.5, 5.0, 5.0)),
    _over("mode", "W6", (_K,), (), (1, 1, 1, 1, 4, 4, 1, 1)),
    _over("bit_or", "W6", (_K,), _BY_ID, (1, 1, 3, 3, 5, 5, 1, 3)),
)
"""Cases of lines W."""
