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
    from wayfed.explain.rules import RuleView
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
class RivalView:
    """The best plan in which the heaviest work of a fragment is done elsewhere.

    Parameters
    ----------
    operator, platform
        Which work that is, and where it would be done.
    cost
        Estimated, of the whole plan.
    reason
        What of it is more.
    """

    operator: str
    platform: str
    cost: Cost
    reason: str


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
        Where else it could end, the cheapest first, then where it could not and why.
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
    held
        Estimated bytes that the largest of its hash tables and sorts holds.
    rival
        What the next best placement would have been, where there is one.
    sought
        Whether a rival was looked for: of the costliest fragments only.
    forced
        Whether somebody said where it is to run.
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
    held: float = 0.0
    rival: RivalView | None = None
    sought: bool = True
    forced: bool = False

    @property
    def own_tables(self) -> frozenset[str]:
        """The tables that it reads and that its platform alone can read."""
        own = f"@{self.platform}"
        return frozenset(each.table for each in self.sources if each.channel.endswith(own))


@dataclass(frozen=True, slots=True)
class RejectedView:
    """A plan as a whole that was not chosen.

    Parameters
    ----------
    text
        How it differs from the one that was chosen.
    cost
        What it was estimated to cost; None where it cannot be.
    reason
        What of it is more, or why it cannot be.
    """

    text: str
    cost: Cost | None
    reason: str


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
        What is worth knowing: barriers, orders that are not total, estimates that were far off.
    assumptions
        What was guessed because nothing is known of it, and what would tell.
    cost
        Estimated cost of everything; None before placement.
    moved
        Estimated bytes that go from one platform to another, the result aside.
    planning
        Seconds that each part of planning took.
    cached
        Whether the plan was made before, and is used again.
    seconds
        Seconds that the execution took, where there was one.
    objective
        What was to be small: ``time`` or ``bytes``.
    side_by_side
        Estimated seconds where every fragment has cores of its own.
    calibrated
        The platforms that take part and whose costs were measured on this installation.
    events
        What the execution changed on its way: what was planned again, retried, placed elsewhere.
    rejected
        Whole plans that were not chosen, the cheapest first; looked for where it was asked for.
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
    assumptions: tuple[str, ...] = ()
    cost: Cost | None = None
    moved: float = 0.0
    planning: tuple[tuple[str, float], ...] = ()
    cached: bool = False
    seconds: float | None = None
    objective: str = "time"
    side_by_side: float | None = None
    calibrated: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    rejected: tuple[RejectedView, ...] = ()
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
