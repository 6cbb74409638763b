"""What every run begins with: its numbers checked, its rounds played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed.federated.models import spec
from wayfed.federated.rounds.progress import reporting
from wayfed.federated.runs.journal import Journal
from wayfed.federated.runs.results import FederatedRun, OnRound, PartyReport
from wayfed.federated.runs.stopping import Best
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.federated.models.adapter import Weights
    from wayfed.federated.privacy.dp import Spent
    from wayfed.federated.rounds.playing import Rounds
    from wayfed.federated.runs.checkpoint import Checkpoint
    from wayfed.federated.runs.results import ExplainParty


def play(
    rounds_of: Rounds,
    weights: Weights,
    *,
    description: str,
    rounds: int,
    parties: Mapping[str, PartyReport],
    on_round: OnRound | None,
    progress: bool | None,
    explain: ExplainParty | None = None,
    privacy_spent: Mapping[str, Spent] | None = None,
    journal: Journal | None = None,
    resumed: Checkpoint | None = None,
) -> FederatedRun:
    """Play `rounds` rounds from `weights` on, but for those that are behind, and give the run."""
    journal = Journal() if journal is None else journal
    run = FederatedRun(
        id=journal.run,
        description=description,
        strategy=type(rounds_of.strategy).__name__,
        rounds=rounds,
        model=rounds_of.model(weights),
        parties=parties,
        privacy_spent=privacy_spent,
        history=[] if resumed is None else list(resumed.history),
        explain_party=explain,
    )
    if resumed is not None:
        rounds_of.grid.failures[:0] = resumed.failures
        if resumed.best is not None:
            run.best = Best(resumed.best.round, rounds_of.model(resumed.best.weights))
    with reporting(rounds, progress) as report:
        rounds_of.play(run, weights, journal=journal, report=report, on_round=on_round)
    return run


def checked_deadline(deadline: float | None) -> float | None:
    """Return a deadline; raises InvalidOption where it is none."""
    if deadline is not None and not deadline > 0:
        raise InvalidOption(f"deadline is a number of seconds above 0, not {deadline!r}")
    return deadline


def check_rounds(rounds: object, quorum: float | None, deadline: float | None) -> None:
    """Raise InvalidOption unless a run can have these."""
    spec.check_rounds(rounds)
    checked_deadline(deadline)
    if quorum is None:
        return
    if isinstance(quorum, float) and not 0 < quorum <= 1:
        raise InvalidOption(f"quorum={quorum} as a fraction lies above 0 and up to 1")
    if isinstance(quorum, int) and quorum < 1:
        raise InvalidOption(f"quorum={quorum} would let a round pass without anybody")
