"""Measures of a model on held-out rows: sums at a party, exact figures over all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from wayfed.federated import reliability
from wayfed.federated.privacy import measuring
from wayfed.federated.reliability import Reliability

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sums: TypeAlias = Mapping[str, "float | int | list[int] | list[float]"]

WEIGHT: Final = "num-examples"
CELLS: Final = "cells"
CLASSES: Final = "classes"
PLACES: Final = 1024
"""Ranges of the second class's log-odds, of equal width in their asinh: finest near even odds."""
_BEND: Final = 4.0
_FARTHEST: Final = math.asinh(37.0 / _BEND)
"""Where a float is as near to 1 as it can be."""
_BINARY: Final = 2
_SMALLEST: Final = 1e-15
HIGHER_IS_BETTER: Final = {
    "auc": True,
    "accuracy": True,
    "f1": True,
    "r2": True,
    "log_loss": False,
    "brier": False,
    "calibration_error": False,
    "rmse": False,
    "mae": False,
    "inertia": False,
}


def classification_sums(probabilities: NDArray[np.float64], y: NDArray[np.float64]) -> Sums:
    """Add up what accuracy, log loss, F1, AUC, Brier score and calibration are made of.

    Parameters
    ----------
    probabilities
        Rows x classes.
    y
        The number of each row's class.
    """
    classes = probabilities.shape[1]
    truth = y.astype(np.intp)
    guess = probabilities.argmax(axis=1)
    right = guess == truth
    of_truth = probabilities[np.arange(len(truth)), truth]
    sums: dict[str, float | int | list[int] | list[float]] = {
        WEIGHT: len(truth),
        "log-loss": float(-np.log(np.maximum(of_truth, _SMALLEST)).sum()),
        "hits": np.bincount(truth[right], minlength=classes).tolist(),
        "guesses": np.bincount(guess, minlength=classes).tolist(),
        "truths": np.bincount(truth, minlength=classes).tolist(),
    }
    sums |= {"squared-distance": _squared_distance(probabilities, truth)}
    sums |= reliability.told(probabilities, truth)
    if classes == _BINARY:
        sums |= _places(probabilities[:, 1], truth)
    area = _auc(probabilities, truth)
    if area is not None:
        sums |= {"auc": area * len(truth), "auc-examples": len(truth)}
    return sums


def _squared_distance(probabilities: NDArray[np.float64], truth: NDArray[np.intp]) -> float:
    """Add up how far probabilities are from what came, squared (of two classes the second's)."""
    if probabilities.shape[1] == _BINARY:
        return float(np.square(probabilities[:, 1] - (truth == 1)).sum())
    return float(np.square(probabilities - np.eye(probabilities.shape[1])[truth]).sum())


def _places(scores: NDArray[np.float64], truth: NDArray[np.intp]) -> dict[str, list[int]]:
    """Count rows of each class by the range of their score; ranges without rows are left out."""
    place = np.searchsorted(_borders(), scores, side="right")
    counts = np.bincount(2 * place + truth, minlength=2 * PLACES).reshape(PLACES, 2)
    held = np.flatnonzero(counts[:, 0] + counts[:, 1])
    return {
        "places": held.tolist(),
        "places-no": counts[held, 0].tolist(),
        "places-yes": counts[held, 1].tolist(),
    }


@cache
def _borders() -> NDArray[np.float64]:
    """Return the probabilities at which one range of log-odds ends and the next begins."""
    bent = np.linspace(-_FARTHEST, _FARTHEST, PLACES + 1)[1:-1]
    return 1.0 / (1.0 + np.exp(-_BEND * np.sinh(bent)))


def regression_sums(predicted: NDArray[np.float64], y: NDArray[np.float64]) -> Sums:
    """Add up what RMSE, MAE and R2 are made of."""
    error = predicted - y
    mean = float(y.mean()) if len(y) else 0.0
    return {
        WEIGHT: len(y),
        "squared-error": float(np.square(error).sum()),
        "absolute-error": float(np.abs(error).sum()),
        "mean": mean,
        "squares": float(np.square(y - mean).sum()),
    }


def clustering_sums(squared_distances: NDArray[np.float64]) -> Sums:
    """Add up what the inertia is made of: the mean squared distance from the nearest centre."""
    return {WEIGHT: len(squared_distances), "inertia": float(squared_distances.sum())}


def pool(parties: Iterable[Sums]) -> dict[str, float]:
    """Give the measures over all rows of all parties, in the order given.

    All are what one would compute from the rows together, but for ``auc`` over several parties,
    since that would need every row's score. With two classes it is the AUC of scores in 1,024
    ranges, where rows of one range count as ties: it is off by ``auc_error`` at most, and by far
    less where the scores of a range are mixed. With more classes it is the mean of the parties'
    AUCs, weighted by their rows. It is absent where there are no rows of two classes; so is ``r2``
    where the label has no variance.

    ``brier`` is the mean squared distance of probabilities from what came (Brier, Monthly Weather
    Review 78, 1950; with several classes summed over them), ``calibration_error`` the expected
    calibration error over ten ranges (Guo et al., On calibration of modern neural networks, 2017).
    """
    told = [sums for sums in parties if sums[WEIGHT]]
    if not told:
        return {}
    if CELLS in told[0]:
        return measuring.pool(told)
    rows = _total(told, WEIGHT)
    if "inertia" in told[0]:
        return {"inertia": _total(told, "inertia") / rows}
    if "squared-error" in told[0]:
        return _regression(told, rows)
    hits, guesses, truths = (_summed(told, name) for name in ("hits", "guesses", "truths"))
    measures = {"accuracy": float(hits.sum()) / rows, "log_loss": _total(told, "log-loss") / rows}
    measures = {**_area(told), **measures}
    either = guesses + truths
    per_class = np.divide(2.0 * hits, either, out=np.zeros_like(hits), where=either > 0)
    # F1 of the second class where there are two, as everywhere; else the mean over classes.
    measures["f1"] = float(per_class[1] if len(hits) == _BINARY else per_class.mean())
    measures["brier"] = _total(told, "squared-distance") / rows
    table = Reliability.of_sums(told)
    if table is not None:
        measures["calibration_error"] = table.error
    return measures


def _area(told: list[Sums]) -> dict[str, float]:
    if len(told) > 1 and "places" in told[0]:
        no, yes = np.zeros((2, PLACES))
        held = _together(told, "places")
        np.add.at(no, held, _together(told, "places-no"))
        np.add.at(yes, held, _together(told, "places-yes"))
        pairs = float(no.sum() * yes.sum())
        if not pairs:
            return {}
        below = np.cumsum(no) - no
        tied = float(yes @ no)
        return {"auc": (float(yes @ below) + tied / 2) / pairs, "auc_error": tied / 2 / pairs}
    scored = [sums for sums in told if "auc" in sums]
    if not scored:
        return {}
    return {"auc": _total(scored, "auc") / _total(scored, "auc-examples")}


def _regression(told: list[Sums], rows: float) -> dict[str, float]:
    from wayfed.federated.features.fitting import Moments

    squared, absolute = _total(told, "squared-error"), _total(told, "absolute-error")
    measures = {"rmse": math.sqrt(squared / rows), "mae": absolute / rows}
    label = Moments(0, 0.0, 0.0)
    for sums in told:
        label = label.merge(
            Moments(int(_number(sums, WEIGHT)), _number(sums, "mean"), _number(sums, "squares"))
        )
    if label.squares > 0:
        measures["r2"] = 1.0 - squared / label.squares
    return measures


def _auc(probabilities: NDArray[np.float64], truth: NDArray[np.intp]) -> float | None:
    """Give the area under the ROC curve; with several classes the mean of each against the rest.

    Hanley and McNeil, Radiology 143(1), 1982: the share of pairs in the right order, a tie half.
    """
    classes = [1] if probabilities.shape[1] == _BINARY else range(probabilities.shape[1])
    areas = []
    for number in classes:
        positive = truth == number
        wins, losses = (np.sort(probabilities[mask, number]) for mask in (positive, ~positive))
        if len(wins) and len(losses):
            below = (np.searchsorted(losses, wins, side) for side in ("left", "right"))
            areas.append(float(sum(map(np.sum, below))) / (2 * len(wins) * len(losses)))
    return float(np.mean(areas)) if areas else None


def _number(sums: Sums, name: str) -> float:
    value = sums[name]
    return math.nan if isinstance(value, list) else float(value)


def _together(told: Iterable[Sums], name: str) -> NDArray[np.intp]:
    """Put lists of whole numbers one behind the other."""
    lists = (value for sums in told if isinstance(value := sums[name], list))
    return np.fromiter(chain.from_iterable(lists), np.intp)


def _summed(told: Iterable[Sums], name: str) -> NDArray[np.float64]:
    """Add up lists of one length, one party after the other."""
    added: NDArray[np.float64] = np.array([sums[name] for sums in told], np.float64).sum(axis=0)
    return added


def _total(told: Iterable[Sums], name: str) -> float:
    return math.fsum(_number(sums, name) for sums in told)
