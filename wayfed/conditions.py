"""Choice by condition: ``wf.when(condition).then(value)….otherwise(value)`` (SQL: CASE)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed.columns import Column, as_column, combine, named
from wayfed_optimizer.errors import PlanError
from wayfed_optimizer.expressions import case

if TYPE_CHECKING:
    from wayfed.columns import Value
    from wayfed_optimizer.expressions import Expression

Branch = tuple[Column, Column]


class When:
    """A condition that waits for its value; `then` gives it."""

    __slots__ = ("_branches", "_condition")

    def __init__(self, branches: tuple[Branch, ...], condition: str | Column | bool) -> None:
        self._branches = branches
        self._condition = named(condition) if isinstance(condition, str) else as_column(condition)

    def then(self, value: Value) -> Then:
        """Give the value where the condition is true; a text is a constant."""
        return Then((*self._branches, (self._condition, as_column(value))))

    def __repr__(self) -> str:
        return f"When({self._condition.text})"

    def __bool__(self) -> bool:
        raise PlanError("a when() has no value yet", hint="go on with .then(value)")


class Then(Column):
    """The value of the first branch whose condition is true, NULL where none is.

    `when` adds a branch, `otherwise` says what it is instead of NULL.
    """

    __slots__ = ("_branches",)

    def __init__(self, branches: tuple[Branch, ...]) -> None:
        self._branches = branches
        whole = _case(branches, None)
        super().__init__(whole.bind, whole.text, scope=whole.scope, operations=whole.operations)

    def when(self, condition: str | Column | bool) -> When:
        """Add a branch, looked at where no condition before it is true."""
        return When(self._branches, condition)

    def otherwise(self, value: Value) -> Column:
        """Give the value where no condition is true; a text is a constant."""
        return _case(self._branches, as_column(value))


def when(condition: str | Column | bool) -> When:
    """Choose between values: the first whose condition is true.

    Parameters
    ----------
    condition
        A boolean column, or SQL text.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.when(wf.col("amount") > 1000).then("large").when("amount > 10").then("small")
    Column(case when amount > 1000 then 'large' when amount > 10 then 'small' end)
    """
    return When((), condition)


def _case(branches: tuple[Branch, ...], last: Column | None) -> Column:
    operands = [part for branch in branches for part in branch]
    if last is not None:
        operands.append(last)

    def build(*parts: Expression) -> Expression:
        ends = 2 * len(branches)
        pairs = zip(parts[:ends:2], parts[1:ends:2], strict=True)
        return case(tuple(pairs), parts[ends] if last is not None else None)

    text = " ".join(f"when {condition.text} then {value.text}" for condition, value in branches)
    otherwise = f" else {last.text}" if last is not None else ""
    return combine(build, f"case {text}{otherwise} end", *operands)
