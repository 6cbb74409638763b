"""A PyTorch module as a federated model."""

from __future__ import annotations

import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wayfed.federated.models import links
from wayfed.federated.models.descent import Descent
from wayfed.federated.models.network import NetworkModel
from wayfed.federated.models.spec import OwnModel
from wayfed_optimizer.errors import InvalidOption, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from wayfed.federated.models.adapter import Examples, Matrix, Seed, Task, Weights
    from wayfed.federated.models.spec import TaskKind

_TURN: Final = threading.RLock()  # a module may be made by who has the turn


def import_torch() -> Any:
    """Return the module."""
    try:
        import torch
    except ImportError as error:
        raise Unsupported(
            "wf.models.torch", reason="PyTorch is not installed", hint="pip install 'wayfed[torch]'"
        ) from error
    return torch


@contextmanager
def alone(seed: tuple[int, ...]) -> Iterator[Any]:
    """Give PyTorch to one party: one thread, chance from `seed`; both are put back afterwards.

    The number of threads, on which the last bits of a sum depend, and the generator that layers
    draw from belong to the process, so that parties that work side by side take turns.
    """
    torch = import_torch()
    with _TURN, torch.random.fork_rng(devices=[]):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        torch.manual_seed(int(np.random.default_rng(seed).integers(2**63)))
        try:
            yield torch
        finally:
            torch.set_num_threads(threads)


def specify(module: Any, task: TaskKind, **descent: Any) -> OwnModel:
    """Describe a module, or what makes one; see `wayfed.models.torch`."""
    torch = import_torch()
    if not (isinstance(module, torch.nn.Module) or callable(module)):
        raise InvalidOption(
            f"{type(module).__name__} is no torch.nn.Module, nor a function that makes one",
            hint="wf.models.torch(lambda features, outputs: torch.nn.Linear(features, outputs))",
        )
    if isinstance(module, torch.nn.Module):
        _check(module)

    @cache  # parties take turns, and the module keeps nothing of any of them
    def build(task: Task) -> NetworkModel:
        return NetworkModel(task, Descent(**descent), TorchNetwork(task, module))

    return OwnModel.made("torch", task, build, **descent)


def _check(module: Any) -> None:
    torch = import_torch()
    for name, part in module.named_modules():
        if isinstance(part, torch.nn.modules.batchnorm._NormBase):
            raise InvalidOption(
                f"'{name or type(part).__name__}' keeps statistics of batches, "
                "which are nobody's to average",
                hint="torch.nn.LayerNorm or torch.nn.GroupNorm in its place",
            )


@dataclass(frozen=True)
class TorchNetwork:
    """A module, called with the parameters that it is given instead of its own."""

    task: Task
    made: Any

    def _module(self, seed: int) -> Any:
        import copy

        torch = import_torch()
        if isinstance(self.made, torch.nn.Module):
            return copy.deepcopy(self.made)
        with alone((seed, 0)):
            module = self.made(self.task.features, links.outputs(self.task) or 1)
        if not isinstance(module, torch.nn.Module):
            raise InvalidOption(f"{type(module).__name__} is no torch.nn.Module")
        _check(module)
        return module

    @cached_property
    def _held(self) -> Any:
        return self._module(0)

    def first(self, seed: int) -> Weights:
        """Return the module's own parameters, or those that are drawn from `seed`."""
        named = self._module(seed).named_parameters()
        return {name: value.detach().numpy().copy() for name, value in named}

    def scores(self, weights: Weights, x: Matrix) -> NDArray[np.floating]:
        """Return what the module gives when it is not trained."""
        with alone((0,)) as torch, torch.no_grad():
            self._held.eval()
            parameters = _tensors(torch, weights)
            told = torch.func.functional_call(self._held, parameters, (_like(parameters, x),))
            scores: NDArray[np.floating] = told.numpy().copy()
        return scores

    def gradient(
        self, weights: Weights, examples: Examples, seed: Seed
    ) -> dict[str, NDArray[np.floating]]:
        """Return the gradient of the mean loss."""
        with alone(seed) as torch:
            parameters, batch = self._inputs(torch, weights, examples)
            loss = self._loss(torch)
            slopes = torch.func.grad(loss)(parameters, *batch)
            scale = examples.total_weight
            return {name: slope.detach().numpy() / scale for name, slope in slopes.items()}

    def of_rows(self, weights: Weights, examples: Examples) -> Mapping[str, NDArray[np.floating]]:
        """Return each row's gradient."""
        # A known seed would say what layers draw for the row at a place, and who is added moves
        # all those behind.
        with alone((secrets.randbits(64),)) as torch:
            parameters, batch = self._inputs(torch, weights, examples)
            loss = self._loss(torch)

            def of_row(parameters: Any, x: Any, y: Any, weight: Any) -> Any:
                return torch.func.grad(loss)(parameters, x[None], y[None], weight[None])

            slopes = torch.func.vmap(of_row, in_dims=(None, 0, 0, 0), randomness="different")(
                parameters, *batch
            )
            return {name: value.detach().double().numpy() for name, value in slopes.items()}

    def _inputs(self, torch: Any, weights: Weights, examples: Examples) -> tuple[Any, Any]:
        self._held.train()
        parameters = _tensors(torch, weights)
        weight = np.ones(len(examples)) if examples.weight is None else examples.weight
        return parameters, [_like(parameters, value) for value in (examples.x, examples.y, weight)]

    def _loss(self, torch: Any) -> Any:
        binary = links.outputs(self.task) is None

        def loss(parameters: Any, x: Any, y: Any, weight: Any) -> Any:
            scores = torch.func.functional_call(self._held, parameters, (x,))
            if binary:
                scores = scores.reshape(len(x))
            if self.task.classes is None:
                each = (scores - y).square() / 2
            elif binary:
                each = torch.nn.functional.softplus(scores) - y * scores
            else:
                each = torch.nn.functional.cross_entropy(scores, y.long(), reduction="none")
            return (weight * each).sum()

        return loss


def _tensors(torch: Any, weights: Weights) -> dict[str, Any]:
    return {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}


def _like(parameters: Mapping[str, Any], value: NDArray[Any]) -> Any:
    """Return an array as a tensor of the parameters' own type."""
    import torch

    dtype = next(iter(parameters.values())).dtype
    return torch.from_numpy(np.ascontiguousarray(value)).to(dtype)
