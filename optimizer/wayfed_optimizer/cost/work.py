"""What an operator does, in the quantities on which its seconds depend, whatever the platform."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from wayfed_optimizer.expressions import Call, Case, Cast, InList, WindowCall, walk
from wayfed_optimizer.relations import (
    Aggregate,
    Cache,
    Distinct,
    Explode,
    Filter,
    Iterate,
    Join,
    JoinKind,
    Limit,
    MapBatches,
    Read,
    Relation,
    Sample,
    Select,
    SetKind,
    SetOperation,
    Sort,
    Values,
    Window,
    Write,
    expressions_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed_optimizer.expressions import Expression

Work: TypeAlias = tuple[tuple[str, float], ...]
"""Amounts of quantities; a quantity of reading says after a dot what is read."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that takes a platform time, in proportion to how much of it there is.

    Parameters
    ----------
    name
        By which profiles know its rate.
    meaning
        What is counted, for people.
    floor
        Seconds for each that no machine gets below: one value in a core's cache, one byte of
        memory's bandwidth.
    rows
        Whether each is a row, for which a platform without a rate has a default.
    """

    name: str
    meaning: str
    floor: float = 1e-10
    rows: bool = False


QUANTITIES: Final = (
    Quantity("fragment", "piece of work, however small", floor=1e-5),
    Quantity("stage", "operator that gathers rows: hash table, sort, shuffle", floor=0.0),
    Quantity("read", "row read where it lies", rows=True),
    Quantity("read_byte", "byte of the columns that are read", floor=1e-11),
    Quantity("call", "function or comparison of one row", rows=True),
    Quantity("pattern", "search in one text", rows=True),
    Quantity("text", "text taken apart or put together", rows=True),
    Quantity("build", "row put into a join's hash table", rows=True),
    Quantity("probe", "row looked up in it", rows=True),
    Quantity("match", "row that a join gives", rows=True),
    Quantity("pair", "pair of rows compared, where a join has no key", rows=True),
    Quantity("index", "row of a join's right side, where an index is made of it", floor=0.0),
    Quantity("seek", "row of its left side, looked for in that index", floor=0.0),
    Quantity("aggregate", "row put to its group", rows=True),
    Quantity("group", "group made", rows=True),
    Quantity("fold", "value added to an aggregate", floor=5e-11),
    Quantity("collect", "value kept for an aggregate of all: distinct, median", rows=True),
    Quantity("sort", "comparison of a sort: n rows take n log2 n"),
    Quantity("top", "row looked at for the first few in order", rows=True),
    Quantity("window", "comparison of a window's sort: n rows take n log2 n"),
    Quantity("frame", "value of a window function", rows=True),
    Quantity("map", "row handed to a function of the user's", rows=True),
    Quantity("other", "row of anything else", rows=True),
    Quantity("out", "row that leaves"),
    Quantity("out_number", "number, date or truth value that leaves", floor=0.0),
    Quantity("out_text", "text that leaves", floor=0.0),
    Quantity("out_nested", "decimal, list or struct that leaves", floor=0.0),
    Quantity("out_byte", "byte that leaves", floor=2e-11),
    Quantity("spill", "byte that goes to disk, or comes back from there", floor=1e-11),
    Quantity("move", "result taken in from elsewhere", floor=1e-6),
    Quantity("move_byte", "byte of one", floor=2e-11),
)
"""All that work is measured in."""

FLOORS: Final = {quantity.name: quantity.floor for quantity in QUANTITIES}
OF_ROWS: Final = frozenset(quantity.name for quantity in QUANTITIES if quantity.rows)

_PATTERNS: Final = frozenset(["like", "ilike", "contains", "position"])
_TEXTS: Final = frozenset(
    [
        *("split_part", "regexp_matches", "regexp_extract", "regexp_replace", "replace"),
        *("translate", "reverse", "repeat", "lpad", "rpad", "concat_ws", "strftime", "strptime"),
    ]
)
_COLLECTING: Final = frozenset(
    ["count_distinct", "median", "quantile", "quantile_disc", "mode", "list_agg", "string_agg"]
)
_NOT_COUNTED: Final = frozenset(["and", "or", "not"])
_ONE_SIDED: Final = frozenset([JoinKind.SEMI, JoinKind.ANTI])
_LEAVES_AS: Final = {
    "text": "out_text",
    "binary": "out_text",
    "decimal": "out_nested",
    "list": "out_nested",
    "struct": "out_nested",
}
"""What handing out values of a type counts as; those of others are numbers."""


def work_of(
    relation: Relation,
    rows_in: Sequence[float],
    rows_out: float,
    bytes_out: float,
    *,
    lies_in: str = "",
    is_cut_short: bool = False,
) -> Work:
    """Return what one relation takes, without its inputs.

    Parameters
    ----------
    relation
        What is computed.
    rows_in
        Of its inputs, and then of its subqueries, in their order.
    rows_out, bytes_out
        Of its own rows.
    lies_in
        The name of the channel that a read reads.
    is_cut_short
        Whether of a sort only the first few rows are wanted.

    Examples
    --------
    >>> from wayfed_optimizer.types import Schema
    >>> work_of(Read("t", Schema.of(id="int64")), (), 10, 80, lies_in="table")
    (('read.table', 10), ('read_byte.table', 80))
    """
    first = rows_in[0] if rows_in else 0.0
    match relation:
        case Read():
            return ((f"read.{lies_in}", rows_out), (f"read_byte.{lies_in}", bytes_out))
        case Filter() | Select() | Sample():
            return _calls(relation, first)
        case Join():
            return _of_join(relation, rows_in, rows_out)
        case Aggregate(keys=keys):
            work = _folding(relation, first)
            return (*_grouping(first, rows_out), *work) if keys else (("stage", 1.0), *work)
        case Distinct():
            return _grouping(first, rows_out)
        case SetOperation(kind=kind, all=keeps_all):
            passes = kind is SetKind.UNION and keeps_all
            return () if passes else _grouping(sum(rows_in), rows_out)
        case Sort():
            seen = ("top", first) if is_cut_short else ("sort", _comparisons(first))
            return (("stage", 1.0), seen)
        case Window(outputs=outputs):
            frames = ("frame", first * len(outputs))
            orders = len({_order(named.expression) for named in outputs})
            return (("stage", float(orders)), ("window", orders * _comparisons(first)), frames)
        case MapBatches():
            return (("map", first),)
        case Limit() | Values() | Iterate() | Cache() | Write():
            return ()
        case Explode():
            return (("other", rows_out),)
    return (("other", first + rows_out),)


def work_of_leaving(relation: Relation, rows: float, size: float) -> Work:
    """Return what handing out the rows of a relation takes: `size` is their bytes."""
    counts = {"out_number": 0.0, "out_text": 0.0, "out_nested": 0.0}
    for field in relation.schema:
        counts[_LEAVES_AS.get(field.type.name, "out_number")] += rows
    found = ((name, amount) for name, amount in counts.items() if amount)
    return (("out", rows), ("out_byte", size), *found)


def collects_values(aggregate: Expression) -> bool:
    """Say whether an aggregate is of all values of a group: their median, how many differ."""
    return isinstance(aggregate, Call) and (aggregate.function in _COLLECTING or aggregate.distinct)


def _calls(relation: Relation, rows: float, besides: int = 0) -> Work:
    """Return what a relation's expressions take, `besides` calls that count as something else."""
    calls, patterns, texts = -besides, 0, 0
    for root in expressions_of(relation):
        for node in walk(root):
            match node:
                case Call(name) if name in _PATTERNS:
                    patterns += 1
                case Call(name) if name in _TEXTS:
                    texts += 1
                case Call(name) if name in _NOT_COUNTED:
                    pass
                case Call() | Cast() | Case() | InList():
                    calls += 1
    calls += isinstance(relation, Sample)
    counts = (("call", calls * rows), ("pattern", patterns * rows), ("text", texts * rows))
    return tuple(count for count in counts if count[1])


def _of_join(join: Join, rows_in: Sequence[float], rows_out: float) -> Work:
    left, right = rows_in[:2]
    if not join.on and join.asof is None:
        return (("pair", left * right), ("match", rows_out))
    build = right if join.kind in _ONE_SIDED else min(left, right)
    probe = left + right - build
    checks = _calls(join, max(rows_out, 1.0)) if join.predicate is not None else ()
    hashed = (("build", build), ("probe", probe), ("match", rows_out))
    # Engines do one or the other: of what others do, a platform has no rate.
    indexed = (("index", right), ("seek", left))
    return (("stage", 1.0), *indexed, *hashed, *checks)


def _grouping(rows: float, groups: float) -> Work:
    return (("stage", 1.0), ("aggregate", rows), ("group", groups))


def _folding(relation: Aggregate, rows: float) -> Work:
    folds = collects = 0
    for named in relation.aggregates:
        if collects_values(named.expression):
            collects += 1
        else:
            folds += 1
    calls = _calls(relation, rows, besides=folds + collects)
    counts = (("fold", folds * rows), ("collect", collects * rows), *calls)
    return tuple(count for count in counts if count[1])


def _comparisons(rows: float) -> float:
    return rows * math.log2(rows + 2.0)


def _order(expression: object) -> object:
    if isinstance(expression, WindowCall):
        return expression.partition_by, expression.order_by
    return expression
