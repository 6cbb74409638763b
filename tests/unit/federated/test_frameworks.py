"""Models of the user's own in JAX, PyTorch and Keras: the same numbers as our own models give."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from flwr.app import Message

from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.grids.rpc.messages import from_bytes, to_bytes
from wayfed.federated.models.adapter import Examples, Task, resolve_model
from wayfed.federated.models.spec import ModelSpec, OwnModel
from wayfed.federated.privacy.descent import ClippingModel
from wayfed.federated.privacy.dp import dp
from wayfed.federated.run import run_federated
from wayfed.federated.wire import flower_process, lent_in, question
from wayfed_optimizer.errors import InvalidOption, Unsupported

os.environ.setdefault("KERAS_BACKEND", "jax")  # Keras reads it once, when it is imported

FEATURES = ["a", "b", "c"]
pytestmark = pytest.mark.slow  # frameworks take seconds to import and to compile


def run_of(parties: dict[str, Arrays], model: Any, **options: Any) -> Any:
    asked = {"label": "late", "features": FEATURES, "rounds": 4, "test": None, **options}
    return run_federated(parties, model=model, **asked)


class Jax:
    """A logistic (or linear) regression as JAX functions."""

    @staticmethod
    def model(**options: Any) -> Any:
        jax = pytest.importorskip("jax")

        def init(key: Any, features: int, outputs: int) -> Any:
            zeros = jax.numpy.zeros
            return {"w": zeros((features, outputs)), "b": zeros(outputs)}

        return models.jax(init, lambda p, x: x @ p["w"] + p["b"], **options)

    @staticmethod
    def flat(arrays: Any) -> np.ndarray:
        return np.concatenate([arrays["['w']"].ravel(), arrays["['b']"]])


class Torch:
    """The same as a module of PyTorch."""

    @staticmethod
    def model(**options: Any) -> Any:
        torch = pytest.importorskip("torch")

        def made(features: int, outputs: int) -> Any:
            layer = torch.nn.Linear(features, outputs)
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
            return layer

        return models.torch(made, **options)

    @staticmethod
    def flat(arrays: Any) -> np.ndarray:
        return np.concatenate([arrays["weight"].T.ravel(), arrays["bias"]])


FRAMEWORKS = pytest.mark.parametrize("framework", [Jax, Torch])


@FRAMEWORKS
@pytest.mark.parametrize("options", [{}, {"batch_size": 16, "local_epochs": 2}, {"l2": 0.0}])
def test_a_framework_steps_as_our_own_descent_does(
    unequal_parties: dict[str, Arrays], framework: Any, options: dict[str, Any]
) -> None:
    theirs = run_of(unequal_parties, framework.model(learning_rate=0.5, **options))
    ours = run_of(unequal_parties, models.logistic_regression(learning_rate=0.5, **options))

    expected = np.concatenate([ours.arrays["coefficients"], ours.arrays["intercept"]])
    np.testing.assert_allclose(framework.flat(theirs.arrays), expected, rtol=0, atol=1e-4)


@FRAMEWORKS
def test_a_framework_learns_values_and_several_classes_and_counts_weights(
    unequal_parties: dict[str, Arrays], framework: Any
) -> None:
    random = np.random.default_rng(0)
    for task in (Task(3, 4), Task(3, None)):
        y = random.integers(4, size=50).astype(float)
        examples = Examples(random.normal(size=(50, 3)), y, random.random(50))
        ours = models.logistic_regression if task.classes else models.linear_regression
        options: dict[str, Any] = {} if task.classes else {"task": "regression"}
        theirs = resolve_model(framework.model(learning_rate=0.3, **options), task)
        reference = resolve_model(ours(learning_rate=0.3), task)

        stepped = theirs.train(theirs.initial_weights(0), examples, seed=(0,))
        expected = reference.train(reference.initial_weights(0), examples, seed=(0,))

        flat = np.concatenate([expected["coefficients"].ravel(), expected["intercept"]])
        np.testing.assert_allclose(framework.flat(stepped), flat, rtol=0, atol=1e-5)
        np.testing.assert_allclose(
            theirs.predict(stepped, examples.x),
            reference.predict(expected, examples.x),
            rtol=0,
            atol=1e-4,
        )


@FRAMEWORKS
def test_a_framework_weighs_classes_and_follows_a_schedule(
    unequal_parties: dict[str, Arrays], framework: Any
) -> None:
    rate = models.schedule("step", 0.5, factor=0.5, every=2)
    theirs, ours = (
        run_of(unequal_parties, make(learning_rate=rate), class_weight="balanced")
        for make in (framework.model, models.logistic_regression)
    )

    expected = np.concatenate([ours.arrays["coefficients"], ours.arrays["intercept"]])
    np.testing.assert_allclose(framework.flat(theirs.arrays), expected, rtol=0, atol=1e-4)


@FRAMEWORKS
def test_gradients_of_rows_are_cut_one_by_one(framework: Any) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 3)) * 10
    x[3] = np.inf
    examples = Examples(x, random.integers(3, size=40).astype(float), random.random(40) + 1)
    theirs = resolve_model(framework.model(), Task(3, 3))
    reference = resolve_model(models.logistic_regression(), Task(3, 3))
    assert isinstance(theirs, ClippingModel)
    assert isinstance(reference, ClippingModel)
    start = theirs.train(theirs.initial_weights(0), examples.at(np.arange(3)), seed=(0,))
    flat = framework.flat(start)
    ours = {"coefficients": flat[:9].reshape(3, 3).astype(float), "intercept": flat[9:]}

    cut = framework.flat(theirs.clipped_gradient(start, examples, 0.5))

    expected = reference.clipped_gradient(ours, examples, 0.5)
    flat = np.concatenate([expected["coefficients"].ravel(), expected["intercept"]])
    np.testing.assert_allclose(cut, flat, rtol=0, atol=1e-4)
    nobody = theirs.clipped_gradient(start, examples.at(np.arange(0)), 0.5)
    assert not framework.flat(nobody).any()


@FRAMEWORKS
def test_no_row_moves_a_frameworks_sum_further_than_the_clip(framework: Any) -> None:
    random = np.random.default_rng(1)
    examples = Examples(random.normal(size=(40, 3)) * 10, random.integers(3, size=40).astype(float))
    model = resolve_model(framework.model(), Task(3, 3))
    assert isinstance(model, ClippingModel)
    start = model.train(model.initial_weights(0), examples.at(np.arange(3)), seed=(0,))

    whole = model.clipped_gradient(start, examples, 0.5)
    moves = [
        framework.flat(model.clipped_gradient(start, examples.at(np.array([row])), 0.5))
        for row in range(40)
    ]

    assert {value.dtype for value in whole.values()} == {np.dtype(np.float64)}
    assert max(np.linalg.norm(move) for move in moves) <= 0.5 * (1 + 1e-12)
    np.testing.assert_allclose(framework.flat(whole), np.sum(moves, axis=0), rtol=0, atol=1e-5)


@FRAMEWORKS
def test_the_same_bits_whatever_the_threads(
    unequal_parties: dict[str, Arrays], framework: Any
) -> None:
    runs = [
        run_of(unequal_parties, framework.model(batch_size=32), threads=threads)
        for threads in (1, 3)
    ]

    assert framework.flat(runs[0].arrays).tobytes() == framework.flat(runs[1].arrays).tobytes()


_ON_CORES = """
import hashlib, os, sys
os.sched_setaffinity(0, set(list(os.sched_getaffinity(0))[: int(sys.argv[1])]))
import numpy as np
from wayfed import models
from wayfed.federated.models.adapter import Examples, Task, resolve_model
import jax.numpy as jnp
def init(key, features, outputs):
    return [jnp.ones((features, 32)) / 9, jnp.ones((32, outputs))]
model = models.jax(init, lambda p, x: jnp.tanh(x @ p[0]) @ p[1])
random = np.random.default_rng(0)
rows = Examples(random.normal(size=(100_000, 40)), random.integers(2, size=100_000).astype(float))
built = resolve_model(model, Task(40, 2))
out = built.train(built.initial_weights(0), rows, seed=(0,))
sys.stdout.write(hashlib.sha256(b"".join(a.tobytes() for a in out.values())).hexdigest())
"""


def test_jax_gives_the_same_bits_on_any_number_of_cores() -> None:
    pytest.importorskip("jax")
    told = {
        subprocess.run(
            [sys.executable, "-c", _ON_CORES, str(cores)],
            check=True,
            capture_output=True,
            env=dict(os.environ),
            timeout=300,
        ).stdout
        for cores in (1, os.cpu_count())
    }

    assert len(told) == 1


def keras_model(optimizer: Any, *, logits: bool = False, dropout: float = 0.0) -> Any:
    keras = pytest.importorskip("keras")
    layers = [keras.Input((3,)), *([keras.layers.Dropout(dropout)] if dropout else [])]
    layers.append(
        keras.layers.Dense(1, kernel_initializer="zeros", activation=None if logits else "sigmoid")
    )
    model = keras.Sequential(layers)
    model.compile(optimizer=optimizer, loss=keras.losses.BinaryCrossentropy(from_logits=logits))
    return model


@pytest.mark.parametrize("logits", [True, False])
def test_a_keras_model_steps_as_our_own_descent_does(
    unequal_parties: dict[str, Arrays], logits: bool
) -> None:
    keras = pytest.importorskip("keras")
    net = keras_model(keras.optimizers.SGD(0.5), logits=logits)

    # Each round compiles the steps of each party: two show that one goes on from another.
    asked: dict[str, Any] = {"test": 0.2, "rounds": 2}
    theirs = run_of(unequal_parties, models.keras(net), **asked)
    ours = run_of(unequal_parties, models.logistic_regression(learning_rate=0.5), **asked)

    found = np.concatenate([value.ravel() for value in theirs.arrays.values()])
    expected = np.concatenate([ours.arrays["coefficients"], ours.arrays["intercept"]])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    assert theirs.metrics["log_loss"] == pytest.approx(ours.metrics["log_loss"], abs=1e-4)


def test_a_keras_model_weighs_classes_as_our_own_descent_does(
    unequal_parties: dict[str, Arrays],
) -> None:
    keras = pytest.importorskip("keras")
    net = keras_model(keras.optimizers.SGD(0.5), logits=True)

    asked: dict[str, Any] = {"class_weight": "balanced", "rounds": 2}
    theirs = run_of(unequal_parties, models.keras(net), **asked)
    ours = run_of(unequal_parties, models.logistic_regression(learning_rate=0.5), **asked)

    found = np.concatenate([value.ravel() for value in theirs.arrays.values()])
    expected = np.concatenate([ours.arrays["coefficients"], ours.arrays["intercept"]])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_keras_begins_each_round_with_a_new_optimizer_and_draws_by_the_seed(
    unequal_parties: dict[str, Arrays],
) -> None:
    pytest.importorskip("keras")
    two = {name: unequal_parties[name] for name in ("ash", "birch")}
    runs = [
        run_of(
            two,
            models.keras(keras_model("adam", dropout=0.2), local_epochs=2, batch_size=64),
            rounds=2,
            threads=threads,
        )
        for threads in (1, 3)
    ]

    first, second = (np.concatenate([v.ravel() for v in run.arrays.values()]) for run in runs)
    assert first.tobytes() == second.tobytes()


def test_keras_keeps_nothing_of_the_party_before() -> None:
    pytest.importorskip("keras")
    spec = models.keras(keras_model("adam", dropout=0.2), local_epochs=3, batch_size=None)
    model = resolve_model(spec, Task(3, 2))
    x = np.arange(12.0).reshape(4, 3)
    examples = Examples(x, np.array([0.0, 1.0, 1.0, 0.0]))

    first, second = (model.train(model.initial_weights(0), examples, seed=(7, 1)) for _ in range(2))
    assert [value.tobytes() for value in first.values()] == [
        value.tobytes() for value in second.values()
    ]


def keras_shape(features: int, outputs: int) -> Any:
    keras = pytest.importorskip("keras")
    net = keras.Sequential([keras.Input((features,)), keras.layers.Dense(outputs)])
    net.compile(optimizer="sgd", loss="mse")
    return net


KERAS_SHAPES = {
    "features": (
        (4, 1),
        "classification",
        "the Keras model takes 4 numbers of a row, and the features are 3",
    ),
    "classes": (
        (3, 3),
        "classification",
        "the Keras model gives 3 numbers for a row, and what is to be learned is one of 2 classes",
    ),
    "values": (
        (3, 2),
        "regression",
        "the Keras model gives 2 numbers for a row, and what is to be learned is a value",
    ),
}


@pytest.mark.parametrize(("shape", "task", "told"), KERAS_SHAPES.values(), ids=KERAS_SHAPES)
def test_a_keras_model_of_another_shape_is_refused_before_training(
    unequal_parties: dict[str, Arrays], shape: tuple[int, int], task: Any, told: str
) -> None:
    stages: set[str] = set()
    with pytest.raises(InvalidOption) as raised:
        run_of(
            unequal_parties,
            models.keras(keras_shape(*shape), task=task),
            record=lambda release: stages.add(release.stage),
        )

    assert raised.value.message == told
    assert raised.value.hint is not None
    assert "train" not in stages


def test_what_a_framework_cannot_learn_from_is_refused() -> None:
    keras = pytest.importorskip("keras")
    with pytest.raises(InvalidOption, match="no weights yet"):
        models.keras(keras.Sequential([keras.layers.Dense(1)]))
    with pytest.raises(InvalidOption, match="no loss"):
        models.keras(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
    with pytest.raises(InvalidOption, match=r"no keras\.Model"):
        models.keras("resnet")
    jax = pytest.importorskip("jax")
    whole = models.jax(
        lambda key, features, outputs: {"n": jax.numpy.arange(3)}, lambda p, x: x[:, 0]
    )
    with pytest.raises(InvalidOption, match="has no slope"):
        resolve_model(whole, Task(3, 2)).initial_weights(0)


def test_batch_statistics_are_refused() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(InvalidOption, match="LayerNorm"):
        models.torch(torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3)))


def test_a_framework_that_is_not_installed_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(Unsupported, match=r"wayfed\[torch\]"):
        models.torch(object())


def test_rows_are_private_in_a_model_of_a_framework(unequal_parties: dict[str, Arrays]) -> None:
    private = run_of(
        unequal_parties,
        Jax.model(learning_rate=0.5, batch_size=64),
        rounds=2,
        classes=[False, True],
        privacy=dp(epsilon=1e6, delta=1e-5, clip=5.0),
    )

    open_run = run_of(unequal_parties, Jax.model(learning_rate=0.5), rounds=2)
    assert private.privacy_spent.keys() == unequal_parties.keys()
    assert np.corrcoef(Jax.flat(private.arrays), Jax.flat(open_run.arrays))[0, 1] > 0.5


def test_code_that_is_lent_is_in_no_bytes_that_a_message_is_written_as() -> None:
    model = OwnModel.made("torch", "classification", lambda task: None, learning_rate=0.1)
    with flower_process():
        message = Message(question({"model": model.to_dict()}, lent=model), 1, "query.bind")
        arrived = from_bytes(to_bytes(message))

    assert lent_in(message.content) is model
    assert lent_in(arrived.content) is None
    with pytest.raises(InvalidOption, match="no model 'torch' is installed here"):
        resolve_model(ModelSpec.from_dict(model.to_dict()), Task(3, 2))
