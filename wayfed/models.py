"""The models of `run_federated`, as `wf.models`: specifications of scalars, never code.

But for these: `torch`, `keras` and `jax` take code of the user's own, which runs where she runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from wayfed.federated.models.schedule import Kind, Schedule, as_rate
from wayfed.federated.models.spec import ModelSpec, OwnModel, check_descent, check_whole

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from wayfed.federated.models.spec import Parameter
    from wayfed.federated.runs.results import TrainedModel

__all__ = [
    "custom",
    "jax",
    "keras",
    "linear_regression",
    "load",
    "logistic_regression",
    "mlp",
    "schedule",
    "sklearn",
    "torch",
]


def logistic_regression(
    *,
    learning_rate: float | Schedule = 0.1,
    local_epochs: int = 1,
    batch_size: int | None = None,
    l2: float = 0.0,
    intercept: bool = True,
) -> ModelSpec:
    """Classify by a logistic regression, multinomial where the label has more than two values.

    Parameters
    ----------
    learning_rate
        The length of a step down the mean log loss; or a `schedule` of it over the rounds.
    local_epochs
        How often each party goes through its rows in one round.
    batch_size
        Rows of one step; None takes all, so that an epoch is one step.
    l2
        The weight of ``l2/2 |coefficients|²`` in the loss.
    intercept
        Whether scores have a constant part.

    Examples
    --------
    >>> import wayfed.models
    >>> wayfed.models.logistic_regression(learning_rate=0.5, local_epochs=5).name
    'logistic_regression'
    """
    check_descent(as_rate(learning_rate), local_epochs, batch_size, l2)
    return ModelSpec.of(
        "logistic_regression",
        "classification",
        learning_rate=as_rate(learning_rate),
        local_epochs=local_epochs,
        batch_size=batch_size,
        l2=l2,
        intercept=intercept,
    )


def linear_regression(
    *,
    learning_rate: float | Schedule = 0.1,
    local_epochs: int = 1,
    batch_size: int | None = None,
    l2: float = 0.0,
    intercept: bool = True,
) -> ModelSpec:
    """Predict a number by least squares; the parameters are those of `logistic_regression`.

    Examples
    --------
    >>> import wayfed.models
    >>> wayfed.models.linear_regression().task
    'regression'
    """
    check_descent(as_rate(learning_rate), local_epochs, batch_size, l2)
    return ModelSpec.of(
        "linear_regression",
        "regression",
        learning_rate=as_rate(learning_rate),
        local_epochs=local_epochs,
        batch_size=batch_size,
        l2=l2,
        intercept=intercept,
    )


def mlp(
    hidden: Sequence[int] = (32,),
    *,
    task: Literal["classification", "regression"] = "classification",
    activation: Literal["relu", "tanh"] = "relu",
    learning_rate: float | Schedule = 0.1,
    local_epochs: int = 1,
    batch_size: int | None = None,
    l2: float = 0.0,
) -> ModelSpec:
    """Learn by a multilayer perceptron.

    Parameters
    ----------
    hidden
        The width of each hidden layer.
    task
        Whether the label is a class or a number.
    activation
        What a hidden layer's scores go through.
    learning_rate, local_epochs, batch_size, l2
        As in `logistic_regression`.

    Examples
    --------
    >>> import wayfed.models
    >>> wayfed.models.mlp(hidden=(64, 32), learning_rate=0.05).name
    'mlp'
    """
    check_descent(as_rate(learning_rate), local_epochs, batch_size, l2)
    for width in hidden:
        check_whole(hidden=width)
    return ModelSpec.of(
        "mlp",
        task,
        hidden=tuple(hidden),
        activation=activation,
        learning_rate=as_rate(learning_rate),
        local_epochs=local_epochs,
        batch_size=batch_size,
        l2=l2,
    )


def sklearn(estimator: object, *, local_epochs: int = 1) -> ModelSpec:
    """Train an estimator of scikit-learn: coefficients are averaged, statistics added.

    Parameters
    ----------
    estimator
        LogisticRegression, SGDClassifier, SGDRegressor, MLPClassifier or MLPRegressor, whose
        coefficients are averaged; or GaussianNB, MultinomialNB, BernoulliNB, LinearRegression,
        Ridge or KMeans, which are fitted to sums over all rows: one round is the fit to the rows
        together, of KMeans one iteration (where `init` is no array, the first round places the
        centres). Only the estimator's name and its parameters travel.
    local_epochs
        How often `partial_fit` goes through a party's rows in one round; LogisticRegression has
        its own `max_iter`.

    Raises
    ------
    Unsupported
        The estimator's fitted state is neither an average nor a sum over parties.

    Examples
    --------
    >>> import wayfed.models
    >>> from sklearn.linear_model import SGDClassifier
    >>> str(wayfed.models.sklearn(SGDClassifier(loss="log_loss")))
    "sklearn(estimator='SGDClassifier', local_epochs=1, loss='log_loss')"
    """
    from wayfed.federated.models.scikit import specify

    return specify(estimator, local_epochs)


def schedule(
    kind: Kind,
    first: float,
    *,
    factor: float | None = None,
    every: int | None = None,
    rounds: int | None = None,
    last: float | None = None,
) -> Schedule:
    """Let the learning rate of a model fall from round to round.

    The rate follows from the number of the round alone, so that a run that is resumed goes on with
    the steps that it would have taken.

    Parameters
    ----------
    kind
        ``"exponential"``: ``first * factor ** behind`` with so many rounds behind; ``"step"``:
        ``first * factor ** (behind // every)``; ``"cosine"``: half a wave from `first` down to
        `last` over `rounds` (Loshchilov and Hutter, SGDR, arXiv:1608.03983, without restarts).
    first
        The rate of the first round.
    factor
        Above 0, at most 1.
    every
        After how many rounds a step comes.
    rounds
        After how many rounds a cosine is at `last`, where it stays.
    last
        The least rate of a cosine; 0 by default.

    Raises
    ------
    InvalidOption
        An option is missing, out of its range, or none of this kind's.

    Examples
    --------
    >>> import wayfed.models
    >>> rate = wayfed.models.schedule("cosine", 0.5, rounds=4, last=0.1)
    >>> [round(rate.at(number), 3) for number in (1, 3, 5, 6)]
    [0.5, 0.3, 0.1, 0.1]
    >>> wayfed.models.logistic_regression(learning_rate=rate).name
    'logistic_regression'
    """
    if kind == "cosine" and last is None:
        last = 0.0
    return Schedule(kind, first, factor, every, rounds, last)


def custom(
    name: str,
    *,
    task: Literal["classification", "regression"] = "classification",
    build: Callable[..., Any] | None = None,
    **parameters: Parameter,
) -> ModelSpec:
    """Name a model that a package provides by an entry point of the group ``wayfed.models``.

    The entry point is a callable ``(task, **parameters)`` that gives a
    `wayfed.federated.models.adapter.Model`; it has to be installed wherever the model is trained.
    A party may also name it in its own file: ``[models] NAME = "module:function"``.

    Parameters
    ----------
    name
        As parties know it.
    task
        What is learned.
    build
        The callable, where it is no entry point here. Parties of this process use it; those
        elsewhere are told the name and the parameters, and use their own.
    parameters
        What the callable takes: scalars, or flat tuples of them.

    Examples
    --------
    >>> import wayfed.models
    >>> str(wayfed.models.custom("survival_forest", depth=3))
    'survival_forest(depth=3)'
    """
    if build is not None:
        return OwnModel.named(name, task, build, **parameters)
    return ModelSpec.of(name, task, **parameters)


def jax(
    init: Callable[[Any, int, int], Any],
    apply: Callable[[Any, Any], Any],
    *,
    task: Literal["classification", "regression"] = "classification",
    learning_rate: float | Schedule = 0.1,
    local_epochs: int = 1,
    batch_size: int | None = None,
    l2: float = 0.0,
) -> ModelSpec:
    """Train a pair of JAX functions, at parties of this process: they are code of yours.

    Parameters
    ----------
    init
        ``(key, features, outputs) -> parameters``, a tree of float arrays; `outputs` is the number
        of classes where there are more than two, else 1.
    apply
        ``(parameters, x) -> scores``: rows x outputs (or rows, where there is one), logits or
        values. It is compiled once for each number of rows.
    task
        Whether the label is a class or a number.
    learning_rate, local_epochs, batch_size, l2
        As in `logistic_regression`; `l2` is on all arrays.

    Raises
    ------
    Unsupported
        JAX is not installed; or later, where parties are elsewhere.

    Examples
    --------
    >>> import wayfed.models
    >>> def init(key, features, outputs):
    ...     return {"w": jax.numpy.zeros((features, outputs)), "b": jax.numpy.zeros(outputs)}
    >>> wayfed.models.jax(init, lambda p, x: x @ p["w"] + p["b"], learning_rate=0.5).name
    'jax'
    """
    from wayfed.federated.models.of_jax import specify

    check_descent(as_rate(learning_rate), local_epochs, batch_size, l2)
    return specify(
        init,
        apply,
        task,
        learning_rate=as_rate(learning_rate),
        local_epochs=local_epochs,
        batch_size=batch_size,
        l2=l2,
    )


def torch(
    module: object,
    *,
    task: Literal["classification", "regression"] = "classification",
    learning_rate: float | Schedule = 0.1,
    local_epochs: int = 1,
    batch_size: int | None = None,
    l2: float = 0.0,
) -> ModelSpec:
    """Train a PyTorch module, at parties of this process: it is code of yours.

    Parameters
    ----------
    module
        A ``torch.nn.Module`` of scores (logits or values), whose state is what the run begins
        with; or what makes one: ``(features, outputs) -> Module``, called with the run's seed,
        where `outputs` is the number of classes where there are more than two, else 1.
    task
        Whether the label is a class or a number.
    learning_rate, local_epochs, batch_size, l2
        As in `logistic_regression`; `l2` is on all parameters.

    Raises
    ------
    Unsupported
        PyTorch is not installed; or later, where parties are elsewhere.
    InvalidOption
        The module keeps statistics of batches (BatchNorm), which are nobody's to average.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> import wayfed.models
    >>> wayfed.models.torch(lambda features, outputs: torch.nn.Sequential(
    ...     torch.nn.Linear(features, 16), torch.nn.ReLU(), torch.nn.Linear(16, outputs)
    ... )).name  # doctest: +SKIP
    'torch'
    """
    from wayfed.federated.models.of_torch import specify

    check_descent(as_rate(learning_rate), local_epochs, batch_size, l2)
    return specify(
        module,
        task,
        learning_rate=as_rate(learning_rate),
        local_epochs=local_epochs,
        batch_size=batch_size,
        l2=l2,
    )


def keras(
    model: object,
    *,
    task: Literal["classification", "regression"] = "classification",
    local_epochs: int = 1,
    batch_size: int | None = None,
) -> ModelSpec:
    """Train a compiled Keras 3 model, at parties of this process: it is code of yours.

    Parameters
    ----------
    model
        A built and compiled ``keras.Model`` on any backend; its loss and its optimizer are used as
        they are, the optimizer from new in each round. Its output is a probability or a logit (as
        its loss says), one a class or one for two classes; or a value.
    task
        Whether the label is a class or a number.
    local_epochs, batch_size
        As in `logistic_regression`.

    Raises
    ------
    Unsupported
        Keras is not installed; or later, where parties are elsewhere.
    InvalidOption
        The model has no weights yet, or no loss.

    Examples
    --------
    >>> import keras  # doctest: +SKIP
    >>> import wayfed.models
    >>> net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    ... # doctest: +SKIP
    >>> net.compile(optimizer="sgd", loss="binary_crossentropy")  # doctest: +SKIP
    >>> wayfed.models.keras(net).name  # doctest: +SKIP
    'keras'
    """
    from wayfed.federated.models.of_keras import specify

    check_descent(1.0, local_epochs, batch_size, 0.0)
    return specify(model, task, local_epochs=local_epochs, batch_size=batch_size)


def load(source: str | os.PathLike[str]) -> TrainedModel:
    """Read a trained model that ``wayfed runs export`` wrote: a directory, or a ``.zip``.

    It scores arrays and datasets as ``run.model`` does. Nothing that is in it is executed.

    Raises
    ------
    SourceError
        There is none, or it is damaged.

    Examples
    --------
    >>> import tempfile
    >>> import wayfed as wf
    >>> from wayfed.federated.runs.exported import export_run
    >>> with tempfile.TemporaryDirectory() as directory, wf.context() as ctx:
    ...     rows = ctx.read({"bank": ["a", "b"] * 20, "x": [1.0, 2.0, 3.0, 4.0] * 10,
    ...                      "late": [False, False, True, True] * 10})
    ...     run = ctx.run_federated(
    ...         rows.to_numpy().partition_by("bank"),
    ...         label="late",
    ...         preprocess=wf.features(standardize=True),
    ...         model=wf.models.logistic_regression(learning_rate=1.0, local_epochs=20),
    ...         rounds=5,
    ...     )
    ...     model = wf.models.load(export_run(run, directory))
    ...     model.predict(ctx.read({"x": [1.5, 3.5]})).to_arrow().to_pydict()
    {'x': [1.5, 3.5], 'prediction': [False, True]}
    """
    from wayfed.federated.runs.exported import load as load_model

    return load_model(source)
