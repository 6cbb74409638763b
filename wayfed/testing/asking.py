"""Asks a platform many cases in few queries: a column, or a pair of columns, for each."""

from __future__ import annotations

from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from wayfed.testing.case import LETTERS, Grouped, Row, Scalar, Windowed, has_nan, schema_of
from wayfed.testing.cases import RELATIONS, TABLES, WINDOW_ROWS, WINDOW_SCHEMA
from wayfed.testing.together import PlanAnswers, Tables
from wayfed_optimizer.errors import WayfedError
from wayfed_optimizer.expressions import Column, Named, column, substitute
from wayfed_optimizer.relations import Aggregate, Read, Relation, Select, Window
from wayfed_optimizer.types import INT64

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from wayfed.dataset import Dataset
    from wayfed.testing.platform import PlatformUnderTest
    from wayfed_optimizer.types import DataType, Schema

TOGETHER: Final = 100
"""How many cases make one query."""

ValueCase = Scalar | Grouped | Windowed


class Answers:
    """What a platform answers; each case is asked once, with others where that goes well.

    Parameters
    ----------
    platform
        Whom to ask.
    batches
        The cases, of one kind each, in the order in which they are asked.
    """

    def __init__(self, platform: PlatformUnderTest, batches: Sequence[Sequence[ValueCase]]) -> None:
        self._platform = platform
        self._batches = batches
        self._values: dict[ValueCase, Row] = {}
        self._alone: set[ValueCase] = set()
        self._numbers = count()

    def examples(self, case: ValueCase) -> tuple[Row, ...]:
        """Return the rows of a case that the platform can hold."""
        match case:
            case Scalar():
                rows: tuple[Row, ...] = case.all_examples()
            case Grouped(groups=groups):
                rows = tuple((*values, result) for values, result in groups)
            case Windowed(expected=expected):
                return tuple((value,) for value in expected)
        return rows if self._platform.holds_nan else tuple(r for r in rows if not has_nan(r))

    def to(self, case: ValueCase) -> Row:
        """Return what the platform computes for each example of a case."""
        if case not in self._values and case not in self._alone:
            self._ask_with_others(case)
        if case not in self._values:
            self._ask([case])
        return self._values[case]

    @cached_property
    def tables(self) -> Mapping[str, Dataset]:
        """All tables of `TABLES`, in the platform's store."""
        return Tables([*TABLES], lambda name: self._load(name, *TABLES[name]))

    @cached_property
    def plans(self) -> PlanAnswers:
        """What the platform answers to plans."""
        return PlanAnswers(self._platform, self.tables, RELATIONS)

    def _ask_with_others(self, case: ValueCase) -> None:
        self._ask_in_parts(next((group for group in self._groups if case in group), []))

    def _ask_in_parts(self, cases: Sequence[ValueCase]) -> None:
        """Ask all at once; where that fails, each half, down to the case that will say why."""
        if len(cases) < 2:
            self._alone.update(cases)
            return
        try:
            self._ask(cases)
        except WayfedError:
            middle = len(cases) // 2
            self._ask_in_parts(cases[:middle])
            self._ask_in_parts(cases[middle:])

    @cached_property
    def _groups(self) -> list[list[ValueCase]]:
        """What makes one query: cases of one kind that the platform takes."""
        found = []
        for batch in self._batches:
            able = [c for c in batch if self._may_succeed(c)]
            found += [able[i : i + TOGETHER] for i in range(0, len(able), TOGETHER)]
        return found

    def _may_succeed(self, case: ValueCase) -> bool:
        marked = self._platform.mark(case) is not None
        return (
            bool(self.examples(case)) and not marked and not self._platform.refusal(plan_of(case))
        )

    def _ask(self, cases: Sequence[ValueCase]) -> None:
        examples = [self.examples(case) for case in cases]
        plan, schema, rows = _plan(cases, examples)
        table = f"cases_{next(self._numbers)}"
        found = self._platform.answer(plan, {"cases": self._load(table, schema, rows)})
        ordered = found.sort_by("key")
        for i, (case, each) in enumerate(zip(cases, examples, strict=True)):
            self._values[case] = tuple(ordered.column(f"r{i}").to_pylist()[: len(each)])

    def _load(self, name: str, schema: Schema, rows: Sequence[Row]) -> Dataset:
        return self._platform.read(name, arrow_table(schema, rows), schema)


def plan_of(case: ValueCase) -> Relation:
    """Return the plan of a case alone."""
    return _plan([case], [()])[0]


def arrow_table(schema: Schema, rows: Sequence[Row]) -> pa.Table:
    """Return rows as an Arrow table."""
    import pyarrow as pa

    from wayfed_arrow import arrow_schema

    named = [dict(zip(schema.names, row, strict=True)) for row in rows]
    return pa.Table.from_pylist(named, arrow_schema(schema))


_Made = tuple[Relation, "Schema", list[Row]]


def _plan(cases: Sequence[ValueCase], examples: Sequence[Sequence[Row]]) -> _Made:
    """Return the plan of some cases of one kind over a table `cases`, its columns and rows."""
    match cases[0]:
        case Scalar():
            return _scalars(cases, examples)  # type: ignore[arg-type]  # they are of one kind
        case Grouped():
            return _groups(cases, examples)  # type: ignore[arg-type]  # they are of one kind
        case Windowed():
            return _windows(cases)  # type: ignore[arg-type]  # they are of one kind


def _scalars(cases: Sequence[Scalar], examples: Sequence[Sequence[Row]]) -> _Made:
    types: dict[str, DataType] = {"key": INT64}
    outputs = [Named("key", Column("key", INT64))]
    for i, case in enumerate(cases):
        own = {letter: f"c{i}{letter}" for letter, _ in zip(LETTERS, case.types, strict=False)}
        types |= dict(zip(own.values(), case.types, strict=True))
        renamed = {a: Column(b, types[b]) for a, b in own.items()}
        outputs.append(Named(f"r{i}", substitute(case.expression, renamed)))
    rows = []
    for key in range(max(map(len, examples))):
        row: list[Any] = [key]
        for case, each in zip(cases, examples, strict=True):
            row += each[key][:-1] if key < len(each) else [None] * len(case.types)
        rows.append(tuple(row))
    schema = schema_of(types)
    return Select(Read("cases", schema), tuple(outputs)), schema, rows


def _groups(cases: Sequence[Grouped], examples: Sequence[Sequence[Row]]) -> _Made:
    """Return one grouping for all: NULL fills up groups that have fewer values than others."""
    types: dict[str, DataType] = {"key": INT64}
    for i, case in enumerate(cases):
        kinds = (case.type, *case.others)
        types |= {f"c{i}{letter}": kind for letter, kind in zip(LETTERS, kinds, strict=False)}
    schema = schema_of(types)
    rows: list[Row] = []
    for key in range(max(map(len, examples))):
        groups = [each[key][:-1] if key < len(each) else () for each in examples]
        for at in range(max(1, *map(len, groups))):
            row: list[Any] = [key]
            for case, group in zip(cases, groups, strict=True):
                value = group[at] if at < len(group) else (None,) * (1 + len(case.others))
                row += value if isinstance(value, tuple) else (value,)
            rows.append(tuple(row))
    made = tuple(
        Named(
            f"r{i}",
            substitute(
                case.expression,
                {
                    each: Column(f"c{i}{each}", kind)
                    for each, kind in zip(LETTERS, (case.type, *case.others), strict=False)
                },
            ),
        )
        for i, case in enumerate(cases)
    )
    keys = (Named("key", Column("key", INT64)),)
    return Aggregate(Read("cases", schema), keys, made), schema, rows


def _windows(cases: Sequence[Windowed]) -> _Made:
    read = Read("cases", WINDOW_SCHEMA)
    window = Window(read, tuple(Named(f"r{i}", case.expression) for i, case in enumerate(cases)))
    results = (Named(f"r{i}", column(window.schema, f"r{i}")) for i in range(len(cases)))
    key = Named("key", column(window.schema, "id"))
    return Select(window, (key, *results)), WINDOW_SCHEMA, list(WINDOW_ROWS)
