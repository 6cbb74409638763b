"""What an explanation says of loops and look-ups: which fragments are one, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.relations import FirstMatches, Iterate, Read

if TYPE_CHECKING:
    from wayfed.execution.loops import LoopCount
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.physical import Exchange, Fragment


_ROLES: Final = {
    Iterate: ("the first rows", "the next rows", "whether to end"),
    FirstMatches: ("what to look up, in order", "what is found"),
}


@dataclass(frozen=True, slots=True)
class LoopView:
    """A fragment that is a loop, or looks rows up in batches until there are enough.

    Parameters
    ----------
    variable
        What its current rows are called in the plan.
    limit
        How often its body is applied at most; of a look-up, how many rows are enough.
    body, until
        The fragments that give the next rows, and say whether to end; there may be no condition.
    line
        Where the user's program wrote it.
    candidates
        Of a look-up, the fragment whose rows are looked up, the first ones first.
    """

    variable: str
    limit: int
    body: str
    until: str | None
    line: str | None
    candidates: str | None = None

    @property
    def title(self) -> str:
        """What is written above its body."""
        if self.candidates is not None:
            return f"look-up in batches, until there are {self.limit:,} rows"
        return f"loop {self.variable}, at most {self.limit} times"

    def text(self, count: LoopCount | None) -> str:
        """Return in one sentence what the loop does, and what it did where it was run."""
        if self.candidates is not None:
            plan = (
                f"the rows of {self.candidates} are looked up in order, a batch at a time, by "
                f"{self.body}, until there are {self.limit:,}"
            )
            return f"{plan}; {_batches(count)}" if count else plan
        until = f", until {self.until} is true" if self.until else ""
        plan = f"{self.variable} = {self.body} again and again{until}, at most {self.limit} times"
        return f"{plan}; {did(count)}" if count else plan


def _batches(count: LoopCount) -> str:
    return f"{count.iterations} batch{'' if count.iterations == 1 else 'es'} asked for"


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
        case FirstMatches(Read(candidates), Read(body), variable, count):
            return LoopView(variable, count, body, None, None, candidates)
    return None


def role(exchange: Exchange, consumer: Fragment) -> str:
    """Return what an exchange is for, where a loop takes part in it."""
    loop = consumer.relation
    roles = _ROLES.get(type(loop))
    if roles is not None:
        below = zip(roles, loop.below, strict=False)
        return " and ".join(
            told
            for told, read in below
            if isinstance(read, Read) and read.table == exchange.fragment
        )
    return "kept for all iterations" if exchange.kept and consumer.inside else ""
