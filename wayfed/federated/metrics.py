"""Measures of a model on held-out rows: sums at a party, exact figures over all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from wayfed.federated.privacy import measuring

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sums: TypeAlias = Mapping[str, "float | int | list[int] | list[float]"]

WEIGHT: Final = "num-examples"
CELLS: Final = "cells"
CLASSES: Final = "classes"
_BINARY: Final = 2
_SMALLEST: Final = 1e-15
HIGHER_IS_BETTER: Final = {
    "auc": True,
    "accuracy": True,
    "f1": True,
    "r2": True,
    "log_loss": False,
    "rmse": False,
    "mae": False,
}


def classification_sums(probabilities: NDArray[np.float64], y: NDArray[np.float64]) -> Sums:
    """Add up what accuracy, log loss, F1 and AUC are made of.

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
    area = _auc(probabilities, truth)
    if area is not None:
        sums |= {"auc": area * len(truth), "auc-examples": len(truth)}
    return sums


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


def pool(parties: Iterable[Sums]) -> dict[str, float]:
    """Give the measures over all rows of all parties, in the order given.

    All are what one would compute from the rows together, but for ``auc``: it is the mean of the
    parties' AUCs weighted by their rows, since a pooled AUC would need every row's score. It is
    absent where no party holds rows of two classes; so is ``r2`` where the label has no variance.
    """
    told = [sums for sums in parties if sums[WEIGHT]]
    if not told:
        return {}
    if CELLS in told[0]:
        return measuring.pool(told)
    rows = _total(told, WEIGHT)
    if "squared-error" in told[0]:
        return _regression(told, rows)
    hits, guesses, truths = (
        np.sum([np.asarray(sums[name], dtype=np.float64) for sums in told], axis=0)
        for name in ("hits", "guesses", "truths")
    )
    measures = {"accuracy": float(hits.sum()) / rows, "log_loss": _total(told, "log-loss") / rows}
    scored = [sums for sums in told if "auc" in sums]
    if scored:
        measures = {"auc": _total(scored, "auc") / _total(scored, "auc-examples"), **measures}
    either = guesses + truths
    per_class = np.divide(2.0 * hits, either, out=np.zeros_like(hits), where=either > 0)
    # F1 of the second class where there are two, as everywhere; else the mean over classes.
    measures["f1"] = float(per_class[1] if len(hits) == _BINARY else per_class.mean())
    return measures


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
        wins = int(positive.sum())
        losses = len(truth) - wins
        if wins and losses:
            ranks = _ranks(probabilities[:, number])
            below = float(ranks[positive].sum()) - wins * (wins + 1) / 2
            areas.append(below / (wins * losses))
    return float(np.mean(areas)) if areas else None


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give each score its place from 1 up; equal ones share the mean of their places."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2.0)[places]
    return ranks


def _number(sums: Sums, name: str) -> float:
    value = sums[name]
    return math.nan if isinstance(value, list) else float(value)


def _total(told: Iterable[Sums], name: str) -> float:
    return math.fsum(_number(sums, name) for sums in told)
