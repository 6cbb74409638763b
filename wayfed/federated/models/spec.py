"""What is said about a model when it travels: a name, a task and scalars, never code."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TaskKind = Literal["classification", "regression", "clustering"]
Scalar: TypeAlias = bool | int | float | str | None
Parameter: TypeAlias = Scalar | tuple[Scalar, ...]

TASKS: Final = ("classification", "regression", "clustering")
_SCALARS: Final = (bool, int, float, str, type(None))
MOST_PARAMETERS: Final = 200
MOST_EPOCHS: Final = 10_000
"""How often a party goes through its rows at one message."""
MOST_ROUNDS: Final = 1_000_000
"""How many rounds a run may have: a year of rounds of half a minute."""
MOST_VALUES: Final = 1_000
"""How many values a tuple among the parameters may have."""
LONGEST_TEXT: Final = 10_000
MOST_WEIGHTS: Final = 1 << 28
"""How many numbers a model's weights may be: two gibibytes, which is the largest message."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that any party can build from what it has installed.

    Parameters
    ----------
    name
        An entry point of the group ``wayfed.models``.
    task
        ``classification``, ``regression``, or ``clustering``, which has no label.
    parameters
        Scalars, or flat tuples of them, in the order of their names.

    Examples
    --------
    >>> ModelSpec.of("mlp", "classification", hidden=[32, 16], learning_rate=0.1).to_dict()
    {'name': 'mlp', 'task': 'classification',
     'parameters': {'hidden': (32, 16), 'learning_rate': 0.1}}
    """

    name: str
    task: TaskKind
    parameters: tuple[tuple[str, Parameter], ...]

    @classmethod
    def of(cls, name: str, task: str, /, **parameters: object) -> ModelSpec:
        """Check `parameters` and put them in order.

        Raises
        ------
        InvalidOption
            `task` is none of the three, or a parameter is not made of scalars.
        """
        match task:
            case "classification" | "regression" | "clustering":
                checked = {key: _scalars(key, value) for key, value in parameters.items()}
                return cls(name, task, tuple(sorted(checked.items())))
        raise InvalidOption.unknown(task, TASKS, of="task")

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> ModelSpec:
        """Read what `to_dict` wrote, trusting nothing."""
        name, task, parameters = plain.get("name"), plain.get("task"), plain.get("parameters")
        if not (isinstance(name, str) and isinstance(task, str) and isinstance(parameters, dict)):
            raise InvalidOption("a model's specification has a name, a task and parameters")
        if len(name) > LONGEST_TEXT or len(parameters) > MOST_PARAMETERS:
            raise InvalidOption(f"a model has at most {MOST_PARAMETERS} parameters")
        return cls.of(name, task, **{str(key): value for key, value in parameters.items()})

    def to_dict(self) -> dict[str, object]:
        """Give plain values, fit for JSON."""
        return {"name": self.name, "task": self.task, "parameters": dict(self.parameters)}

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in self.parameters)})"


@dataclass(frozen=True, slots=True)
class OwnModel(ModelSpec):
    """A model that is code of the user's own, which runs where she runs and nowhere else.

    Its name and scalars are told like any model's; the code goes beside the message to parties of
    this process, and no grid can carry it farther.

    Parameters
    ----------
    build
        Makes a `wayfed.federated.models.adapter.Model` of a `wayfed.federated.models.adapter.Task`.
    is_everywhere
        Whether parties elsewhere have a model of this name, by their own files or packages.
    """

    build: Callable[[Any], Any] = field(compare=False, repr=False)
    is_everywhere: bool = field(default=False, compare=False, repr=False)

    @classmethod
    def made(
        cls, name: str, task: str, build: Callable[[Any], Any], /, **parameters: object
    ) -> OwnModel:
        """Check `parameters`, of which `build` may make what it likes."""
        told = ModelSpec.of(name, task, **parameters)
        return cls(told.name, told.task, told.parameters, build)

    @classmethod
    def named(
        cls, name: str, task: str, build: Callable[..., Any], /, **parameters: object
    ) -> OwnModel:
        """Take the place of an entry point here: a callable ``(task, **parameters)``."""
        told = ModelSpec.of(name, task, **parameters)

        def built(task: Any) -> Any:
            return build(task, **dict(told.parameters))

        return cls(told.name, told.task, told.parameters, built, is_everywhere=True)


def _scalars(key: str, value: object) -> Parameter:
    values = value if isinstance(value, list | tuple) else (value,)
    if len(values) <= MOST_VALUES and all(map(_is_scalar, values)):
        return tuple(value) if isinstance(value, list | tuple) else value  # type: ignore[return-value]  # a scalar, as it was checked to be
    raise InvalidOption(
        f"{key}={str(value)[:200]} cannot be part of a model's specification",
        hint="use a number, text, True, False, None, or a tuple of these",
    )


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    return isinstance(value, _SCALARS) and not (type(value) is int and abs(value) >= 1 << 63)


def check_weights(number: int) -> None:
    """Raise InvalidOption where a model would have more weights than any message may hold."""
    if number > MOST_WEIGHTS:
        raise InvalidOption(f"the model would have {number:,} weights, more than {MOST_WEIGHTS:,}")


def check_positive(**values: float | int) -> None:
    """Raise InvalidOption unless each value is a finite number above zero."""
    for name, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and value > 0):
            raise InvalidOption(f"{name} is a number above 0, not {value!r}")


def check_whole(**values: int | None) -> None:
    """Raise InvalidOption unless each value is a whole number from 1 up."""
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidOption(f"{name} is a whole number from 1 up, not {value!r}")


def check_rounds(rounds: object) -> int:
    """Return a number of rounds; raise InvalidOption where a run cannot have so many."""
    if isinstance(rounds, int) and not isinstance(rounds, bool) and 1 <= rounds <= MOST_ROUNDS:
        return rounds
    raise InvalidOption(f"rounds is a whole number from 1 up to {MOST_ROUNDS:,}")


def check_descent(
    learning_rate: float | tuple[Scalar, ...], local_epochs: int, batch_size: int | None, l2: float
) -> None:
    """Raise InvalidOption unless these can steer gradient descent; a schedule checks itself."""
    if not isinstance(learning_rate, tuple):
        check_positive(learning_rate=learning_rate)
    check_whole(local_epochs=local_epochs)
    if local_epochs > MOST_EPOCHS:
        raise InvalidOption(f"local_epochs is at most {MOST_EPOCHS:,}, not {local_epochs:,}")
    if batch_size is not None:
        check_whole(batch_size=batch_size)
    if l2 != 0:
        check_positive(l2=l2)
