"""How a run is played: what who asks decides alone, and no party is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from wayfed.federated.releases import Recorder
    from wayfed.federated.runs.checkpoint import Checkpoint
    from wayfed.federated.runs.results import OnRound
    from wayfed.federated.runs.stopping import EarlyStopping
    from wayfed.federated.runs.store import RunStore
    from wayfed_optimizer.cancellation import CancellationToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a run is played, as `wayfed.federated.run.run_federated` was told.

    Parameters
    ----------
    runner, quorum, deadline, min_rows, on_round, progress, threads, token, record, store
        As there.
    directory
        Where checkpoints go; None writes none.
    stopping
        When the run is over before its last round.
    resumed, allow_changed
        As there.
    """

    runner: str | None
    quorum: float | None
    deadline: float | None
    min_rows: int
    directory: Path | None
    stopping: EarlyStopping | None
    on_round: OnRound | None
    progress: bool | None
    threads: int | None
    token: CancellationToken | None
    record: Recorder | None
    store: RunStore | None
    resumed: Checkpoint | None
    allow_changed: bool

    @property
    def keeps(self) -> bool:
        """Whether checkpoints are written."""
        return self.directory is not None
