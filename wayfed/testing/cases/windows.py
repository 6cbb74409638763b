"""Window functions with partitions, orders and frames."""

from __future__ import annotations

from typing import Final

from wayfed.testing.case import Row, Windowed
from wayfed.testing.cases.tables import WINDOW_SCHEMA
from wayfed_optimizer.expressions import Expression, Frame, SortKey, WindowCall, column, literal

_ID, _G, _K, _X, _D, _P = (column(WINDOW_SCHEMA, name) for name in ("id", "g", "k", "x", "d", "p"))
_BY_ID: Final = (SortKey(_ID),)
_BY_K: Final = (SortKey(_K),)
_AROUND: Final = Frame("rows", -1, 1)
_ALL: Final = Frame("rows", None, None)
_SO_FAR: Final = Frame("rows", None, 0)


def _over(
    about: str,
    line: str,
    args: tuple[Expression, ...],
    order: tuple[SortKey, ...],
    expected: Row,
    *frame: Frame,
) -> Windowed:
    return Windowed(about, line, WindowCall(about, args, (_G,), order, *frame), expected)


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
)
"""Cases of lines W."""
