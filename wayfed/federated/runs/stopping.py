"""When a run is over before its last round, and which of its models it keeps."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from wayfed.federated.models.spec import check_whole
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed.federated.runs.results import Predictor, Round


@dataclass(frozen=True, slots=True)
class Best:
    """The best model of a run so far, and the round that it came of."""

    round: int
    model: Predictor


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """What `early_stopping` was asked for; see there."""

    metric: str
    patience: int | None
    min_delta: float
    restore_best: bool

    def best(self, history: Sequence[Round]) -> int | None:
        """Return the number of the best round; None where nothing was measured.

        Raises
        ------
        InvalidOption
            What was measured is not this.
        """
        from wayfed.federated.metrics import HIGHER_IS_BETTER

        sign = 1.0 if HIGHER_IS_BETTER[self.metric] else -1.0
        best, least = None, -math.inf
        measured = {name for played in history for name in played.metrics}
        if measured and self.metric not in measured:
            raise InvalidOption.unknown(self.metric, sorted(measured), of="the run's measures")
        for played in history:  # a round without it, as of rows of one class, is no better
            value = sign * played.metrics.get(self.metric, math.nan)
            if value > least + (self.min_delta if best is not None else 0.0):
                best, least = played.number, value
        return best

    def is_over(self, history: Sequence[Round]) -> bool:
        """Say whether the measure has not become better for so many rounds."""
        if self.patience is None:
            return False
        return len(history) - (self.best(history) or 0) >= self.patience

    def to_dict(self) -> dict[str, object]:
        """Give plain values, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, object] | None) -> EarlyStopping | None:
        """Read what `to_dict` wrote."""
        return None if plain is None else early_stopping(**plain)  # type: ignore[arg-type]  # checked


def early_stopping(
    metric: str = "log_loss",
    *,
    patience: int | None = 3,
    min_delta: float = 0.0,
    restore_best: bool = True,
) -> EarlyStopping:
    """End a run when a measure on held-out rows has stopped to become better.

    Parameters
    ----------
    metric
        Which: ``log_loss``, ``auc``, ``accuracy`` …, in a regression ``rmse``, ``mae``, ``r2``.
    patience
        After how many rounds without a better one the run is over; None lets all rounds be played.
    min_delta
        How much better counts as better.
    restore_best
        Whether the run's model is that of the best round instead of the last one.

    Raises
    ------
    InvalidOption
        There is no such measure, or a number is out of its range.

    Examples
    --------
    >>> early_stopping("auc", patience=5)
    EarlyStopping(metric='auc', patience=5, min_delta=0.0, restore_best=True)
    """
    from wayfed.federated.metrics import HIGHER_IS_BETTER

    if metric not in HIGHER_IS_BETTER:
        raise InvalidOption.unknown(metric, HIGHER_IS_BETTER, of="the measures")
    if patience is not None:
        check_whole(patience=patience)
    if isinstance(min_delta, bool) or not isinstance(min_delta, int | float) or min_delta < 0:
        raise InvalidOption(f"min_delta is a number from 0 up, not {min_delta!r}")
    return EarlyStopping(metric, patience, float(min_delta), bool(restore_best))


def as_early_stopping(asked: EarlyStopping | str | None) -> EarlyStopping | None:
    """Return what is meant by ``early_stopping=``: a measure's name is one with the defaults."""
    return early_stopping(asked) if isinstance(asked, str) else asked
