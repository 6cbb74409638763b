"""Parties reached, and agreed with on what they learn: the last step before the first round."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.models.adapter import Model, check_shape, resolve_model
from wayfed.federated.models.spec import ModelSpec, OwnModel
from wayfed.federated.privacy.client_level import noisy_average
from wayfed.federated.privacy.masking.rounds import check_summed_in_secret
from wayfed.federated.rounds.binding import Bound, bind
from wayfed.federated.rounds.pooling import strategy_of
from wayfed.federated.rounds.private_binding import bind_privately
from wayfed.federated.rounds.rebinding import rebind
from wayfed.federated.rounds.strategies import asked_in_a_round, check_parties
from wayfed.federated.runs.results import left_out_of
from wayfed.federated.runs.strategy_state import restore_strategy
from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flwr.serverapp.strategy import Strategy

    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.models.adapter import Task
    from wayfed.federated.participants import Participants
    from wayfed.federated.parties.question import Question
    from wayfed.federated.privacy.dp import Spent
    from wayfed.federated.rounds.guard import GuardedGrid
    from wayfed.federated.runs.results import PartyReport
    from wayfed.federated.runs.terms import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What the parties have agreed to, and how it is trained.

    Parameters
    ----------
    bound
        The question, agreed to.
    model
        The model, built for what is to be learned.
    strategy
        How updates become one model.
    spent
        What the run costs each party; None without privacy.
    """

    bound: Bound
    model: Model
    strategy: Strategy
    spent: Mapping[str, Spent] | None

    @property
    def is_measured(self) -> bool:
        """Whether some party holds rows to measure on."""
        return any(report.testing for report in self.bound.parties.values())


def agree(
    grid: GuardedGrid,
    participants: Participants,
    asked: Question,
    strategy: Strategy,
    terms: Terms,
    *,
    bools: Sequence[str],
) -> Agreed:
    """Bind the question at every party, anew, again, or privately; who cannot is left out.

    Raises
    ------
    TypeMismatch, PolicyViolation, SourceChanged, PartyError, InvalidOption
        What is asked does not fit the parties' rows or rules; of all parties at once. Or there are
        too few of them; what that takes no answer to know is said before anybody is asked, and the
        rest before anybody pays.
    """
    if asked.privacy is not None and asked.privacy.unit == "client":
        strategy = noisy_average(asked.privacy, asked.rounds)

    def ready(task: Task, left_out: Mapping[str, str]) -> None:
        _check_enough(grid, asked, strategy, terms, left_out)
        check_shape(resolve_model(asked.model, task))

    _check_enough(grid, asked, strategy, terms)
    spent: Mapping[str, Spent] | None = None
    if asked.privacy is not None:
        types = participants.types(asked.features)
        bound, spent = bind_privately(grid, asked, terms, bools=bools, types=types, ready=ready)
    elif terms.resumed is not None:
        bound = rebind(grid, asked, terms.resumed, allow_changed=terms.may_change)
    else:
        bound = bind(grid, asked, bools=bools)
    if terms.resumed is not None:
        restore_strategy(strategy, terms.resumed.strategy)
    grid.expect(_work(bound.parties, len(asked.features)))
    _check_enough(grid, asked, strategy, terms, left_out_of(bound.parties))
    model = resolve_model(asked.model, bound.task)
    check_shape(model)
    return Agreed(bound=bound, model=model, strategy=strategy_of(model, strategy), spent=spent)


def check_reach(model: ModelSpec, grid: PartyGrid, *, kept: bool) -> None:
    """Raise Unsupported where code of the user's own would have to travel, or be written down."""
    if not isinstance(model, OwnModel):
        return
    if kept:
        raise Unsupported(
            "checkpoint=",
            reason=f"model {model.name} is code of your own, which cannot be written down",
            hint="leave checkpoint out, or wf.models.custom('name') of an installed package",
        )
    if not (model.is_everywhere or isinstance(grid, LocalGrid)):
        raise Unsupported(
            f"model {model.name} of your own",
            reason="parties elsewhere run what they have installed, never code that arrives",
            hint="runner='local'; or wf.models.custom('name'), installed at the parties",
        )


def _check_enough(
    grid: GuardedGrid,
    asked: Question,
    strategy: Strategy,
    terms: Terms,
    left_out: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Raise InvalidOption where the parties that are left are too few for what is asked."""
    parties = len(grid.parties)
    check_parties(strategy, parties, terms.quorum)
    if asked.secure_aggregation:
        check_summed_in_secret(parties, asked_in_a_round(strategy, parties), left_out)


def _work(reports: Mapping[str, PartyReport], features: int) -> int:
    """Give how many numbers a party works through, where a row lies on the average."""
    rows = [report.rows for report in reports.values()]
    return int(sum(n * n for n in rows) / max(1, sum(rows)) * features)
