"""Measures of a model from noisy histograms: what a party tells of held-out rows under privacy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

BINS: Final = 20
_BINARY: Final = 2


def histogram(
    probabilities: NDArray[np.float64], y: NDArray[np.float64], classes: int
) -> NDArray[np.float64]:
    """Count rows by true class and by what the model says of them; each row is in one cell.

    Parameters
    ----------
    probabilities
        Rows x classes.
    y
        The number of each row's class.
    classes
        How many there are.

    Returns
    -------
    ndarray
        Classes x `BINS` equal ranges of the second class's probability where there are two
        classes, else classes x classes: the likeliest.
    """
    truth = y.astype(np.intp)
    shape = cells_of(classes)
    if classes == _BINARY:
        sure = np.nan_to_num(probabilities[:, 1], nan=0.5)
        said = np.clip((sure * BINS).astype(np.intp), 0, BINS - 1)
    else:
        said = probabilities.argmax(axis=1)
    cells = np.bincount(truth * shape[1] + said, minlength=shape[0] * shape[1])
    return cells.reshape(shape).astype(np.float64)


def cells_of(classes: int) -> tuple[int, int]:
    """Return the shape of a histogram."""
    return classes, BINS if classes == _BINARY else classes


def pool(parties: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Make measures of what the parties told: the sum of their histograms."""
    told = [(np.asarray(each["cells"], dtype=np.float64), int(each["classes"])) for each in parties]
    return measures(np.sum([cells.reshape(cells_of(classes)) for cells, classes in told], axis=0))


def measures(counts: NDArray[np.float64]) -> dict[str, float]:
    """Make measures of a histogram, or of the sum of several; noise below zero counts as none.

    With two classes ``auc`` takes rows of one range for ties, half of them in the right order, and
    a row of a range has its middle for its probability in ``log_loss``.

    Examples
    --------
    >>> sure = np.zeros((2, BINS))
    >>> sure[0, 0] = sure[1, -1] = 50.0
    >>> measures(sure)
    {'auc': 1.0, 'accuracy': 1.0, 'log_loss': 0.025..., 'f1': 1.0}
    """
    cells = np.maximum(counts, 0.0)
    rows = float(cells.sum())
    if rows <= 0:
        return {}
    if len(cells) != _BINARY:
        right, either = np.diag(cells), cells.sum(axis=0) + cells.sum(axis=1)
        f1 = np.divide(2 * right, either, out=np.zeros(len(cells)), where=either > 0)
        return {"accuracy": float(right.sum()) / rows, "f1": float(f1.mean())}
    no, yes = cells
    half = BINS // 2
    hits = float(yes[half:].sum())
    guessed, true = float(cells[:, half:].sum()), float(yes.sum())
    told = {"accuracy": (hits + float(no[:half].sum())) / rows}
    if true > 0 and rows > true:
        below = np.concatenate([[0.0], np.cumsum(no)[:-1]])
        auc = float((yes * (below + no / 2)).sum()) / (true * float(no.sum()))
        told = {"auc": auc, **told}
    middle = (np.arange(BINS) + 0.5) / BINS
    told["log_loss"] = float(-(yes * np.log(middle) + no * np.log1p(-middle)).sum()) / rows
    told["f1"] = 2 * hits / (guessed + true) if guessed + true > 0 else 0.0
    return told
