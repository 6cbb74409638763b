"""A model on its own: its arrays as ``.npz``, and a card of JSON that says what they mean."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wayfed.federated.runs.archive import DamagedArchive, read_archive, write_archive
from wayfed.federated.runs.versions import versions
from wayfed_optimizer.errors import InvalidOption, SourceError, Unsupported

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from wayfed.federated.runs.results import FederatedRun, TrainedModel

MODEL: Final = "model.npz"
CARD: Final = "card.json"
FORM: Final = 1
"""Of cards; one of another form is not read."""


def card_of(run: FederatedRun, model: TrainedModel) -> dict[str, Any]:
    """Say what a run's model is, and where it comes from, as plain values."""
    return {
        "form": FORM,
        **model.to_dict(),
        "run": run.id,
        "strategy": run.strategy,
        "rounds": len(run.history),
        "round": run.restored or len(run.history),
        "parties": [name for name in run.parties if name not in run.left_out],
        "metrics": dict(run.metrics),
        "versions": dict(versions()),
    }


def export_run(run: FederatedRun, target: str | os.PathLike[str]) -> Path:
    """Write a run's model to a directory, or to a file whose name ends in ``.zip``.

    It holds ``model.npz``, the arrays, and ``card.json``: the model's specification, the recipe of
    its features with all that was fitted, the types of its columns, its measures, its versions.

    Raises
    ------
    Unsupported
        The run trained code of the user's own, whose arrays nothing is known of.
    SourceError
        It cannot be written.
    """
    from wayfed.federated.models.spec import OwnModel
    from wayfed.federated.runs.results import TrainedModel

    if not isinstance(run.model, TrainedModel) or isinstance(run.model.spec, OwnModel):
        raise Unsupported(
            "exporting this run's model",
            reason="what arrays of code of your own mean is not known",
            hint="numpy.savez('model.npz', **run.arrays)",
        )
    card = json.dumps(card_of(run, run.model), ensure_ascii=False, indent=2)
    arrays = BytesIO()
    write_archive(arrays, dict(run.arrays))
    parts = {MODEL: arrays.getvalue(), CARD: f"{card}\n".encode()}
    path = Path(target).expanduser()
    try:
        if path.suffix == ".zip":
            path.parent.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, part in parts.items():
                    archive.writestr(name, part)
        else:
            path.mkdir(parents=True, exist_ok=True)
            for name, part in parts.items():
                (path / name).write_bytes(part)
    except OSError as error:
        raise SourceError(f"{path} cannot be written: {error.strerror}") from error
    return path


def load(source: str | os.PathLike[str]) -> TrainedModel:
    """Read a model that `export_run` wrote; nothing in it is executed.

    Raises
    ------
    SourceError
        There is none, or it is damaged.
    InvalidOption
        Its specification or recipe is none.
    """
    from wayfed.federated.runs.results import TrainedModel

    path = Path(source).expanduser()
    try:
        card, arrays = _parts(path)
        plain: Mapping[str, Any] = json.loads(card)
        if not isinstance(plain, dict) or plain.get("form") != FORM:
            raise SourceError(f"{path} holds no card of form {FORM}", hint="export the run again")
        return TrainedModel.from_dict(plain, read_archive(BytesIO(arrays))[0])
    except OSError as error:
        raise SourceError(
            f"the model {path} cannot be read: {error.strerror}",
            hint="wayfed runs export ID --output DIRECTORY writes one",
        ) from error
    except (DamagedArchive, zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        if isinstance(error, InvalidOption):
            raise
        raise SourceError(f"the model {path} is damaged: {error}") from error


def _parts(path: Path) -> tuple[bytes, bytes]:
    if path.is_dir():
        return (path / CARD).read_bytes(), (path / MODEL).read_bytes()
    with zipfile.ZipFile(path) as archive:
        return archive.read(CARD), archive.read(MODEL)
