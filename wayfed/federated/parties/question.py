"""What a run asks of a party before it begins, and all in the party's arrays that forbids it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wayfed.arrays import numeric_column
from wayfed.federated.features import fitting, split
from wayfed.federated.features.recipe import Recipe
from wayfed.federated.models.class_weight import (
    BALANCED,
    ClassWeight,
    class_weight_from_plain,
    class_weight_to_plain,
)
from wayfed.federated.models.spec import ModelSpec, OwnModel, check_rounds
from wayfed.federated.models.statistics import Choosy
from wayfed.federated.privacy.dp import DifferentialPrivacy
from wayfed_optimizer.errors import InvalidOption, WayfedError, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from wayfed.arrays import Arrays
    from wayfed.federated.models.adapter import Matrix, Model

_LONGEST: Final = 1_000
_MOST_FEATURES: Final = 100_000
_SEEDS: Final = 1 << 128


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
    rounds: int = 1
    strategy: str = "fedavg"
    privacy: DifferentialPrivacy | None = None
    secure_aggregation: bool = False
    class_weight: ClassWeight | None = None

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
            "rounds": self.rounds,
            "strategy": self.strategy,
            "privacy": None if self.privacy is None else self.privacy.to_dict(),
            "secure_aggregation": self.secure_aggregation,
            "class_weight": class_weight_to_plain(self.class_weight),
        }

    @property
    def is_balanced(self) -> bool:
        """Whether weights of classes are to follow from how many rows there are of each."""
        return self.class_weight == BALANCED

    @property
    def own_model(self) -> OwnModel | None:
        """The model, where it is code that only parties of this process can be lent."""
        return self.model if isinstance(self.model, OwnModel) else None

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Question:
        """Read what `to_dict` wrote, trusting nothing.

        Raises
        ------
        InvalidOption
            This is no question.
        """
        known = {field.name for field in fields(cls)}
        if wrong := sorted(known.symmetric_difference(plain)):
            raise InvalidOption(f"a question has {', '.join(sorted(known))}; see {wrong[0][:200]}")
        classes, privacy, weight = plain["classes"], plain["privacy"], plain["sample_weight"]
        return cls(
            label=_text("label", plain["label"]),
            features=_names(plain["features"]),
            sample_weight=None if weight is None else _text("sample_weight", weight),
            split=split.split_from_dict(plain["split"]),
            model=ModelSpec.from_dict(_object("model", plain["model"])),
            recipe=Recipe.from_dict(_object("recipe", plain["recipe"])),
            classes=None if classes is None else fitting.checked_categories(classes),
            seed=_seed(plain["seed"]),
            rounds=check_rounds(plain["rounds"]),
            strategy=_text("strategy", plain["strategy"]),
            privacy=None if privacy is None else DifferentialPrivacy.from_dict(privacy),
            secure_aggregation=plain["secure_aggregation"] is True,
            class_weight=class_weight_from_plain(plain["class_weight"]),
        )


def _seed(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _SEEDS:
        return value
    raise InvalidOption(f"seed is a whole number below 2**128, not {str(value)[:50]}")


def _text(key: str, value: object) -> str:
    if isinstance(value, str) and len(value) <= _LONGEST:
        return value
    raise InvalidOption(f"{key} is a text of at most {_LONGEST:,} characters")


def _object(key: str, value: object) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    raise InvalidOption(f"{key} is an object, not {type(value).__name__}")


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MOST_FEATURES:
        raise InvalidOption(f"features are a list of at most {_MOST_FEATURES:,} names")
    names = tuple(_text("a feature", each) for each in value)
    if len(set(names)) < len(names):
        raise InvalidOption("a column is among the features twice")
    return names


def label_of(arrays: Arrays, question: Question) -> NDArray[Any]:
    """Give the label as it is, or a classification's float label as whole numbers.

    A clustering has none: zeros.
    """
    if question.model.task == "clustering":
        return np.zeros(arrays.rows)
    column = arrays[question.label]
    if question.model.task == "regression":
        return numeric_column(arrays, question.label).astype(np.float64)
    return column.astype(np.int64) if column.dtype.kind == "f" else column


def problems(arrays: Arrays, question: Question, least: int = 1) -> Iterator[Problem]:
    """Yield all in a party's arrays that keeps it from answering a question.

    Of fewer rows than `least` it tells no number.
    """
    labelled = question.model.task != "clustering"
    needed = [*([question.label] if labelled else []), *question.features]
    if question.sample_weight is not None:
        needed.append(question.sample_weight)
    if question.split is not None:
        needed += question.split.columns
    missing = [name for name in dict.fromkeys(needed) if name not in arrays]
    if missing:
        for name in missing:
            hint = suggestion(name, arrays) or "add it there, or train without who lacks it"
            yield Problem(name, f"there is no column '{name}'", hint)
        return
    if labelled:
        yield from _label_problems(arrays, question, least)
    for name in question.features:
        yield from _feature_problems(arrays, name, question.recipe, least)
    if question.sample_weight is not None:
        yield from _weight_problems(arrays, question.sample_weight, least)


def refusals(model: Model, names: Sequence[str], x: Matrix) -> Iterator[Problem]:
    """Yield what keeps a model from learning of these numbers."""
    if isinstance(model, Choosy):
        for place, told, hint in model.refusals(x):
            yield Problem(names[place], f"'{names[place]}' {told}", hint)


def _label_problems(arrays: Arrays, question: Question, least: int) -> Iterator[Problem]:
    name = question.label
    column = arrays[name]
    data, missing = np.ma.getdata(column), np.ma.getmaskarray(column)
    if missing.any():
        yield Problem(
            name,
            f"the label '{name}' is NULL in {_rows(int(missing.sum()), least)}",
            f"drop_null('{name}') in the plan",
        )
        return
    if question.model.task == "regression":
        yield from _number_problems(arrays, name, least, missing_allowed=False)
        return
    if data.dtype.kind == "f" and not (np.isfinite(data) & (data == np.trunc(data))).all():
        yield Problem(
            name,
            f"the label '{name}' holds fractions or NaN, which are not classes",
            "a regression learns numbers: wf.models.linear_regression()",
        )
        return
    if question.classes is not None:
        label = label_of(arrays, question)
        if unknown := int((fitting.encode(label, question.classes) < 0).sum()):
            classes, where = question.classes, _rows(unknown, least)
            yield Problem(
                name,
                f"the label '{name}' is none of classes={classes} in {where}",
                "name all classes, or filter these rows in the plan",
            )
        return
    try:
        fitting.count_categories(label_of(arrays, question), name)
    except WayfedError as error:
        yield Problem(name, error.message, error.hint)


def _feature_problems(arrays: Arrays, name: str, recipe: Recipe, least: int) -> Iterator[Problem]:
    if not fitting.is_one_hot(recipe, arrays, name):
        is_filled = recipe.fill_of(name) is not None
        yield from _number_problems(arrays, name, least, missing_allowed=is_filled)
        return
    try:
        fitting.count_categories(arrays[name], name)
    except WayfedError as error:
        yield Problem(name, error.message, error.hint)


def _number_problems(
    arrays: Arrays, name: str, least: int, *, missing_allowed: bool
) -> Iterator[Problem]:
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
        where = _rows(infinite, least)
        yield Problem(name, f"'{name}' is infinite in {where}", "filter them in the plan")
    if missing_allowed:
        return
    for count, kind in ((nulls, "NULL"), (nans, "NaN")):
        if count:
            yield Problem(
                name,
                f"'{name}' is {kind} in {_rows(count, least)}",
                "preprocess=wf.features(impute='mean'), or filter them in the plan",
            )


def _rows(count: int, least: int) -> str:
    return f"{count} rows" if count >= least else "some rows"


def _weight_problems(arrays: Arrays, name: str, least: int) -> Iterator[Problem]:
    problems = list(_number_problems(arrays, name, least, missing_allowed=False))
    yield from problems
    if not problems and (np.ma.getdata(numeric_column(arrays, name)) < 0).any():
        yield Problem(name, f"the weight '{name}' is below zero in some rows")
