"""What an explanation says: one model, which text, HTML, Mermaid and data are renderings of.

It holds what the plan says and what was counted, never the value of a row, and no secret: texts
that came from stores or users were masked when it was built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from wayfed.execution.report import FragmentReport
    from wayfed.explain.loops import LoopView
    from wayfed_optimizer.cost import Cost
    from wayfed_optimizer.physical import Alternative
    from wayfed_optimizer.statistics import Estimate
    from wayfed_optimizer.types import Schema

STAGES: Final = ("logical", "rewritten", "placed", "physical", "executed")
"""The stages at which a plan can be explained, in the order in which it goes through them."""


@dataclass(frozen=True, slots=True)
class OperatorView:
    """A relation of a plan, as one line over those it reads.

    Parameters
    ----------
    kind
        Class of the relation.
    text
        What it does, in one line.
    columns
        What it gives.
    rows
        Estimated rows; None where nobody estimated them.
    platform
        Where it runs; None before placement.
    arrives
        The channels through which its rows go to the operator above, where that is elsewhere.
    costs
        Estimated cost of everything up to here on each platform that was considered.
    inputs
        The operators it reads.
    table
        The table or fragment that it reads itself.
    """

    kind: str
    text: str
    columns: Schema
    rows: Estimate | None = None
    platform: str | None = None
    arrives: tuple[str, ...] = ()
    costs: tuple[tuple[str, Cost], ...] = ()
    inputs: tuple[OperatorView, ...] = ()
    table: str | None = None


@dataclass(frozen=True, slots=True)
class SourceView:
    """A table that a fragment reads where it is.

    Parameters
    ----------
    table, description, channel
        Its name in the plan, where it is (without secrets), and the form it has there.
    rows
        How many rows it has, as far as is known without reading it.
    columns, of
        The columns that are read, and how many there are.
    """

    table: str
    description: str
    channel: str
    rows: Estimate
    columns: tuple[str, ...]
    of: int


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """Rows that come from another fragment.

    Parameters
    ----------
    fragment
        The one that computes them.
    channels
        The forms they go through: the first as they leave it, the last as they are read.
    bytes
        Estimated.
    cost
        Estimated, of the conversions.
    role
        What they are for, where a loop takes part.
    """

    fragment: str
    channels: tuple[str, ...]
    bytes: float
    cost: Cost
    role: str = ""


@dataclass(frozen=True, slots=True)
class FragmentView:
    """A part of the plan that one platform runs as one piece of work.

    Parameters
    ----------
    id, platform
        Its name in the plan and where it runs.
    operators
        What it computes.
    asked, language
        What the platform is asked, in its own language (usually SQL).
    columns, rows, bytes
        What it gives: the columns, and how much is estimated.
    output
        The channel in which the rows leave.
    cost, total
        Estimated cost of this fragment alone, and with all that it needs.
    alternatives
        Where else it could run, the cheapest first, then where it could not and why.
    sources, exchanges
        What it reads: tables, and other fragments.
    actual
        What it handed out, where the plan was executed.
    inside
        The variable of the loop in each of whose iterations it runs.
    variables
        The variables of loops whose current rows it reads.
    loop
        The loop that it is, if it is one.
    """

    id: str
    platform: str
    operators: OperatorView
    asked: str
    language: str
    columns: Schema
    rows: Estimate
    bytes: float
    output: str
    cost: Cost
    total: Cost
    alternatives: tuple[Alternative, ...]
    sources: tuple[SourceView, ...]
    exchanges: tuple[ExchangeView, ...]
    actual: FragmentReport | None = None
    inside: str | None = None
    variables: tuple[str, ...] = ()
    loop: LoopView | None = None

    @property
    def next_best(self) -> Alternative | None:
        """The cheapest of the other platforms that could run it."""
        return next((a for a in self.alternatives if a.cost is not None), None)


@dataclass(frozen=True, slots=True)
class RuleView:
    """One firing of a rewrite rule: its name, and the relation before and after, in a line each."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """What a plan does and why; ``print`` it, show it in a notebook, or take it as data.

    Parameters
    ----------
    stage
        One of `STAGES`.
    operators
        The plan at that stage, as one tree; of the physical stages the plan as it was rewritten.
    fragments
        The physical plan, each fragment after those it reads and the result last; empty before
        that stage.
    rules
        The firings of rewrite rules, in order; none at the logical stage.
    notes
        What is worth knowing: barriers, guesses, orders that are not total.
    cost
        Estimated cost of everything; None before placement.
    moved
        Estimated bytes that go from one platform to another, the result aside.
    planning
        Seconds that each part of planning took.
    seconds
        Seconds that the execution took, where there was one.
    with_alternatives
        Whether renderings show all that was considered instead of the next best only.

    Examples
    --------
    >>> import wayfed as wf, pyarrow as pa
    >>> with wf.context() as ctx:
    ...     sales = ctx.read(pa.table({"shop": ["a", "b"], "price": [3, 4]}))
    ...     explanation = sales.filter("price > 3").explain()
    >>> explanation.stage, [fragment.platform for fragment in explanation.fragments]
    ('physical', ['duckdb'])
    """

    stage: str
    operators: OperatorView
    fragments: tuple[FragmentView, ...] = ()
    rules: tuple[RuleView, ...] = ()
    notes: tuple[str, ...] = ()
    cost: Cost | None = None
    moved: float = 0.0
    planning: tuple[tuple[str, float], ...] = ()
    seconds: float | None = None
    with_alternatives: bool = False

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms that take part, in the order in which the text names them."""
        if self.fragments:
            return tuple(dict.fromkeys(f.platform for f in reversed(self.fragments)))
        return tuple(dict.fromkeys(p for p in _platforms_of(self.operators) if p))

    def fragment(self, name: str) -> FragmentView:
        """Return the fragment with an id."""
        return next(f for f in self.fragments if f.id == name)

    def to_text(self, width: int = 100) -> str:
        """Return the explanation as an indented tree, at most `width` columns wide where it can."""
        from wayfed.explain.text import to_text

        return to_text(self, width)

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as data that JSON can hold; its keys are described in `data`."""
        from wayfed.explain.data import to_dict

        return to_dict(self)

    def to_mermaid(self) -> str:
        """Return the explanation as a Mermaid flowchart."""
        from wayfed.explain.mermaid import to_mermaid

        return to_mermaid(self)

    def to_html(self) -> str:
        """Return the explanation as a whole HTML page that needs nothing else."""
        from wayfed.explain.html import to_page

        return to_page(self)

    def _repr_html_(self) -> str:
        from wayfed.explain.html import to_html

        return to_html(self)

    def __str__(self) -> str:
        return self.to_text()

    __repr__ = __str__


def _platforms_of(operator: OperatorView) -> tuple[str | None, ...]:
    below = (name for each in operator.inputs for name in _platforms_of(each))
    return (operator.platform, *below)


def actual_moved(fragments: tuple[FragmentView, ...]) -> float | None:
    """Return the bytes that went from one platform to another; None where nothing was run."""
    by_id: Mapping[str, FragmentView] = {f.id: f for f in fragments}
    found = [by_id[e.fragment].actual for f in fragments for e in f.exchanges]
    if any(actual is None for actual in found) or not any(f.actual for f in fragments):
        return None
    return float(sum(actual.bytes for actual in found if actual))
