"""A pair of JAX functions, ``init`` and ``apply``, as a federated model."""

from __future__ import annotations

import os
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
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from wayfed.federated.models.adapter import Examples, Matrix, Seed, Task, Weights
    from wayfed.federated.models.spec import TaskKind

_THREADS: Final = "NPROC"


def import_jax() -> Any:
    """Return the module, whose sums on a CPU are made by one thread if nobody used it before.

    XLA shares the rows of one sum out to as many threads as there are cores, and the last bits
    depend on how many. It reads their number from NPROC, once, when it starts; no flag and no
    compiler option of jax 0.10 changes it afterwards (tried: ``xla_cpu_multi_thread_eigen``).
    """
    try:
        import jax
    except ImportError as error:
        raise Unsupported(
            "wf.models.jax", reason="JAX is not installed", hint="pip install 'wayfed[jax]'"
        ) from error
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        jax.devices()
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before
    return jax


def specify(
    init: Callable[[Any, int, int], Any],
    apply: Callable[[Any, Any], Any],
    task: TaskKind,
    **descent: Any,
) -> OwnModel:
    """Describe the model of two functions; see `wayfed.models.jax`."""
    import_jax()

    @cache  # what is compiled for one party serves the others
    def build(task: Task) -> NetworkModel:
        return NetworkModel(task, Descent(**descent), JaxNetwork(task, init, apply))

    return OwnModel.made("jax", task, build, **descent)


@dataclass(frozen=True)
class JaxNetwork:
    """Parameters as a tree whose leaves are the arrays that travel, by their place in it."""

    task: Task
    init: Callable[[Any, int, int], Any]
    apply: Callable[[Any, Any], Any]

    @cached_property
    def _shape(self) -> tuple[tuple[str, ...], Any]:
        """The names of the leaves, and the tree that they hang on."""
        jax = import_jax()
        outputs = links.outputs(self.task) or 1
        tree = jax.eval_shape(
            lambda key: self.init(key, self.task.features, outputs), jax.random.key(0)
        )
        leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
        for path, leaf in leaves:
            if not np.issubdtype(leaf.dtype, np.floating):
                raise InvalidOption(
                    f"init gives {jax.tree_util.keystr(path)} as {leaf.dtype}, which has no slope",
                    hint="keep what is not learned out of the parameters",
                )
        return tuple(jax.tree_util.keystr(path) for path, _ in leaves), structure

    def _tree(self, weights: Weights) -> Any:
        names, structure = self._shape
        return structure.unflatten([weights[name] for name in names])

    def _arrays(self, tree: Any) -> dict[str, NDArray[Any]]:
        import jax

        names, _ = self._shape
        return {
            name: np.array(leaf) for name, leaf in zip(names, jax.tree.leaves(tree), strict=True)
        }

    def first(self, seed: int) -> Weights:
        """Return what `init` draws from `seed`."""
        jax = import_jax()
        outputs = links.outputs(self.task) or 1
        return self._arrays(self.init(jax.random.key(seed), self.task.features, outputs))

    def scores(self, weights: Weights, x: Matrix) -> NDArray[np.floating]:
        """Return what `apply` gives."""
        return np.asarray(self._functions["scores"](self._tree(weights), x))

    def gradient(
        self, weights: Weights, examples: Examples, seed: Seed
    ) -> dict[str, NDArray[np.floating]]:
        """Return the gradient of the mean loss."""
        weight = np.ones(len(examples)) if examples.weight is None else examples.weight
        slope = self._functions["gradient"](
            self._tree(weights), examples.x, examples.y, weight / examples.total_weight
        )
        return self._arrays(slope)

    def of_rows(self, weights: Weights, examples: Examples) -> Mapping[str, NDArray[np.floating]]:
        """Return each row's gradient."""
        weight = np.ones(len(examples)) if examples.weight is None else examples.weight
        slopes = self._functions["of_rows"](self._tree(weights), examples.x, examples.y, weight)
        return self._arrays(slopes)

    @cached_property
    def _functions(self) -> Mapping[str, Callable[..., Any]]:
        """What JAX makes of `apply`, compiled once for each number of rows."""
        jax = import_jax()
        jnp = jax.numpy
        binary = links.outputs(self.task) is None

        def scores(tree: Any, x: Any) -> Any:
            given = self.apply(tree, x)
            return given.reshape(len(x)) if binary else given

        def loss(tree: Any, x: Any, y: Any, weight: Any) -> Any:
            given = scores(tree, x)
            if self.task.classes is None:
                each = jnp.square(given - y) / 2
            elif binary:
                each = jax.nn.softplus(given) - y * given
            else:
                chosen = jnp.take_along_axis(given, y.astype(int)[:, None], axis=1)[:, 0]
                each = jax.nn.logsumexp(given, axis=1) - chosen
            return (weight * each).sum()

        def of_row(tree: Any, x: Any, y: Any, weight: Any) -> Any:
            return jax.grad(loss)(tree, x[None], y[None], weight[None])

        return {
            "scores": jax.jit(scores),
            "gradient": jax.jit(jax.grad(loss)),
            "of_rows": jax.jit(jax.vmap(of_row, in_axes=(None, 0, 0, 0))),
        }
