"""What a model must be able to do at a party, and how its specification becomes one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from wayfed.federated.models.spec import ModelSpec, OwnModel
from wayfed_optimizer.errors import InvalidOption, WayfedError, suggestion

Matrix: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = tuple[int, ...]
Weights: TypeAlias = Mapping[str, NDArray[np.float64]]

ENTRY_POINTS: Final = "wayfed.models"
_LOG: Final = logging.getLogger("wayfed.party")


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be learned.

    Parameters
    ----------
    features
        The number of columns of the matrix.
    classes
        The number of classes; None in a regression.
    """

    features: int
    classes: int | None = None


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows to learn from.

    Parameters
    ----------
    x
        Rows x features, C-contiguous.
    y
        The class's number, or the value to be predicted, as float64.
    weight
        How much each row counts; None where all count alike.
    """

    x: Matrix
    y: NDArray[np.float64]
    weight: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def total_weight(self) -> float:
        """The sum of the weights: what this party's update counts in an average."""
        return float(len(self.y) if self.weight is None else self.weight.sum())

    def at(self, rows: NDArray[np.intp]) -> Examples:
        """Give the examples at these positions."""
        weight = None if self.weight is None else self.weight[rows]
        return Examples(self.x[rows], self.y[rows], weight)


class Model(Protocol):
    """A model as a party trains it: without state of its own, its weights plain arrays.

    An entry point of the group ``wayfed.models`` is a callable ``(task, **parameters) -> Model``.
    """

    def initial_weights(self, seed: int) -> Weights:
        """Give the weights that every party starts from."""
        ...

    def train(
        self,
        weights: Weights,
        examples: Examples,
        *,
        seed: Seed,
        proximal_mu: float = 0.0,
    ) -> Weights:
        """Give new weights; never changes those it got.

        `seed` is another for each run, round and party: what chance is to depend on.
        `proximal_mu` adds ``mu/2 |w - weights|²`` to the loss (FedProx, arXiv:1812.06127).
        """
        ...

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """Give probabilities (rows x classes), or in a regression values (rows)."""
        ...


class Scheduled(Protocol):
    """A model that learns otherwise in another round, as its specification says."""

    def in_round(self, number: int) -> Model:
        """Return the model as it learns in a round; they are numbered from 1 up."""
        ...


class Shaped(Protocol):
    """A model of a shape of its own, which need not be what is to be learned."""

    def check_shape(self) -> None:
        """Raise InvalidOption where the model takes other numbers of a row, or gives others."""
        ...


def check_shape(model: Model) -> None:
    """Raise InvalidOption where a model does not fit what is to be learned, before it is trained.

    Those that are made for a task fit it.
    """
    if hasattr(model, "check_shape"):
        cast("Shaped", model).check_shape()


def in_round(model: Model, number: int) -> Model:
    """Return a model as it learns in a round."""
    # Asking whether it is a Scheduled takes longer than a step of a small model.
    return cast("Scheduled", model).in_round(number) if hasattr(model, "in_round") else model


def resolve_model(
    spec: ModelSpec, task: Task, named: Mapping[str, EntryPoint] = MappingProxyType({})
) -> Model:
    """Build the model that `spec` names from what is installed here, or brings in this process.

    Parameters
    ----------
    spec, task
        Which model, of what.
    named
        Models of a party's own, by the names that its file gives them, before those installed.

    Raises
    ------
    InvalidOption
        No such model is installed, or it does not take these parameters.
    """
    if isinstance(spec, OwnModel):
        own: Model = spec.build(task)
        return own
    installed = {**_installed(), **named}
    point = installed.get(spec.name)
    if point is None:
        raise InvalidOption(
            f"no model '{spec.name}' is installed here",
            available=installed,
            hint=suggestion(spec.name, installed)
            or f"a package provides one by an entry point of the group {ENTRY_POINTS}",
        )
    try:
        build = point.load()
    except WayfedError:
        raise
    except (Exception, SystemExit) as error:  # a module raises what it likes at import
        _LOG.error("model '%s' is %s, which cannot be loaded: %s", spec.name, point.value, error)
        raise InvalidOption(
            f"model '{spec.name}' cannot be loaded here", hint="the log of wayfed.party says why"
        ) from error
    try:
        model: Model = build(task, **dict(spec.parameters))
    except WayfedError:
        raise
    except (TypeError, ValueError) as error:
        raise InvalidOption(f"model {spec} cannot be built: {error}") from error
    except (Exception, SystemExit) as error:  # as of a package that it imports only here
        _LOG.error("model '%s' is %s, which fails: %s", spec.name, point.value, error)
        raise InvalidOption(
            f"model '{spec.name}' cannot be built here: {type(error).__name__}",
            hint="the log of wayfed.party says why",
        ) from error
    return model


@cache
def _installed() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}
