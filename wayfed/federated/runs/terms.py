"""How a run is played: what who asks decides alone, and no party is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wayfed.federated.privacy.account import PrivacyPolicy
from wayfed.federated.privacy.charges import UNLIMITED

if TYPE_CHECKING:
    from pathlib import Path

    from wayfed.federated.privacy.dp import DifferentialPrivacy
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
    run
        The run's id.
    runner, quorum, deadline, min_rows, on_round, progress, threads, token, record, store
        As there.
    directory
        Where checkpoints go; None writes none.
    stopping
        When the run is over before its last round.
    resumed, allow_changed, refresh
        As there.
    """

    run: str
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
    refresh: str

    @property
    def afresh(self) -> bool:
        """Whether parties make their arrays anew before each round."""
        return self.refresh == "round"

    @property
    def may_change(self) -> bool:
        """Whether a run that goes on may find other rows than it began with."""
        return self.allow_changed or self.afresh

    @property
    def keeps(self) -> bool:
        """Whether checkpoints are written."""
        return self.directory is not None

    def paying(self, privacy: DifferentialPrivacy | None) -> PrivacyPolicy | None:
        """Return how arrays that were given pay for a private run that may be gone on with.

        Nothing limits what is spent of one's own rows; beside the checkpoint it is written down.
        """
        if privacy is None or self.directory is None:
            return None
        ledger = self.directory / f"{self.run}.ledger"
        return PrivacyPolicy(UNLIMITED, ledger, privacy.unit, required=False)
