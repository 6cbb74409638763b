"""What an explanation says of loops: which fragments are one, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wayfed_optimizer.relations import Iterate, Read

if TYPE_CHECKING:
    from wayfed.execution.loops import LoopCount
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Exchange, Fragment


@dataclass(frozen=True, slots=True)
class LoopView:
    """A fragment that is a loop.

    Parameters
    ----------
    variable
        What its current rows are called in the plan.
    limit
        How often its body is applied at most.
    body, until
        The fragments that give the next rows, and say whether to end; there may be no condition.
    line
        Where the user's program wrote it.
    """

    variable: str
    limit: int
    body: str
    until: str | None
    line: str | None

    def text(self, count: LoopCount | None) -> str:
        """Return in one sentence what the loop does, and what it did where it was run."""
        until = f", until {self.until} is true" if self.until else ""
        plan = f"{self.variable} = {self.body} again and again{until}, at most {self.limit} times"
        return f"{plan}; {did(count)}" if count else plan


def did(count: LoopCount) -> str:
    """Return how often a loop's body was applied, and whether it came to its limit."""
    runs = f" in {count.runs} runs" if count.runs > 1 else ""
    applied = f"{count.iterations} iteration{'' if count.iterations == 1 else 's'}{runs}"
    if not count.unfinished:
        return f"{applied} done"
    times = f" {count.unfinished} times" if count.runs > 1 else ""
    return f"{applied} done, stopped by the limit{times}"


def loop_of(fragment: Fragment, environment: Environment) -> LoopView | None:
    """Return the view of the loop that a fragment is, if it is one."""
    match fragment.relation:
        case Iterate(_, Read(body), variable, limit, until):
            name = until.table if isinstance(until, Read) else None
            return LoopView(variable, limit, body, name, environment.lines.get(variable))
    return None


def role(exchange: Exchange, consumer: Fragment) -> str:
    """Return what an exchange is for, where a loop takes part in it."""
    loop = consumer.relation
    if isinstance(loop, Iterate):
        below = zip(
            ("the first rows", "the next rows", "whether to end"), loop.inputs, strict=False
        )
        return " and ".join(
            told
            for told, read in below
            if isinstance(read, Read) and read.table == exchange.fragment
        )
    return "kept for all iterations" if exchange.kept and consumer.inside else ""
