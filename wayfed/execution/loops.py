"""Runs loops: the fragments of a body again and again, over rows that stay in memory meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wayfed.execution.bodies import Body
from wayfed.execution.scope import Scope
from wayfed_optimizer.errors import Cancelled, ExecutionError, WayfedError
from wayfed_optimizer.relations import Iterate

if TYPE_CHECKING:
    import pyarrow as pa

    from wayfed.execution.bodies import Steps
    from wayfed_optimizer.physical import Fragment, PhysicalPlan


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
        self._name = f"the loop at {line}" if line else f"the loop '{self._loop.variable}'"
        self._body = Body(fragment, self._loop.variable, plan, steps)
        self._next = self._body.needed(self._loop.body)
        self._until = self._body.needed(self._loop.until) if self._loop.until else ()
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
        rows = self._body.rows(self._loop.initial, scope)
        self._body.read_outside(scope)
        self.count.runs += 1
        inner = Scope(scope, self._loop.variable, rows)
        for number in range(1, self._loop.max_iterations + 1):
            try:
                self._body.run(self._next, inner)
                rows = self._body.rows(self._loop.body, inner)
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
        self._body.run(self._until, scope)
        told = self._body.rows(self._loop.until, scope)
        if told.num_rows != 1:
            raise ExecutionError(
                f"its condition gave {told.num_rows} rows",
                hint="until= gives one row with one boolean: aggregate with group_by().agg(…)",
            )
        return told.column(0)[0].as_py() is True

    def _locate(self, error: WayfedError, number: int) -> None:
        if not isinstance(error, Cancelled):
            error.message = f"in iteration {number} of {self._name}: {error.message}"
