"""Outputs with their canonical links, for which the loss's slope is prediction minus target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wayfed.federated.models.adapter import Examples, Matrix, Task

_BINARY = 2


def outputs(task: Task) -> int | None:
    """Give the number of output columns; None for a single output without a column axis."""
    return None if task.classes is None or task.classes == _BINARY else task.classes


def overflow_is_infinite() -> np.errstate:
    """Give a context in which `mean` may overflow: exp's infinity has the right reciprocal, 0."""
    return np.errstate(over="ignore")


def mean(task: Task, scores: Matrix) -> Matrix:
    """Turn linear scores into means in place: values, a sigmoid, or a softmax.

    McCullagh and Nelder, Generalized Linear Models, 2nd edition, table 2.1. To be called within
    `overflow_is_infinite`.
    """
    if task.classes is None:
        return scores
    if task.classes == _BINARY:
        np.negative(scores, out=scores)
        np.exp(scores, out=scores)
        scores += 1.0
        return np.reciprocal(scores, out=scores)
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


def slope(task: Task, scores: Matrix, examples: Examples) -> Matrix:
    """Give the loss's slope in the scores, a row's share of the mean loss each (in place)."""
    residual = mean(task, scores)
    if outputs(task) is None:
        residual -= examples.y
    else:
        residual[np.arange(len(examples)), examples.y.astype(np.intp)] -= 1.0
    if examples.weight is not None:
        residual *= examples.weight if residual.ndim == 1 else examples.weight[:, np.newaxis]
    return residual


def probabilities(task: Task, means: Matrix) -> NDArray[Any]:
    """Give a column for each class; values of a regression stay as they are."""
    if task.classes != _BINARY:
        return means
    return np.stack([1.0 - means, means], axis=1)
