"""Runs loops: the fragments of a body again and again, over rows that stay in memory meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from wayfed.execution.scope import Scope
from wayfed_optimizer.errors import Cancelled, ExecutionError, WayfedError
from wayfed_optimizer.physical import Exchange
from wayfed_optimizer.relations import Iterate, Read

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from wayfed_optimizer.physical import Fragment, PhysicalPlan
    from wayfed_optimizer.relations import Relation


class Steps(Protocol):
    """What a loop needs of the run that it is part of."""

    def run_fragment(self, fragment: Fragment, scope: Scope) -> Any:
        """Run a fragment over the values of a scope."""
        ...

    def input(self, name: str, fragment: Fragment, scope: Scope) -> Any:
        """Return an input of a fragment, as the fragment reads it."""
        ...


@dataclass(slots=True)
class LoopCount:
    """What a loop did in a run; one that stands in another loop's body runs several times.

    Parameters
    ----------
    iterations
        How often its body was applied, in all.
    runs
        How often it was run.
    unfinished
        How often it ended because of its limit, while its condition was not true.
    """

    iterations: int = 0
    runs: int = 0
    unfinished: int = 0


class Loop:
    """A loop of a physical plan.

    Parameters
    ----------
    fragment
        The one that stands for it.
    plan
        The plan with the fragments of its body.
    steps
        Runs them.
    line
        The line of the program that wrote it, for people; None where that is not known.
    """

    def __init__(
        self, fragment: Fragment, plan: PhysicalPlan, steps: Steps, line: str | None
    ) -> None:
        assert isinstance(fragment.relation, Iterate)  # noqa: S101  # what it is made for
        self._loop = fragment.relation
        self._fragment = fragment
        self._steps = steps
        self._name = f"the loop at {line}" if line else f"the loop '{self._loop.variable}'"
        self._inside = tuple(f for f in plan.fragments if f.inside == self._loop.variable)
        self._plan = plan
        self._body = self._needed(_name_of(self._loop.body))
        self._until = self._needed(_name_of(self._loop.until)) if self._loop.until else ()
        self.count = LoopCount()

    @property
    def unfinished(self) -> str | None:
        """What to warn of: that it came to its limit while its condition was not true."""
        if not self.count.unfinished:
            return None
        times = f" {self.count.unfinished} times" if self.count.runs > 1 else ""
        return (
            f"{self._name} ended{times} after {self._loop.max_iterations} iterations, its limit, "
            "while its condition was not true"
        )

    def run(self, scope: Scope) -> pa.Table:
        """Apply the body until the condition is true or the limit reached; return the last rows."""
        rows = self._input(self._loop.initial, scope)
        self._read_outside(scope)
        self.count.runs += 1
        inner = Scope(scope, self._loop.variable, rows)
        for number in range(1, self._loop.max_iterations + 1):
            try:
                self._run(self._body, inner)
                rows = self._input(self._loop.body, inner)
                inner = Scope(scope, self._loop.variable, rows)
                self.count.iterations += 1
                if self._is_done(inner):
                    return rows
            except WayfedError as error:
                self._locate(error, number)
                raise
        self.count.unfinished += self._loop.until is not None
        return rows

    def _is_done(self, scope: Scope) -> bool:
        if self._loop.until is None:
            return False
        self._run(self._until, scope)
        told = self._input(self._loop.until, scope)
        if told.num_rows != 1:
            raise ExecutionError(
                f"its condition gave {told.num_rows} rows",
                hint="until= gives one row with one boolean: aggregate with group_by().agg(…)",
            )
        return told.column(0)[0].as_py() is True

    def _read_outside(self, scope: Scope) -> None:
        """Fetch what the body reads of outside, before any iteration needs it."""
        inside = {fragment.id for fragment in self._inside}
        for fragment in self._inside:
            for name, source in fragment.inputs.items():
                if isinstance(source, Exchange) and source.kept and source.fragment not in inside:
                    self._steps.input(name, fragment, scope)

    def _run(self, fragments: tuple[Fragment, ...], scope: Scope) -> None:
        for fragment in fragments:
            if fragment.id not in scope.values:
                scope.values[fragment.id] = self._steps.run_fragment(fragment, scope)

    def _input(self, relation: Relation, scope: Scope) -> pa.Table:
        return self._steps.input(_name_of(relation), self._fragment, scope)

    def _needed(self, name: str) -> tuple[Fragment, ...]:
        """Return the fragments of this loop that one of them needs, and itself, in order."""
        by_id = {fragment.id: fragment for fragment in self._plan.fragments}
        found: set[str] = set()
        waiting = [name]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.add(each)
                waiting += producers(by_id[each].inputs)
        return tuple(f for f in self._inside if f.id in found)

    def _locate(self, error: WayfedError, number: int) -> None:
        if not isinstance(error, Cancelled):
            error.message = f"in iteration {number} of {self._name}: {error.message}"


def producers(inputs: Mapping[str, object]) -> list[str]:
    """Return the fragments that some inputs come from."""
    return [source.fragment for source in inputs.values() if isinstance(source, Exchange)]


def _name_of(relation: Relation) -> str:
    assert isinstance(relation, Read)  # noqa: S101  # a loop's fragment reads others, nothing else
    return relation.table
