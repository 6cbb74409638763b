"""The fragments of a body: run again and again, each time over other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from wayfed_optimizer.physical import Exchange
from wayfed_optimizer.relations import Read

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from wayfed.execution.scope import Scope
    from wayfed_optimizer.physical import Fragment, PhysicalPlan
    from wayfed_optimizer.relations import Relation


class Steps(Protocol):
    """What a body needs of the run that it is part of."""

    def run_fragment(self, fragment: Fragment, scope: Scope) -> Any:
        """Run a fragment over the values of a scope."""
        ...

    def input(self, name: str, fragment: Fragment, scope: Scope) -> Any:
        """Return an input of a fragment, as the fragment reads it."""
        ...


class Body:
    """The fragments that stand inside of another one, which runs them.

    Parameters
    ----------
    fragment
        The one that runs them.
    variable
        What stands for the rows that change.
    plan
        The plan with all of them.
    steps
        Runs each.
    """

    def __init__(self, fragment: Fragment, variable: str, plan: PhysicalPlan, steps: Steps) -> None:
        self._fragment = fragment
        self._steps = steps
        self._plan = plan
        self._inside = tuple(f for f in plan.fragments if f.inside == variable)

    def rows(self, relation: Relation, scope: Scope) -> pa.Table:
        """Return what one of the fragment's inputs gave."""
        return self._steps.input(_name_of(relation), self._fragment, scope)

    def needed(self, relation: Relation) -> tuple[Fragment, ...]:
        """Return the fragments of the body that an input needs, in order."""
        by_id = {fragment.id: fragment for fragment in self._plan.fragments}
        found: set[str] = set()
        waiting = [_name_of(relation)]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.add(each)
                waiting += producers(by_id[each].inputs)
        return tuple(f for f in self._inside if f.id in found)

    def read_outside(self, scope: Scope) -> None:
        """Fetch what the body reads of outside, before it is needed again and again."""
        inside = {fragment.id for fragment in self._inside}
        for fragment in self._inside:
            for name, source in fragment.inputs.items():
                if isinstance(source, Exchange) and source.kept and source.fragment not in inside:
                    self._steps.input(name, fragment, scope)

    def run(self, fragments: tuple[Fragment, ...], scope: Scope) -> None:
        """Run fragments of the body that have not run in a scope yet."""
        for fragment in fragments:
            if fragment.id not in scope.values:
                scope.values[fragment.id] = self._steps.run_fragment(fragment, scope)


def producers(inputs: Mapping[str, object]) -> list[str]:
    """Return the fragments that some inputs come from."""
    return [source.fragment for source in inputs.values() if isinstance(source, Exchange)]


def _name_of(relation: Relation) -> str:
    assert isinstance(relation, Read)  # noqa: S101  # such a fragment reads others, nothing else
    return relation.table
