"""What a strategy keeps from one round to the next, taken out of it and put back.

Flower's strategies have no method for that, so the attributes are named here, strategy by strategy.
A strategy that is not listed may keep anything, and is not guessed at.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import InvalidOption, Unsupported

if TYPE_CHECKING:
    from flwr.serverapp.strategy import Strategy
    from numpy.typing import NDArray

    from wayfed.federated.rounds.strategies import StrategyLike

_MOMENTS: Final = ("m_t", "v_t")

STATE: Final[Mapping[str, tuple[str, ...]]] = {
    "Bulyan": (),
    "FedAdagrad": _MOMENTS,
    "FedAdam": _MOMENTS,
    "FedAvg": (),
    "FedAvgM": ("momentum_vector",),
    "FedMedian": (),
    "FedProx": (),
    "FedTrimmedAvg": (),
    "FedYogi": _MOMENTS,
    "Krum": (),
    "MultiKrum": (),
    "QFedAvg": (),
    "NoisyAverage": (),  # ours: noise of privacy is drawn afresh in each round
    "PooledSums": (),  # ours: the next round begins with the model alone
}
"""Strategies, and the attributes that a next round begins with beside the model.

The others that they have (`current_arrays`) are the model, which `configure_train` sets.
"""


def strategy_state(strategy: Strategy) -> dict[str, NDArray[Any]]:
    """Take what `strategy` has kept, as arrays by attribute and name: ``m_t/coefficients``."""
    import numpy as np

    state: dict[str, NDArray[Any]] = {}
    for attribute in STATE[type(strategy).__name__]:
        kept = getattr(strategy, attribute)
        if kept is None:
            continue
        named = kept.items() if isinstance(kept, Mapping) else enumerate(kept)
        state.update({f"{attribute}/{name}": np.asarray(array) for name, array in named})
    return state


def restore_strategy(strategy: Strategy, state: Mapping[str, NDArray[Any]]) -> None:
    """Put back what `strategy_state` took."""
    kept: dict[str, dict[str, NDArray[Any]]] = {}
    for path, array in state.items():
        attribute, _, name = path.partition("/")
        kept.setdefault(attribute, {})[name] = array
    for attribute, arrays in kept.items():
        is_list = attribute == "momentum_vector"
        setattr(strategy, attribute, list(arrays.values()) if is_list else arrays)


def strategy_to_dict(strategy: StrategyLike, resolved: Strategy) -> dict[str, Any]:
    """Say which strategy this is, as plain values of which it can be made again.

    Raises
    ------
    Unsupported
        It is of a class that may keep what is not known here.

    Examples
    --------
    >>> from wayfed.federated.rounds.strategies import resolve_strategy
    >>> strategy_to_dict("fedadam", resolve_strategy("fedadam"))
    {'name': 'fedadam'}
    """
    if isinstance(strategy, str):
        return {"name": strategy}
    if isinstance(strategy, Mapping):
        return dict(strategy)
    kind = type(resolved)
    if kind.__name__ not in STATE or not kind.__module__.startswith("flwr.serverapp.strategy"):
        raise Unsupported(
            f"a checkpoint with {kind.__name__}",
            reason="what a strategy of your own keeps between rounds is not known",
            available=tuple(STATE),
            hint="give a strategy by its name, such as strategy='fedadam', or leave out checkpoint",
        )
    options = {
        name: getattr(resolved, name)
        for name in inspect.signature(kind.__init__).parameters
        if isinstance(getattr(resolved, name, None), bool | int | float | str)
    }
    return {"flower": kind.__name__, **options}


def strategy_from_dict(plain: Mapping[str, Any]) -> StrategyLike:
    """Read what `strategy_to_dict` wrote."""
    from flwr.serverapp import strategy as flower

    if "flower" not in plain:
        return dict(plain)
    name, options = str(plain["flower"]), {k: v for k, v in plain.items() if k != "flower"}
    if name not in STATE:
        raise InvalidOption.unknown(name, STATE, of="Flower's strategies")
    made: Strategy = getattr(flower, name)(**options)
    return made
