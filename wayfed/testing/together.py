"""Asks a platform many plans in one query: their rows together, each with its case's number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from wayfed_optimizer.errors import WayfedError
from wayfed_optimizer.expressions import Column, Literal, Named
from wayfed_optimizer.relations import Relation, Select, SetKind, SetOperation
from wayfed_optimizer.types import INT64

if TYPE_CHECKING:
    from wayfed.dataset import Dataset
    from wayfed.testing.case import Plan, Row
    from wayfed.testing.platform import PlatformUnderTest


class Tables(Mapping[str, "Dataset"]):
    """Tables by name, each loaded when it is first asked for."""

    def __init__(self, names: Sequence[str], load: Callable[[str], Dataset]) -> None:
        self._names = names
        self._load = load
        self._loaded: dict[str, Dataset] = {}

    def __getitem__(self, name: str) -> Dataset:
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class PlanAnswers:
    """The rows of plans; those that may be asked together are, where all goes well.

    Parameters
    ----------
    platform
        Whom to ask.
    tables
        What plans are over.
    cases
        All cases.
    """

    def __init__(
        self, platform: PlatformUnderTest, tables: Mapping[str, Dataset], cases: Sequence[Plan]
    ) -> None:
        self._platform = platform
        self._tables = tables
        self._groups: dict[str, list[Plan]] = defaultdict(list)
        for case in cases:
            if case.together and platform.tries(case):
                self._groups[case.together].append(case)
        self._plans: dict[Plan, Relation] = {}
        self._rows: dict[Plan, list[Row]] = {}

    def plan(self, case: Plan) -> Relation:
        """Return the plan of a case."""
        if case not in self._plans:
            self._plans[case] = case.plan(self._tables).relation
        return self._plans[case]

    def to(self, case: Plan) -> list[Row]:
        """Return the rows that the platform computes."""
        if case not in self._rows:
            self._ask_with_others(self._groups.pop(case.together, []))
        if case not in self._rows:
            found = self._platform.answer(self.plan(case))
            self._rows[case] = [tuple(row.values()) for row in found.to_pylist()]
        return self._rows[case]

    def _ask_with_others(self, cases: Sequence[Plan]) -> None:
        able = [case for case in cases if self._may_succeed(case)]
        if len(able) < 2:
            return
        together = reduce(
            lambda a, b: SetOperation(SetKind.UNION, a, b, all=True),
            (_numbered(self.plan(case), number) for number, case in enumerate(able)),
        )
        try:
            found = self._platform.answer(together)
        except WayfedError:
            # One of them fails: each will say for itself.
            return
        rows: dict[int, list[Row]] = defaultdict(list)
        for number, *values in (row.values() for row in found.to_pylist()):
            rows[number].append(tuple(values))
        self._rows |= {case: rows[number] for number, case in enumerate(able)}

    def _may_succeed(self, case: Plan) -> bool:
        platform = self._platform
        fits = platform.holds_nan or not case.needs_nan
        return fits and platform.mark(case) is None and not platform.refusal(self.plan(case))


def _numbered(relation: Relation, number: int) -> Relation:
    columns = (
        Named(f"c{i}", Column(f.name, f.type, f.nullable)) for i, f in enumerate(relation.schema)
    )
    return Select(relation, (Named("number", Literal(number, INT64)), *columns))
