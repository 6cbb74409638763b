"""A compiled Keras 3 model as a federated model, on whatever backend Keras has."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from wayfed.display import counted
from wayfed.federated.models.network import link
from wayfed.federated.models.spec import OwnModel
from wayfed_optimizer.errors import InvalidOption, Unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed.federated.models.adapter import Examples, Matrix, Seed, Task, Weights
    from wayfed.federated.models.spec import TaskKind

_TURN: Final = threading.Lock()


def import_keras() -> Any:
    """Return the module."""
    try:
        import keras
    except ImportError as error:
        raise Unsupported(
            "wf.models.keras",
            reason="Keras, or the backend that it is set to, is not installed",
            hint="pip install 'wayfed[keras]', and KERAS_BACKEND=jax before it is imported",
        ) from error
    if keras.backend.backend() == "jax":
        from wayfed.federated.models.of_jax import import_jax

        import_jax()
    return keras


def specify(model: Any, task: TaskKind, *, local_epochs: int, batch_size: int | None) -> OwnModel:
    """Describe a compiled model; see `wayfed.models.keras`."""
    keras = import_keras()
    if not isinstance(model, keras.Model):
        raise InvalidOption(f"{type(model).__name__} is no keras.Model")
    if not model.weights:
        raise InvalidOption(
            "the model has no weights yet", hint="begin it with keras.Input((features,))"
        )
    if getattr(model, "loss", None) is None:
        raise InvalidOption(
            "the model has no loss", hint="model.compile(optimizer='sgd', loss='…')"
        )
    # Keras would only make its state in the first step, and keep it for whoever is next.
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    begun = tuple(_array(weight) for weight in model.weights)
    optimizer = tuple(_array(variable) for variable in model.optimizer.variables)

    def build(task: Task) -> KerasModel:
        return KerasModel(task, model, begun, optimizer, local_epochs, batch_size)

    return OwnModel.made("keras", task, build, local_epochs=local_epochs, batch_size=batch_size)


@dataclass(frozen=True, slots=True)
class KerasModel:
    """A model that parties take in turns, each with weights, optimizer and chance of its own.

    Parameters
    ----------
    task
        What is to be learned.
    model
        The model, which is the process's.
    begun
        Its weights when it was given.
    optimizer
        The state in which its optimizer begins each round.
    local_epochs, batch_size
        As in `wayfed.models.keras`.
    """

    task: Task
    model: Any
    begun: Sequence[Any]
    optimizer: Sequence[Any]
    local_epochs: int
    batch_size: int | None
    takes_proximal: ClassVar[bool] = False  # the loss is the model's own

    def initial_weights(self, seed: int) -> Weights:
        """Give the weights that the model was given with."""
        return {name: value.copy() for name, value in zip(self._names, self.begun, strict=True)}

    @property
    def _names(self) -> list[str]:
        return [f"{place}:{weight.path}" for place, weight in enumerate(self.model.weights)]

    def check_shape(self) -> None:
        """Raise InvalidOption where the model takes another number of features, or gives others.

        A model that does not say what it takes, as a subclass that was called, is not checked.
        """
        features, classes = self.task.features, self.task.classes
        taken, given = (_width(self.model, side) for side in ("input_shape", "output_shape"))
        if taken is not None and taken != features:
            raise InvalidOption(
                f"the Keras model takes {counted(taken, 'number')} of a row, and the features are "
                f"{features}",
                hint=f"keras.Input(({features},)), or other features=; one_hot= makes one of each "
                "value",
            )
        fitting = (1,) if classes is None else (1, 2) if classes == 2 else (classes,)
        if given is not None and given not in fitting:
            learned = "a value" if classes is None else f"one of {classes} classes"
            wanted = " or ".join(map(str, fitting))
            raise InvalidOption(
                f"the Keras model gives {counted(given, 'number')} for a row, and what is to be "
                f"learned is {learned}",
                hint=f"keras.layers.Dense({wanted}) as its last layer",
            )

    def train(
        self, weights: Weights, examples: Examples, *, seed: Seed, proximal_mu: float = 0.0
    ) -> Weights:
        """Let Keras fit the model on from `weights`."""
        if proximal_mu:
            raise Unsupported(
                "fedprox with Keras",
                reason="the loss is the model's own",
                hint="wf.models.jax(init, apply), or wf.models.mlp()",
            )
        examples = _scaled(examples)
        random = np.random.default_rng(seed)
        size = self.batch_size or len(examples)
        with _TURN:
            self._hold(weights)
            for variable in self.model.variables:  # what dropout draws from
                if "seed_generator_state" in variable.path:
                    variable.assign(random.integers(2**31, size=variable.shape))
            for _ in range(self.local_epochs):
                rows = examples
                if size < len(examples):
                    rows = examples.at(random.permutation(len(examples)))
                y = rows.y if self.task.classes is None else rows.y.astype(np.int64)
                self.model.fit(
                    rows.x, y, sample_weight=rows.weight, batch_size=size, shuffle=False, verbose=0
                )
            values = [_array(weight) for weight in self.model.weights]
        return dict(zip(self._names, values, strict=True))

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """Give probabilities, or values."""
        with _TURN:
            self._hold(weights)
            told = np.asarray(self.model.predict(x, verbose=0), dtype=np.float64)
        if self.task.classes is None:
            return told.reshape(len(x))
        if getattr(self._loss, "from_logits", False):
            return link(self.task, told)
        if told.ndim == 1 or told.shape[1] == 1:
            sure = told.reshape(len(x))
            return np.stack([1.0 - sure, sure], axis=1)
        return told

    @property
    def _loss(self) -> Any:
        return self.model.loss

    def _hold(self, weights: Weights) -> None:
        self.model.set_weights([weights[name] for name in self._names])
        for variable, value in zip(self.model.optimizer.variables, self.optimizer, strict=True):
            variable.assign(value)


def _width(model: Any, side: str) -> int | None:
    """Return how many numbers of a row go into a model, or come out of it, where it says so."""
    shape = getattr(model, side, None)
    if not isinstance(shape, tuple) or len(shape) != 2:  # rows, numbers
        return None
    width: int | None = shape[1]
    return width


def _scaled(examples: Examples) -> Examples:
    """Scale weights to a mean of 1: Keras divides a loss by the number of rows, not by weights."""
    if examples.weight is None:
        return examples
    scale = len(examples) / examples.total_weight
    return replace(examples, weight=examples.weight * scale)


def _array(variable: Any) -> Any:
    # Not `variable.numpy()`, which numpy 2 warns of: https://github.com/keras-team/keras/issues
    return np.array(import_keras().ops.convert_to_numpy(variable.value))
