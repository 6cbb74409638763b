"""Flower's strategies by name: which there are, what they take, and what contradicts a run."""

from __future__ import annotations

import copy
import math
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from wayfed.display import counted
from wayfed_optimizer.errors import InvalidOption, suggestion

if TYPE_CHECKING:
    from flwr.app import ArrayRecord, Message
    from flwr.serverapp import Grid
    from flwr.serverapp.strategy import Strategy

StrategyLike: TypeAlias = "str | Mapping[str, Any] | Strategy"
Stage: TypeAlias = Literal["train", "evaluate"]

_GLOBAL: Final = Lock()
"""Whose turn it is to seed Python's global generator."""


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


_ANY: Final = (-sys.float_info.max, sys.float_info.max)
_LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    "fraction_train": (0, 1),
    "fraction_evaluate": (0, 1),
    "num_malicious_nodes": (0, sys.maxsize),
}
_WHOLE: Final = frozenset({"num_malicious_nodes"})


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
    """Raise InvalidOption if `strategy` would wait for more parties than there are, or trust few.

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
        raise InvalidOption(
            f"quorum={quorum} is more than the {parties} parties that take part",
            hint=f"quorum={parties} or less",
        )
    asked = asked_in_a_round(strategy, parties)
    if isinstance(quorum, int) and quorum > asked:
        fraction = getattr(strategy, "fraction_train", 1.0)
        raise InvalidOption(
            f"quorum={quorum} can never be met: of {counted(parties, 'party')}, "
            f"fraction_train={fraction} asks {asked}",
            hint=f"quorum={asked} or less, or a larger fraction_train",
        )
    liars = getattr(strategy, "num_malicious_nodes", 0)
    least = _least_to_tell_apart(liars)
    told = f"{type(strategy).__name__}(num_malicious_nodes={liars}) tells {liars} of at least "
    if asked < least:
        raise InvalidOption(
            f"{told}{least} parties apart, and it is {asked} that a round asks",
            hint=f"num_malicious_nodes={max(0, (asked - 3) // 2)}, or strategy='fedmedian'",
        )
    if quorum is None:
        return
    enough = quorum if isinstance(quorum, int) else math.ceil(quorum * asked)
    if enough < least:
        raise InvalidOption(
            f"{told}{least} parties apart, and quorum={quorum} lets a round pass with {enough}",
            hint=f"quorum={least} or more, or leave it out",
        )


def quorum_of(strategy: Strategy, quorum: float | None) -> float:
    """Return how many parties must give a usable update, or what part of those asked.

    Examples
    --------
    >>> krum = resolve_strategy({"name": "krum", "num_malicious_nodes": 1})
    >>> quorum_of(krum, None), quorum_of(krum, 6), quorum_of(resolve_strategy("fedavg"), None)
    (5, 6, 1)
    """
    if quorum is not None:
        return quorum
    return max(1, _least_to_tell_apart(getattr(strategy, "num_malicious_nodes", 0)))


def _least_to_tell_apart(liars: int) -> int:
    """Return of how many parties so many that lie are told apart; 0 where nobody does."""
    # Blanchard et al., 2017: https://arxiv.org/abs/1703.02757
    return 2 * liars + 3 if liars else 0


def asked_in_a_round(strategy: Strategy, parties: int) -> int:
    """Return how many of so many parties `strategy` lets train in a round."""
    fraction = getattr(strategy, "fraction_train", 1.0)
    return max(int(parties * fraction), getattr(strategy, "min_train_nodes", 1))


def configured(
    strategy: Strategy,
    stage: Stage,
    number: int,
    arrays: ArrayRecord,
    grid: Grid,
    *,
    seed: int,
) -> list[Message]:
    """Let a strategy say what is asked in a round; who is asked follows from the seed alone.

    Flower draws from Python's global generator, which belongs to the whole process. So the
    strategies that have names here are let ask everybody, and whom they would have drawn is drawn
    here. Any other, which may note whom it asks, draws by itself, while no other run's does.

    Parameters
    ----------
    strategy
        Whose messages these are.
    stage
        What is asked.
    number
        The number of the round.
    arrays
        The model of the round.
    grid
        Who may be asked.
    seed
        The run's.
    """
    from flwr.app import ConfigRecord

    configure = strategy.configure_train if stage == "train" else strategy.configure_evaluate
    fraction = getattr(strategy, f"fraction_{stage}", None)
    chance = f"{seed}/{number}/{stage}"
    if not fraction or not _is_named(strategy):
        with _seeded(chance):
            return list(configure(number, arrays, ConfigRecord(), grid))
    setattr(strategy, f"fraction_{stage}", 1.0)
    try:
        messages = list(configure(number, arrays, ConfigRecord(), grid))
    finally:
        setattr(strategy, f"fraction_{stage}", fraction)
    asked = {message.metadata.dst_node_id: message for message in messages}
    nodes = list(grid.get_node_ids())
    least = getattr(strategy, f"min_{stage}_nodes", 1)
    drawn = random.Random(chance).sample(nodes, max(int(len(nodes) * fraction), least))  # noqa: S311  # who is asked is no secret
    return [asked[node] for node in drawn]


def _is_named(strategy: Strategy) -> bool:
    """Say whether a strategy is one that has a name here, and not what somebody made of it."""
    from flwr.serverapp import strategy as flower

    names = {named.flower for named in STRATEGIES.values()}
    return type(strategy) in {getattr(flower, name) for name in names}


@contextmanager
def _seeded(chance: str) -> Iterator[None]:
    """Make what is drawn from Python's global generator depend on `chance`, one run at a time."""
    with _GLOBAL:
        before = random.getstate()
        random.seed(chance)
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
        if option in _WHOLE and not isinstance(value, int):
            raise InvalidOption(f"option {option} of '{name}' is a whole number, not {value}")
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidOption(f"option {option} of '{name}' is a finite number, not {value}")
        low, high = _LIMITS.get(option, _ANY)
        if not low <= value <= high:
            raise InvalidOption(f"option {option} of '{name}' is from {low} to {high}, not {value}")
    try:
        made: Strategy = getattr(flower, named.flower)(
            min_train_nodes=1,
            min_evaluate_nodes=1,
            min_available_nodes=1,
            **{**accepted, **options},
        )
    except ValueError as error:
        raise InvalidOption(f"strategy '{name}' takes no {options}: {error}") from error
    return made
