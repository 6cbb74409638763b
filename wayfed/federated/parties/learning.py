"""One party's side of a run: it binds, tells statistics, trains, evaluates, keeps its rows."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from wayfed.arrays import Arrays, numeric_column
from wayfed.federated import metrics
from wayfed.federated.features import canonical, fitting, split
from wayfed.federated.features.recipe import Recipe
from wayfed.federated.models.adapter import Examples, Model, Task, resolve_model
from wayfed.federated.models.spec import ModelSpec
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.wire import QUESTION, Reply, answer, read_json, record_of, weights_of
from wayfed_optimizer.errors import WayfedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Party:
    """Someone who takes part: a name, what answers its messages, and the arrays it answers from.

    Parameters
    ----------
    name
        The party's name, by which everything is ordered.
    app
        What answers: Flower's ClientApp, or a function of its form. It leaves the content of a
        message, which all parties share, as it is.
    arrays
        The party's rows; a ClientApp of the user's own finds them as ``context.arrays``.
    """

    name: str
    app: Callable[[Message, Context], Message]
    arrays: Arrays


class PartyContext(Context):  # type: ignore[misc]  # Flower is untyped here
    """Flower's Context of a party, with the party's name and arrays."""

    def __init__(self, party: Party, *, node_id: int, number: int, parties: int) -> None:
        config = {"partition-id": number, "num-partitions": parties, "party": party.name}
        super().__init__(1, node_id, config, RecordDict(), {})
        self.party = party.name
        self.arrays = party.arrays


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a party's arrays that keeps a run from beginning."""

    column: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a run asks of a party before it begins: names, specifications and scalars only."""

    label: str
    features: tuple[str, ...]
    sample_weight: str | None
    split: split.Split | None
    model: ModelSpec
    recipe: Recipe
    classes: tuple[fitting.Category, ...] | None
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, fit for JSON."""
        return {
            "label": self.label,
            "features": list(self.features),
            "sample_weight": self.sample_weight,
            "split": split.split_to_dict(self.split),
            "model": self.model.to_dict(),
            "recipe": self.recipe.to_dict(),
            "classes": None if self.classes is None else list(self.classes),
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Question:
        """Read what `to_dict` wrote."""
        classes = plain["classes"]
        return cls(
            label=str(plain["label"]),
            features=tuple(map(str, plain["features"])),
            sample_weight=plain["sample_weight"],
            split=split.split_from_dict(plain["split"]),
            model=ModelSpec.from_dict(plain["model"]),
            recipe=Recipe.from_dict(plain["recipe"]),
            classes=None if classes is None else tuple(classes),
            seed=int(plain["seed"]),
        )


def learning_party(name: str, arrays: Arrays) -> Party:
    """Make a party that trains the models of ``wayfed.models`` on `arrays`."""
    return Party(name, _LearningParty(name, arrays).app(), arrays)


class _LearningParty:
    """The state of one party in one run, made once and kept between messages."""

    def __init__(self, name: str, arrays: Arrays) -> None:
        self._name_word = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        self._arrays = arrays
        self._question: Question
        self._train_rows: NDArray[np.intp]
        self._test_rows: NDArray[np.intp]
        self._model: Model
        self._training: Examples
        self._testing: Examples

    def app(self) -> ClientApp:
        """Give the ClientApp that answers the messages of a run."""
        app = ClientApp()
        app.query("bind")(_answering(self._bind))
        app.query("statistics")(_answering(self._statistics))
        app.query("begin")(_answering(self._begin))
        app.train()(self._train)
        app.evaluate()(self._evaluate)
        return app

    def _bind(self, asked: Mapping[str, Any]) -> RecordDict:
        self._question = Question.from_dict(asked)
        problems = list(_problems(self._arrays, self._question))
        if problems:
            told = {"problems": [asdict(problem) for problem in problems]}
            return answer({ReleaseKind.BINDING: told})
        hashes = canonical.hash_rows(self._arrays)
        order = canonical.canonical_order(hashes)
        held = split.held_out(self._question.split, self._arrays, hashes, order)[order]
        self._train_rows, self._test_rows = order[~held], order[held]
        binding = {
            "problems": [],
            "rows": self._arrays.rows,
            "training": len(self._train_rows),
            "testing": len(self._test_rows),
            "digest": canonical.digest(self._arrays, hashes, order),
        }
        return answer({ReleaseKind.BINDING: binding, ReleaseKind.LABELS: self._labels()})

    def _labels(self) -> dict[str, Any]:
        label = _label(self._arrays, self._question)
        if self._question.model.task == "regression":
            moments = fitting.Moments.of(np.ma.getdata(label)[self._train_rows])
            return {"moments": [moments.count, moments.mean, moments.squares]}
        counts = fitting.count_categories(label, self._question.label)
        return {"counts": [[value, count] for value, count in counts.items()]}

    def _statistics(self, asked: Mapping[str, Any]) -> RecordDict:
        told = fitting.gather(
            self._question.recipe, self._arrays, self._question.features, self._train_rows
        )
        moments = {name: [m.count, m.mean, m.squares] for name, m in told.moments.items()}
        counts = {name: [[*pair] for pair in v.items()] for name, v in told.vocabularies.items()}
        return answer({ReleaseKind.STATISTICS: moments, ReleaseKind.VOCABULARY: counts})

    def _begin(self, asked: Mapping[str, Any]) -> RecordDict:
        fitted = fitting.FittedFeatures.from_dict(asked["features"])
        classes = asked["classes"]
        task = Task(len(fitted.names), None if classes is None else len(classes))
        self._model = resolve_model(self._question.model, task)
        label = _label(self._arrays, self._question)
        y = np.ma.getdata(label) if classes is None else fitting.encode(label, classes)
        numbers = y.astype(np.float64)
        weight = None
        if self._question.sample_weight is not None:
            column = numeric_column(self._arrays, self._question.sample_weight)
            weight = np.ma.getdata(column).astype(np.float64)[self._train_rows]
        self._training = Examples(
            fitted.matrix(self._arrays, self._train_rows), numbers[self._train_rows], weight
        )
        self._testing = Examples(
            fitted.matrix(self._arrays, self._test_rows), numbers[self._test_rows]
        )
        return answer({ReleaseKind.BINDING: {"features": task.features}})

    def _train(self, message: Message, context: Context) -> Message:
        arrays, config = _arrays_and_config(message.content)
        number = int(config.get("server-round", 0))
        update = self._model.train(
            weights_of(arrays),
            self._training,
            seed=(self._question.seed, number, self._name_word),
            proximal_mu=float(config.get("proximal-mu", 0.0)),
        )
        told = MetricRecord({metrics.WEIGHT: self._training.total_weight})
        content = {ReleaseKind.UPDATE.value: record_of(update), ReleaseKind.TRAINING.value: told}
        return Message(Reply(content), reply_to=message)

    def _evaluate(self, message: Message, context: Context) -> Message:
        arrays, _ = _arrays_and_config(message.content)
        sums: metrics.Sums = {metrics.WEIGHT: 0}
        if len(self._testing):
            predicted = self._model.predict(weights_of(arrays), self._testing.x)
            regression = self._question.model.task == "regression"
            measure = metrics.regression_sums if regression else metrics.classification_sums
            sums = measure(predicted, self._testing.y)
        told = MetricRecord(dict(sums))
        return Message(Reply({ReleaseKind.METRICS.value: told}), reply_to=message)


def _answering(
    handle: Callable[[Mapping[str, Any]], RecordDict],
) -> Callable[[Message, Context], Message]:
    def reply(message: Message, context: Context) -> Message:
        return Message(handle(read_json(message.content, QUESTION)), reply_to=message)

    return reply


def _arrays_and_config(content: RecordDict) -> tuple[ArrayRecord, Mapping[str, Any]]:
    arrays, config = ArrayRecord(), ConfigRecord()
    for record in content.values():
        if isinstance(record, ArrayRecord):
            arrays = record
        elif isinstance(record, ConfigRecord):
            config = record
    return arrays, config


def _label(arrays: Arrays, question: Question) -> NDArray[Any]:
    """Give the label as it is, or a classification's float label as whole numbers."""
    column = arrays[question.label]
    if question.model.task == "regression":
        return numeric_column(arrays, question.label).astype(np.float64)
    return column.astype(np.int64) if column.dtype.kind == "f" else column


def _problems(arrays: Arrays, question: Question) -> Iterator[Problem]:
    needed = [question.label, *question.features]
    if question.sample_weight is not None:
        needed.append(question.sample_weight)
    if question.split is not None:
        needed += question.split.columns
    missing = [name for name in dict.fromkeys(needed) if name not in arrays]
    if missing:
        yield from (Problem(name, f"there is no column '{name}'") for name in missing)
        return
    yield from _label_problems(arrays, question)
    for name in question.features:
        yield from _feature_problems(arrays, name, question.recipe)
    if question.sample_weight is not None:
        yield from _weight_problems(arrays, question.sample_weight)


def _label_problems(arrays: Arrays, question: Question) -> Iterator[Problem]:
    name = question.label
    column = arrays[name]
    data, missing = np.ma.getdata(column), np.ma.getmaskarray(column)
    if missing.any():
        yield Problem(
            name,
            f"the label '{name}' is NULL in {int(missing.sum())} rows",
            f"drop_null('{name}') in the plan",
        )
        return
    if question.model.task == "regression":
        yield from _number_problems(arrays, name, missing_allowed=False)
        return
    if data.dtype.kind == "f" and not (np.isfinite(data) & (data == np.trunc(data))).all():
        yield Problem(
            name,
            f"the label '{name}' holds fractions or NaN, which are not classes",
            "a regression learns numbers: wf.models.linear_regression()",
        )
        return
    if question.classes is not None:
        label = _label(arrays, question)
        if unknown := int((fitting.encode(label, question.classes) < 0).sum()):
            yield Problem(
                name, f"the label '{name}' is none of classes={question.classes} in {unknown} rows"
            )
        return
    try:
        fitting.count_categories(_label(arrays, question), name)
    except WayfedError as error:
        yield Problem(name, error.message, error.hint)


def _feature_problems(arrays: Arrays, name: str, recipe: Recipe) -> Iterator[Problem]:
    if not fitting.is_one_hot(recipe, arrays, name):
        yield from _number_problems(arrays, name, missing_allowed=recipe.fill_of(name) is not None)
        return
    try:
        fitting.count_categories(arrays[name], name)
    except WayfedError as error:
        yield Problem(name, error.message, error.hint)


def _number_problems(arrays: Arrays, name: str, *, missing_allowed: bool) -> Iterator[Problem]:
    try:
        column = numeric_column(arrays, name)
    except WayfedError as error:
        yield Problem(name, error.message, error.hint)
        return
    data = np.ma.getdata(column)
    masked = np.ma.getmaskarray(column)
    nulls = int(masked.sum())
    nans = infinite = 0
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        nans = int((np.isnan(data) & ~masked).sum())
        infinite = int((np.isinf(data) & ~masked).sum())
    if infinite:
        yield Problem(name, f"'{name}' is infinite in {infinite} rows", "filter them in the plan")
    if missing_allowed:
        return
    for count, kind in ((nulls, "NULL"), (nans, "NaN")):
        if count:
            yield Problem(
                name,
                f"'{name}' is {kind} in {count} rows",
                "preprocess=wf.features(impute='mean'), or filter them in the plan",
            )


def _weight_problems(arrays: Arrays, name: str) -> Iterator[Problem]:
    problems = list(_number_problems(arrays, name, missing_allowed=False))
    yield from problems
    if not problems and (np.ma.getdata(numeric_column(arrays, name)) < 0).any():
        yield Problem(name, f"the weight '{name}' is below zero in some rows")
