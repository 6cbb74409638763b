"""Between rounds: parties that came late, or came back, join a run; with new rows, all of them."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed.federated.releases import ReleaseKind
from wayfed.federated.rounds.guard import Failure
from wayfed.federated.runs.results import PartyReport
from wayfed.federated.wire import question, read_json
from wayfed_optimizer.errors import PartyError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from flwr.app import RecordDict

    from wayfed.federated.parties.question import Question
    from wayfed.federated.rounds.binding import Bound
    from wayfed.federated.rounds.guard import GuardedGrid

_REFUSALS: Final = ("problems", "violations")


def bind_arrivals(grid: GuardedGrid, plan: str) -> None:
    """Let parties that came late, or came back, bind a plan, and ask those that have from now on.

    Who does not is among the grid's failures, and is not asked again until it comes anew.
    """
    names = tuple(grid.arrivals().values())
    if names:
        told = grid.ask_some(names, question({"plan": plan}), "query.plan")
        _admit(grid, names, _agreed(grid, told, "query.plan", 0))


class Joining:
    """Takes parties into a run: they bind its plan and question, and get its fitted features.

    Nothing that was agreed before changes: neither the classes nor the features, which were
    fitted without them.

    Parameters
    ----------
    grid
        The run's parties.
    plan
        What makes their arrays.
    asked
        The run's question.
    bound
        What the others have agreed to.
    reports
        What is known of each party; those that join are written into it.
    digests
        Of the rows that parties must have, where the run goes on from a checkpoint.
    afresh
        Whether before each round but the first everybody makes its arrays anew, who could not the
        last time among them.
    """

    def __init__(
        self,
        grid: GuardedGrid,
        plan: str,
        asked: Question,
        bound: Bound,
        reports: dict[str, PartyReport],
        *,
        digests: Mapping[str, str] = MappingProxyType({}),
        afresh: bool = False,
    ) -> None:
        self._grid = grid
        self._plan = plan
        self._question = dataclasses.replace(asked, classes=bound.classes)
        self._begin = bound.beginning
        self._reports = reports
        self._digests = digests
        self._afresh = afresh
        self._members = {name for name, each in reports.items() if each.left_out is None}

    def take_in(self, number: int) -> None:
        """Take in those who have come since the last round; `number` is the one that follows.

        Raises
        ------
        PartyError
            Everybody made its arrays anew, and nobody can go on.
        """
        names = tuple(self._grid.arrivals().values())
        if self._afresh and number > 1:
            names = tuple(sorted(self._members.union(names)))
        if not names:
            return
        planned = self._agreed(names, {"plan": self._plan}, "query.plan", number)
        bindings = self._agreed(planned, self._question.to_dict(), "query.bind", number)
        bindings = {n: told for n, told in bindings.items() if self._unchanged(n, told, number)}
        begun = self._agreed(bindings, self._begin, "query.begin", number)
        self._reports.update({name: _report(name, bindings[name]) for name in begun})
        _admit(self._grid, names, begun)
        self._members.update(begun)
        if not self._grid.parties:
            reasons = "".join(f"\n  {each}" for each in self._grid.failures[-len(names) :])
            raise PartyError(f"round {number}: no party has rows to go on with{reasons}")

    def _unchanged(self, name: str, told: Mapping[str, Any], number: int) -> bool:
        if self._digests.get(name, told["digest"]) == told["digest"]:
            return True
        reason = "has other rows than the run began with"
        self._grid.failures.append(Failure(name, number, "query.bind", reason))
        return False

    def _agreed(
        self, names: Collection[str], content: Mapping[str, Any], stage: str, number: int
    ) -> dict[str, Mapping[str, Any]]:
        """Ask some parties, and return the bindings of those who agree."""
        if not names:
            return {}
        lent = self._question.own_model if stage == "query.bind" else None
        told = self._grid.ask_some(names, question(content, lent=lent), stage)
        return _agreed(self._grid, told, stage, number)


def _admit(grid: GuardedGrid, arrived: Iterable[str], agreed: Collection[str]) -> None:
    for name in arrived:
        if name in agreed:
            grid.admit(name)
        else:
            grid.leave_out(name)


def _agreed(
    grid: GuardedGrid, told: Mapping[str, RecordDict], stage: str, number: int
) -> dict[str, Mapping[str, Any]]:
    """Return the bindings of those who agree; the others are failures, with their reasons."""
    agreed: dict[str, Mapping[str, Any]] = {}
    for name, content in told.items():
        binding = read_json(content, ReleaseKind.BINDING)
        reasons = [
            str(each["message"] if isinstance(each, dict) else each)
            for kind in _REFUSALS
            for each in binding.get(kind, ())
        ]
        if binding.get("left_out") is not None:
            reasons.append(str(binding["left_out"]))
        if reasons:
            grid.failures.append(Failure(name, number, stage, "; ".join(reasons)))
        else:
            agreed[name] = binding
    return agreed


def _report(name: str, binding: Mapping[str, Any]) -> PartyReport:
    rows, training, testing = (int(binding[key]) for key in ("rows", "training", "testing"))
    return PartyReport(name, rows, training, testing, str(binding["digest"]))
