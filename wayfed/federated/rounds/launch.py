"""What every run begins with: its parties and numbers checked, a guarded grid, rounds played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wayfed.arrays import Arrays
from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.rounds.guard import GuardedGrid
from wayfed.federated.rounds.progress import reporting
from wayfed.federated.runs.results import FederatedRun, OnRound, PartyReport
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from wayfed.federated.models.adapter import Weights
    from wayfed.federated.parties.learning import Party
    from wayfed.federated.releases import Recorder
    from wayfed.federated.rounds.playing import Rounds
    from wayfed_optimizer.cancellation import CancellationToken


def play(
    rounds_of: Rounds,
    weights: Weights,
    *,
    description: str,
    rounds: int,
    parties: Mapping[str, PartyReport],
    on_round: OnRound | None,
    progress: bool | None,
) -> FederatedRun:
    """Play `rounds` rounds from `weights` on and give the run."""
    run = FederatedRun(
        description=description,
        strategy=type(rounds_of.strategy).__name__,
        rounds=rounds,
        model=rounds_of.model(weights),
        parties=parties,
    )
    try:
        with reporting(rounds, progress) as report:
            rounds_of.play(run, weights, report=report, on_round=on_round)
    finally:
        rounds_of.grid.close()
    return run


def local_grid(
    parties: Sequence[Party],
    *,
    threads: int | None,
    record: Recorder | None,
    quorum: float | None,
    deadline: float | None,
    token: CancellationToken | None,
) -> GuardedGrid:
    """Put parties on a grid in this process that checks their answers."""
    local = LocalGrid(parties, threads=threads, record=record)
    return GuardedGrid(
        local, quorum=1 if quorum is None else quorum, deadline=deadline, token=token
    )


def check_parties_given(parties: object) -> None:
    """Raise InvalidOption unless these are arrays by party."""
    if isinstance(parties, Arrays):
        raise InvalidOption(
            "these arrays are of one party",
            hint="arrays.partition_by('column') makes each of its values a party",
        )
    if not isinstance(parties, Mapping) or not parties:
        raise InvalidOption("a federation needs at least one party's arrays, by name")


def check_rounds(rounds: object, quorum: float | None, deadline: float | None) -> None:
    """Raise InvalidOption unless a run can have these."""
    if not isinstance(rounds, int) or isinstance(rounds, bool) or rounds < 1:
        raise InvalidOption(f"rounds is a whole number from 1 up, not {rounds!r}")
    if deadline is not None and not deadline > 0:
        raise InvalidOption(f"deadline is a number of seconds above 0, not {deadline!r}")
    if quorum is None:
        return
    if isinstance(quorum, float) and not 0 < quorum <= 1:
        raise InvalidOption(f"quorum={quorum} as a fraction lies above 0 and up to 1")
    if isinstance(quorum, int) and quorum < 1:
        raise InvalidOption(f"quorum={quorum} would let a round pass without anybody")
