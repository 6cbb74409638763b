"""Flower's strategies by name: which there are, what they take, and what contradicts a run."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from wayfed_optimizer.errors import InvalidOption, suggestion

if TYPE_CHECKING:
    from flwr.serverapp.strategy import Strategy

StrategyLike: TypeAlias = "str | Mapping[str, Any] | Strategy"


@dataclass(frozen=True, slots=True)
class _Named:
    """One of Flower's strategies, with the options it takes here and what they are by default."""

    flower: str
    options: Mapping[str, float | int] = field(default_factory=dict)


_EVERY: Final[Mapping[str, float]] = {"fraction_train": 1.0, "fraction_evaluate": 1.0}
_ADAPTIVE: Final[Mapping[str, float]] = {"eta": 0.1, "tau": 1e-3}
_MOMENTS: Final[Mapping[str, float]] = {"beta_1": 0.9, "beta_2": 0.99}

# Where Flower's default would make a strategy the same as FedAvg (momentum and mu of zero), ours
# is the one of the paper it comes from, so that a name does what it says.
STRATEGIES: Final[Mapping[str, _Named]] = {
    "fedavg": _Named("FedAvg"),
    "fedavgm": _Named("FedAvgM", {"server_learning_rate": 1.0, "server_momentum": 0.9}),
    "fedadagrad": _Named("FedAdagrad", _ADAPTIVE),
    "fedadam": _Named("FedAdam", {**_ADAPTIVE, **_MOMENTS}),
    "fedyogi": _Named("FedYogi", {**_ADAPTIVE, **_MOMENTS, "eta": 0.01}),
    "fedprox": _Named("FedProx", {"proximal_mu": 0.1}),
    "fedmedian": _Named("FedMedian"),
    "fedtrimmedavg": _Named("FedTrimmedAvg", {"beta": 0.2}),
    "krum": _Named("Krum", {"num_malicious_nodes": 0}),
}


def resolve_strategy(strategy: StrategyLike) -> Strategy:
    """Make a strategy of its name, of a name with options, or of one of Flower's own objects.

    Parameters
    ----------
    strategy
        ``"fedadam"``, ``{"name": "fedadam", "eta": 0.01}``, or an object, of which a copy is
        used, so that one run leaves nothing behind for the next.

    Raises
    ------
    InvalidOption
        There is no strategy or no option of that name.

    Examples
    --------
    >>> resolve_strategy({"name": "fedadam", "eta": 0.01}).eta
    0.01
    """
    if isinstance(strategy, str):
        return _named(strategy, {})
    if isinstance(strategy, Mapping):
        options = dict(strategy)
        name = options.pop("name", None)
        if not isinstance(name, str):
            raise InvalidOption(
                "a strategy with options needs its name", hint='{"name": "fedadam", "eta": 0.01}'
            )
        return _named(name, options)
    from flwr.serverapp.strategy import Strategy

    if isinstance(strategy, Strategy):
        return copy.deepcopy(strategy)
    raise InvalidOption(
        f"{strategy!r} is not a strategy",
        available=STRATEGIES,
        hint="give a name, a dictionary with a name, or an object of flwr.serverapp.strategy",
    )


def name_of(strategy: StrategyLike) -> str:
    """Return the name that parties are told, which their policies may allow or not.

    Examples
    --------
    >>> name_of({"name": "fedadam", "eta": 0.01})
    'fedadam'
    """
    if isinstance(strategy, str):
        return strategy
    if isinstance(strategy, Mapping):
        return str(strategy.get("name"))
    return type(strategy).__name__.lower()


def check_parties(strategy: Strategy, parties: int, quorum: float | None) -> None:
    """Raise InvalidOption if `strategy` would wait for more parties than there are.

    Flower waits for its minimum without end, so this has to be found out before.
    """
    for option in ("min_available_nodes", "min_train_nodes", "min_evaluate_nodes"):
        least = getattr(strategy, option, 0)
        if least > parties:
            raise InvalidOption(
                f"{type(strategy).__name__}({option}={least}) waits for more than the "
                f"{parties} parties that take part",
                hint=f"set {option}={parties} or less",
            )
    if isinstance(quorum, int) and quorum > parties:
        raise InvalidOption(f"quorum={quorum} is more than the {parties} parties that take part")
    fraction = getattr(strategy, "fraction_train", 1.0)
    asked = max(int(parties * fraction), getattr(strategy, "min_train_nodes", 1))
    if isinstance(quorum, int) and quorum > asked:
        raise InvalidOption(
            f"quorum={quorum} can never be met: fraction_train={fraction} asks {asked} parties"
        )


@contextmanager
def seeded_sampling(seed: int, number: int, stage: str) -> Iterator[None]:
    """Make what Flower draws from Python's global generator depend on the run's seed only."""
    before = random.getstate()
    random.seed(f"{seed}/{number}/{stage}")
    try:
        yield
    finally:
        random.setstate(before)


def _named(name: str, options: Mapping[str, Any]) -> Strategy:
    from flwr.serverapp import strategy as flower

    named = STRATEGIES.get(name)
    if named is None:
        raise InvalidOption(
            f"'{name}' is not a strategy",
            available=STRATEGIES,
            hint=suggestion(name, STRATEGIES)
            or "Flower's other strategies can be given as objects",
        )
    accepted = {**_EVERY, **named.options}
    for option, value in options.items():
        if option not in accepted:
            raise InvalidOption.unknown(option, accepted, of=f"strategy '{name}'")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidOption(f"option {option} of '{name}' is a number, not {value!r}")
    made: Strategy = getattr(flower, named.flower)(
        min_train_nodes=1,
        min_evaluate_nodes=1,
        min_available_nodes=1,
        **{**accepted, **options},
    )
    return made
