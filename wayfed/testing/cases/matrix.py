"""Every relation over every type, with no NULL, some, and NULL alone.

The plans are the same for all types, and so are the rows that are expected: these are computed by
the few lines of Python beside each plan, over the codes of values.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from hashlib import md5
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import wayfed as wf
from wayfed.testing.case import Plan, Row
from wayfed.testing.cases.types import EDGES, LEFT, RIGHT, Edges, coded
from wayfed_optimizer.expressions import Literal, Subquery, SubqueryKind, column
from wayfed_optimizer.relations import Filter, Values
from wayfed_optimizer.types import Field, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wayfed.dataset import Dataset

    Rows = Iterable[Row]
    Sides = tuple[Dataset, Dataset]


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """A plan over the two tables of any type, and its rows, in codes.

    Parameters
    ----------
    about, line, name
        As of a case.
    plan
        From the two datasets; its columns are integers.
    rows
        From the rows of both sides: id, pattern, code.
    of
        The types that it can be of.
    """

    about: str
    line: str
    name: str
    plan: Callable[[Dataset, Dataset, Edges], Dataset]
    rows: Callable[[tuple[Row, ...], tuple[Row, ...]], Rows]
    of: Callable[[Edges], bool] = lambda _: True

    def case(self, edges: Edges, turn: int) -> Plan:
        left, right = edges.tables

        def plan(tables: Mapping[str, Dataset]) -> Dataset:
            return self.plan(tables[left], tables[right], edges)

        return Plan(
            self.about,
            self.line,
            f"{self.name}: {edges.name}",
            plan,
            tuple(self.rows(coded(edges, LEFT), coded(edges, RIGHT))),
            needs_nan=edges.has_nan,
            together=f"{self.about} {self.name}",
            turn=turn,
        )


v = wf.col("v")


def _ordered(edges: Edges) -> bool:
    return edges.is_ordered


def _constants(edges: Edges) -> bool:
    return not edges.is_nested


def _filters() -> Iterator[_Shape]:
    yield _Shape(
        "Filter",
        "R2",
        "equal to a constant",
        lambda left, _, e: left.filter(v == e.constant(1)).select("id", code=e.code(v)),
        lambda left, _: ((i, c) for i, _, c in left if c == 1),
    )
    yield _Shape(
        "Filter",
        "R2",
        "not equal to a constant",
        lambda left, _, e: left.filter(v != e.constant(1)).select("id", code=e.code(v)),
        lambda left, _: ((i, c) for i, _, c in left if c not in (1, None)),
    )
    yield _Shape(
        "Filter",
        "R2",
        "above and below constants",
        lambda left, _, e: left.filter((v < e.constant(1)) | (v > e.constant(-2))).select("id"),
        _outside,
        _ordered,
    )
    yield _Shape(
        "Filter",
        "R2",
        "of NULL alone",
        lambda left, _, e: left.filter(v.is_null()).select("id", code=e.code(v)),
        lambda left, _: ((i, None) for i, _, c in left if c is None),
    )


def _outside(left: Rows, _: Rows) -> Rows:
    last = max(c for *_, c in left if c is not None)
    return ((i,) for i, _, c in left if c is not None and (c < 1 or c > last - 1))


def _joins() -> Iterator[_Shape]:
    for how in ("inner", "left", "right", "full", "semi", "anti"):
        yield _join(how)

    yield _Shape(
        "asof join",
        "R7",
        "on the order of a type",
        lambda left, right, e: left.join(
            right,
            left_on="pattern",
            right_on="pattern_right",
            how="asof",
            predicate=lambda a, b: a.v >= b.w,
        ).select("id", code=e.code(wf.col("w"))),
        _latest,
        _ordered,
    )


def _latest(left: Rows, right: tuple[Row, ...]) -> Rows:
    for i, pattern, code in left:
        before = (d for _, p, d in right if p == pattern and None not in (code, d) and d <= code)
        yield i, max(before, default=None)


def _join(how: Any) -> _Shape:
    def plan(left: Dataset, right: Dataset, _: Edges) -> Dataset:
        joined = left.join(
            right, left_on=["pattern", "v"], right_on=["pattern_right", "w"], how=how
        )
        return joined.select(*(("id",) if how in ("semi", "anti") else ("id", "other")))

    def rows(left: tuple[Row, ...], right: tuple[Row, ...]) -> Rows:
        pairs = [
            (a[0], b[0]) for a, b in product(left, right) if a[1:] == b[1:] and a[2] is not None
        ]
        lefts, rights = {a for a, _ in pairs}, {b for _, b in pairs}
        if how in ("semi", "anti"):
            return [(a[0],) for a in left if (a[0] in lefts) == (how == "semi")]
        if how in ("left", "full"):
            pairs += [(a[0], None) for a in left if a[0] not in lefts]
        if how in ("right", "full"):
            pairs += [(None, b[0]) for b in right if b[0] not in rights]
        return pairs

    return _Shape(f"{how} join", "R3", "on keys of a type", plan, rows)


def _groups() -> Iterator[_Shape]:
    yield _Shape(
        "Aggregate",
        "R11",
        "by keys of a type",
        lambda left, _, e: (
            left.group_by("pattern", "v")
            .agg(n=wf.count(), known=wf.count("v"), first=wf.min("id"))
            .select("pattern", "n", "known", "first", code=e.code(v))
        ),
        lambda left, _: (
            (p, len(ids), 0 if c is None else len(ids), min(ids), c)
            for (p, c), ids in _grouped(left).items()
        ),
    )
    yield _Shape(
        "Aggregate",
        "A2",
        "of values of a type",
        lambda left, _, e: left.group_by("pattern").agg(
            n=wf.count_distinct("v"), known=wf.count("v")
        ),
        lambda left, _: (
            (p, len({c for c in codes if c is not None}), sum(c is not None for c in codes))
            for p, codes in _by_pattern(left).items()
        ),
    )
    yield _Shape(
        "min",
        "A6",
        "of a type, and max",
        lambda left, _, e: (
            left.group_by("pattern")
            .agg(least=wf.min("v"), most=wf.max("v"))
            .select("pattern", least=e.code(wf.col("least")), most=e.code(wf.col("most")))
        ),
        lambda left, _: (
            (p, _least(codes), _most(codes)) for p, codes in _by_pattern(left).items()
        ),
        _ordered,
    )


def _grouped(rows: Rows) -> dict[tuple[int, int | None], list[int]]:
    found: dict[tuple[int, int | None], list[int]] = {}
    for i, pattern, code in rows:
        found.setdefault((pattern, code), []).append(i)
    return found


def _by_pattern(rows: Rows) -> dict[int, list[int | None]]:
    found: dict[int, list[int | None]] = {}
    for _, pattern, code in rows:
        found.setdefault(pattern, []).append(code)
    return found


def _least(codes: Iterable[int | None]) -> int | None:
    return min((c for c in codes if c is not None), default=None)


def _most(codes: Iterable[int | None]) -> int | None:
    return max((c for c in codes if c is not None), default=None)


def _sets() -> Iterator[_Shape]:
    yield _Shape(
        "Distinct",
        "R9",
        "rows of a type",
        lambda left, _, e: left.select("pattern", "v").distinct().select("pattern", code=e.code(v)),
        lambda left, _: {row[1:] for row in left},
    )
    for operation, every in product(("union", "intersect", "except"), (False, True)):
        yield _set_operation(operation, every=every)


def _set_operation(operation: str, *, every: bool) -> _Shape:
    def plan(left: Dataset, right: Dataset, edges: Edges) -> Dataset:
        method = getattr(
            left.select("pattern", "v"), {"except": "except_"}.get(operation, operation)
        )
        made: Dataset = method(right.select(pattern="pattern_right", v="w"), distinct=not every)
        return made.select("pattern", code=edges.code(v))

    def rows(left: Rows, right: Rows) -> Rows:
        ours, theirs = Counter(a[1:] for a in left), Counter(b[1:] for b in right)
        match operation:
            case "union":
                found = ours + theirs
            case "intersect":
                found = ours & theirs
            case _ if every:
                found = ours - theirs
            case _:
                found = Counter({row: 1 for row in ours if row not in theirs})
        return found.elements() if every else list(found)

    about = f"{operation} all" if every and operation != "union" else operation
    return _Shape(about, "R8" if every else "R9", "of rows of a type", plan, rows)


def _windows() -> Iterator[_Shape]:
    yield _Shape(
        "Window",
        "R16",
        "in the order of a type",
        lambda left, _, e: left.select(
            "id",
            rank=wf.rank().over(partition_by="pattern", order_by=v.desc()),
            dense=wf.dense_rank().over(partition_by="pattern", order_by=v.desc()),
        ),
        _ranks,
        _ordered,
    )
    yield _Shape(
        "Window",
        "R16",
        "over partitions of a type",
        lambda left, _, e: left.select(
            "id",
            n=wf.count().over(partition_by=["pattern", "v"]),
            before=e.code(wf.lag("v", 1).over(partition_by="pattern", order_by="id")),
        ),
        lambda left, _: (
            (
                i,
                len(_grouped(left)[p, c]),
                max(((j, d) for j, q, d in left if q == p and j < i), default=(0, None))[1],
            )
            for i, p, c in left
        ),
    )


def _ranks(left: Rows, _: Rows) -> Rows:
    for i, pattern, code in left:
        above = [c for _, p, c in left if p == pattern and _place(c) < _place(code)]
        yield i, len(above) + 1, len(set(above)) + 1


def _place(code: int | None) -> tuple[bool, int]:
    """Return what orders codes downwards, NULL last."""
    return code is None, -(code or 0)


def _sorts() -> Iterator[_Shape]:
    for descending, nulls_first in product((False, True), (False, True)):
        yield _sort(descending=descending, nulls_first=nulls_first)


def _sort(*, descending: bool, nulls_first: bool) -> _Shape:
    def plan(left: Dataset, _: Dataset, edges: Edges) -> Dataset:
        key = v.desc(nulls_first=nulls_first) if descending else v.asc(nulls_first=nulls_first)
        return left.sort(key, "id").limit(6).select("id", code=edges.code(v))

    def place(row: Row) -> tuple[bool, int, int]:
        code = row[2]
        return (code is None) != nulls_first, (-1 if descending else 1) * (code or 0), row[0]

    direction = "downwards" if descending else "upwards"
    where = "first" if nulls_first else "last"
    return _Shape(
        "Sort",
        "R13",
        f"{direction}, NULL {where}",
        plan,
        lambda left, _: [(i, c) for i, _, c in sorted(left, key=place)[:6]],
        _ordered,
    )


def _choices() -> Iterator[_Shape]:
    yield _Shape(
        "coalesce",
        "L5",
        "of a type",
        lambda left, _, e: left.select("id", code=e.code(wf.coalesce("v", e.constant(1)))),
        lambda left, _: ((i, 1 if c is None else c) for i, _, c in left),
    )
    yield _Shape(
        "case",
        "L6",
        "of a type",
        lambda left, _, e: left.select(
            "id", code=e.code(wf.when(wf.col("id") > 6).then(v).otherwise(e.constant(0)))
        ),
        lambda left, _: ((i, c if i > 6 else 0) for i, _, c in left),
    )
    yield _Shape(
        "in",
        "L7",
        "of constants of a type",
        lambda left, _, e: left.select(
            "id", code=wf.when(v.is_in(e.values[:2])).then(1).when(v.is_not_null()).then(0)
        ),
        lambda left, _: ((i, None if c is None else int(c < 2)) for i, _, c in left),
        _constants,
    )
    yield _Shape(
        "greatest",
        "L5",
        "of a type, and least",
        lambda left, _, e: left.select(
            "id",
            most=e.code(wf.greatest("v", e.constant(1))),
            least=e.code(wf.least("v", e.constant(1))),
        ),
        lambda left, _: (
            (i, 1 if c is None else max(c, 1), 1 if c is None else min(c, 1)) for i, _, c in left
        ),
        _ordered,
    )
    yield _Shape(
        "Subquery",
        "R18",
        "in rows of a type",
        _within,
        lambda left, right: ((i,) for i, _, c in left if c in {d for _, p, d in right if p == 0}),
    )


def _within(left: Dataset, right: Dataset, _: Edges) -> Dataset:
    wanted = right.filter(wf.col("pattern_right") == 0).select("w")
    found = Subquery(SubqueryKind.IN, wanted.relation, column(left.schema, "v"))
    return left.with_relation(Filter(left.relation, found)).select("id")


def _lists() -> Iterator[_Shape]:
    yield _Shape(
        "Explode",
        "S7",
        "lists of a type",
        lambda left, _, e: (
            left.select("id", many=wf.list("v", e.constant(0)))
            .explode("many")
            .select("id", code=e.code(wf.col("many")))
        ),
        lambda left, _: ((i, code) for i, _, c in left for code in (c, 0)),
        # The common type of float32 and a constant is float64.
        lambda e: e.type != "float32",
    )


SHAPES: Final = (
    *_filters(),
    *_joins(),
    *_groups(),
    *_sets(),
    *_windows(),
    *_sorts(),
    *_choices(),
    *_lists(),
)


def _read(edges: Edges) -> Plan:
    name, _ = edges.tables
    rows = tuple(
        (i, None if code is None else edges.values[code]) for i, _, code in coded(edges, LEFT)
    )
    return Plan(
        "Read",
        "R1",
        f"and give back: {edges.name}",
        # A bare read would not need the platform.
        lambda t: t[name].filter(wf.col("id") < 100).select("id", "v"),
        rows,
        needs_nan=edges.has_nan,
    )


def _values(edges: Edges) -> Plan:
    name, _ = edges.tables
    schema = Schema((Field("v", edges.kind),))
    values = (*edges.values, None, edges.values[0])

    def plan(tables: Mapping[str, Dataset]) -> Dataset:
        rows = tuple((Literal(value, edges.kind),) for value in values)
        return tables[name].with_relation(Values(schema, rows))

    return Plan(
        "Values",
        "R1",
        f"of constants: {edges.name}",
        plan,
        tuple((value,) for value in values),
        needs_nan=edges.has_nan,
    )


def _sample(edges: Edges) -> Plan:
    name, _ = edges.tables
    assert edges.text is not None  # those without are left out
    written = [
        (i, "NULL" if code is None else edges.text(edges.values[code]))
        for i, _, code in coded(edges, LEFT)
    ]
    half = 2**59
    drawn = ((i,) for i, text in written if _hash(f"3|{text}") < half)
    return Plan(
        "Sample",
        "R17",
        f"by a key of a type: {edges.name}",
        lambda t: t[name].sample(0.5, by="v", seed=3).select("id"),
        tuple(drawn),
        together="Sample",
    )


def _hash(text: str) -> int:
    return int(md5(text.encode(), usedforsecurity=False).hexdigest()[:15], 16)


MATRIX: Final = (
    *map(_read, EDGES),
    *(_values(edges) for edges in EDGES if not edges.is_nested),
    *(_sample(edges) for edges in EDGES if edges.text is not None),
    *(
        shape.case(edges, s + e)
        for s, shape in enumerate(SHAPES)
        for e, edges in enumerate(EDGES)
        if shape.of(edges)
    ),
)
"""A case for each relation and type."""
