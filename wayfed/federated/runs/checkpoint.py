"""A checkpoint: all that a run needs to go on from the end of a round, in one file.

It holds no rows, no noise and no masks. What chance decides follows from the seed and the round,
but for noise, which is drawn afresh; what a party has told under privacy stands in its own ledger.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed.federated.features.fitting import FittedFeatures
from wayfed.federated.privacy.dp import Spent
from wayfed.federated.runs.archive import DamagedArchive, read_archive, replace_archive
from wayfed.federated.runs.plain import (
    failures_from_list,
    failures_to_list,
    parties_from_dict,
    parties_to_dict,
    round_from_dict,
    round_to_dict,
)
from wayfed.federated.runs.request import Request
from wayfed.federated.runs.versions import FORM, versions
from wayfed_optimizer.errors import InvalidOption, SourceChanged, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from wayfed.federated.features.fitting import Category
    from wayfed.federated.models.adapter import Weights
    from wayfed.federated.rounds.guard import Failure
    from wayfed.federated.runs.results import PartyReport, Round

ENDING: Final = ".checkpoint"
_STATE: Final = "state"
_MODEL: Final = "model/"
_STRATEGY: Final = "strategy/"
_BEST: Final = "best/"
_PACKAGES: Final = ("wayfed", "flwr")


@dataclass(frozen=True, slots=True)
class BestWeights:
    """The arrays of the best model so far, and the round that they came of."""

    round: int
    weights: Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A run at the end of a round.

    Parameters
    ----------
    run
        Its id.
    request
        What it was asked for.
    weights
        The model's arrays.
    strategy
        What the strategy keeps between rounds.
    features, classes
        What was fitted before the first round.
    parties
        Who took part, with the digests of their arrays.
    history, failures
        The rounds so far.
    versions
        What it was written with.
    best
        The best model so far, where the run looks for one.
    privacy_spent
        What the run costs each party.
    """

    run: str
    request: Request
    weights: Weights
    strategy: Mapping[str, NDArray[Any]]
    features: FittedFeatures
    classes: tuple[Category, ...] | None
    parties: Mapping[str, PartyReport]
    history: Sequence[Round]
    failures: Sequence[Failure]
    versions: Mapping[str, str]
    best: BestWeights | None = None
    privacy_spent: Mapping[str, Spent] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def round(self) -> int:
        """The round that it was written after; 0 before the first."""
        return len(self.history)

    @property
    def digests(self) -> dict[str, str]:
        """The digests of the parties' rows."""
        return {n: each.digest for n, each in self.parties.items() if each.digest is not None}

    def write(self, path: Path) -> None:
        """Put the checkpoint in place of the one before, all of it or nothing.

        Raises
        ------
        OSError
            It cannot be written.
        """
        state = {
            "run": self.run,
            "versions": dict(self.versions),
            "plan_hash": self.request.plan_hash,
            "request": self.request.to_dict(),
            "features": self.features.to_dict(),
            "classes": None if self.classes is None else list(self.classes),
            "parties": parties_to_dict(self.parties),
            "history": [round_to_dict(each) for each in self.history],
            "failures": failures_to_list(self.failures),
            "best": None if self.best is None else self.best.round,
            "privacy_spent": {name: asdict(each) for name, each in self.privacy_spent.items()},
        }
        arrays = {f"{_MODEL}{name}": array for name, array in self.weights.items()}
        arrays |= {f"{_STRATEGY}{name}": array for name, array in self.strategy.items()}
        if self.best is not None:
            arrays |= {f"{_BEST}{name}": array for name, array in self.best.weights.items()}
        replace_archive(path, arrays, {_STATE: state})


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    SourceError
        There is none, it is damaged, or of a form that this version does not read.
    """
    try:
        arrays, documents = read_archive(path)
    except OSError as error:
        raise SourceError(
            f"the checkpoint {path} cannot be read: {error.strerror}",
            hint="run_federated(…, checkpoint=True) writes one after each round",
        ) from error
    except DamagedArchive as error:
        raise _unusable(path, f"is damaged: {error}") from error
    state = documents.get(_STATE)
    if not isinstance(state, dict) or "versions" not in state:
        raise _unusable(path, "is damaged: it is no checkpoint of a run")
    written = state["versions"]
    if not isinstance(written, dict) or written.get("checkpoints") != str(FORM):
        form = written.get("checkpoints") if isinstance(written, dict) else None
        raise _of_another_version(
            path, written, f"is of form {form}, this version reads form {FORM}"
        )
    try:
        classes, best = state["classes"], state["best"]
        return Checkpoint(
            run=str(state["run"]),
            request=Request.from_dict(state["request"]),
            weights=_below(arrays, _MODEL),
            strategy=_below(arrays, _STRATEGY),
            features=FittedFeatures.from_dict(state["features"]),
            classes=None if classes is None else tuple(classes),
            parties=parties_from_dict(state["parties"]),
            history=tuple(round_from_dict(each) for each in state["history"]),
            failures=failures_from_list(state["failures"]),
            versions=written,
            best=None if best is None else BestWeights(int(best), _below(arrays, _BEST)),
            privacy_spent={n: Spent(**s) for n, s in state.get("privacy_spent", {}).items()},
        )
    except (KeyError, TypeError, AttributeError, InvalidOption) as error:
        # Its checksums are right: it is as it was written, by a version that wrote other things.
        reason = f"was written by another version: {type(error).__name__} {error}"
        raise _of_another_version(path, written, reason) from error


def check_versions(checkpoint: Checkpoint) -> None:
    """Raise SourceChanged where what is installed differs from what wrote the checkpoint."""
    here = versions()
    changed = [
        f"{name} {then}, here {here.get(name, 'none')}"
        for name, then in checkpoint.versions.items()
        if here.get(name) != then
    ]
    if changed:
        raise SourceChanged(
            f"the checkpoint of run {checkpoint.run} was written with {'; '.join(changed)}, "
            "so the model would not be the same bit for bit",
            hint="install what it was written with, or resume(…, allow_changed=True)",
        )


def checkpoint_path(directory: Path, run: str) -> Path:
    """Return where a run's checkpoint is in a directory."""
    return directory / f"{run}{ENDING}"


def _below(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _of_another_version(path: Path, written: object, what: str) -> SourceError:
    names = [
        f"{name} {version}"
        for name, version in (written.items() if isinstance(written, dict) else ())
        if name in _PACKAGES
    ]
    return _unusable(path, what, f"resume it with {', '.join(names)}, or " if names else "")


def _unusable(path: Path, what: str, otherwise: str = "") -> SourceError:
    return SourceError(
        f"the checkpoint {path} {what}",
        hint=f"{otherwise}start the run again: equal seeds take the same way",
    )
