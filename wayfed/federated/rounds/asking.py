"""What a run is asked for: checked, and made a question, before any party hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed.federated.features.recipe import Recipe
from wayfed.federated.features.split import as_split
from wayfed.federated.models.adapter import Model, Task, resolve_model
from wayfed.federated.models.class_weight import BALANCED, as_class_weight, settled
from wayfed.federated.parties.flower_clients import is_client
from wayfed.federated.parties.question import Question
from wayfed.federated.privacy.compatibility import Trait, check_together
from wayfed.federated.privacy.dp import DifferentialPrivacy
from wayfed.federated.privacy.traits import privacy_trait, traits_of
from wayfed.federated.rounds.playing import check_weighting
from wayfed.federated.rounds.pooling import check_pooled
from wayfed.federated.rounds.strategies import StrategyLike, name_of
from wayfed_optimizer.errors import ColumnNotFound, InvalidOption, Unsupported, suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flwr.serverapp.strategy import Strategy

    from wayfed.federated.features.fitting import Category
    from wayfed.federated.features.split import Split
    from wayfed.federated.models.class_weight import ClassWeight, ClassWeightLike
    from wayfed.federated.models.spec import ModelSpec
    from wayfed.federated.participants import Participants
    from wayfed.federated.runs.stopping import EarlyStopping
    from wayfed.federated.runs.terms import Terms

RUNNERS: Final = ("local", "processes", "grpc", "flower")
REFRESHES: Final = ("once", "round")


def question_of(
    participants: Participants,
    *,
    label: str | None,
    features: Sequence[str] | None,
    preprocess: Recipe | None,
    model: ModelSpec,
    rounds: int,
    strategy: StrategyLike,
    test: float | Split | None,
    sample_weight: str | None,
    class_weight: ClassWeightLike | None,
    classes: Sequence[Category] | None,
    privacy: DifferentialPrivacy | None,
    secure_aggregation: bool,
    seed: int,
) -> Question:
    """Make the question that parties are asked; see `wayfed.federated.run.run_federated`.

    Raises
    ------
    ColumnNotFound, InvalidOption
        No party has a column, or the label and the model do not fit.
    """
    split = as_split(test)
    named = _label(label, model)
    names = _features(participants, named, features, sample_weight, split)
    recipe = preprocess if preprocess is not None else Recipe()
    for column in recipe.named_columns:
        if column not in names:
            raise ColumnNotFound(column, names, of="the features")
    return Question(
        label=named,
        features=names,
        sample_weight=sample_weight,
        split=split,
        model=model,
        recipe=recipe,
        classes=None if classes is None else tuple(classes),
        seed=seed,
        rounds=rounds,
        strategy=name_of(strategy),
        privacy=privacy,
        secure_aggregation=secure_aggregation,
        class_weight=_class_weight(class_weight, named, model, classes),
    )


def built(asked: Question) -> Model:
    """Build the model for a first look, which finds it not installed or its parameters wrong."""
    classes = 2 if asked.model.task == "classification" else None
    return resolve_model(asked.model, Task(len(asked.features), classes))


def check_fit(asked: Question, model: Model, strategy: Strategy, bools: Sequence[str]) -> None:
    """Raise InvalidOption where a run's model, strategy and privacy do not go together."""
    check_weighting(strategy)
    check_pooled(model, str(asked.model), strategy, private=asked.privacy is not None)
    secure = asked.secure_aggregation
    check_together(traits_of(asked, strategy, model, bools=bools, secure_aggregation=secure))


def check_options(runner: str | None, refresh: str, privacy: object) -> None:
    """Raise InvalidOption where an option has a value that means nothing."""
    if runner is not None and runner not in RUNNERS:
        raise InvalidOption(
            f"runner={runner!r} is not one", available=RUNNERS, hint=suggestion(runner, RUNNERS)
        )
    if refresh not in REFRESHES:
        raise InvalidOption.unknown(str(refresh), REFRESHES, of="refresh")
    if privacy is not None and not isinstance(privacy, DifferentialPrivacy):
        raise InvalidOption(
            f"privacy={privacy!r} is no budget", hint="wf.dp(epsilon=2.0, delta=1e-5, clip=1.0)"
        )


def check_fresh(participants: Participants, privacy: DifferentialPrivacy | None) -> None:
    """Raise where arrays cannot be made anew before each round."""
    if privacy is not None:
        check_together({privacy_trait(privacy), Trait.FRESH})
    if participants.plan is None:
        raise Unsupported(
            "refresh='round'",
            reason="these arrays were made already, and nobody knows of what",
            hint="arrays of a federated context are made by its parties; or leave refresh out",
        )


def check_own_code(
    model: object,
    terms: Terms,
    *,
    privacy: DifferentialPrivacy | None,
    secure: bool,
    weighed: bool,
) -> None:
    """Raise unless `model` is a Flower client, and nothing is asked that only our models can do."""
    if secure:
        check_together({Trait.SECURE_AGGREGATION, Trait.OWN_CODE})
    if privacy is not None:
        check_together({privacy_trait(privacy), Trait.OWN_CODE})
    if not is_client(model):
        raise InvalidOption(
            f"{model!r} is not a model",
            hint="wf.models.logistic_regression(), a ClientApp, or what makes a NumPyClient",
        )
    if weighed:
        raise Unsupported(
            "class_weight=",
            reason="how a client of your own weighs its rows is its own",
            hint="leave class_weight out, or train one of wf.models",
        )
    if terms.afresh:
        raise Unsupported(
            "refresh='round'",
            reason="a client of your own has taken its rows when it was made",
            hint="leave refresh out, or train one of wf.models",
        )
    if terms.keeps:
        raise Unsupported(
            "checkpoint=",
            reason="code of your own cannot be written down, to go on with it later",
            hint="leave checkpoint out, or train one of wf.models",
        )
    if terms.stopping is not None:
        raise Unsupported(
            "early_stopping=",
            reason="which measures of a client of your own are better is not known",
            hint="on_round=lambda run: run.stop() if … else None",
        )


def check_stopping(asked: Question, stopping: EarlyStopping | None) -> None:
    """Raise InvalidOption where a run is to be ended by measures that nobody makes."""
    if asked.split is None and stopping is not None:
        raise InvalidOption("early_stopping= measures held-out rows", hint="test=0.2 holds some")


def check_measured(asked: Question, *, measured: bool) -> None:
    """Raise InvalidOption where rows are to be measured on, and nobody holds any."""
    if asked.split is not None and not measured:
        raise InvalidOption(
            "test= leaves no party rows to measure on: a party measures on none where it holds out "
            "fewer than its min_rows",
            hint="test=0.5 holds out more, test=None measures nothing; ctx.parties() tells each "
            "min_rows",
        )


def _label(label: str | None, model: ModelSpec) -> str:
    """Return the label that a model learns; a clustering's is no name."""
    clustering = model.task == "clustering"
    if clustering is not (label is None):
        told = "has no label" if clustering else "learns a label"
        raise InvalidOption(
            f"{model} {told}", hint="leave label out" if clustering else "label='column'"
        )
    return label or ""


def _class_weight(
    asked: ClassWeightLike | None,
    label: str,
    model: ModelSpec,
    classes: Sequence[Category] | None,
) -> ClassWeight | None:
    weight = as_class_weight(asked, model.task)
    if weight is not None and weight != BALANCED:
        settled(weight, label, classes, {})  # a class that is none of those that were named
    return weight


def _features(
    participants: Participants,
    label: str,
    features: Sequence[str] | None,
    sample_weight: str | None,
    split: Split | None,
) -> tuple[str, ...]:
    beside = [*([label] if label else []), *([sample_weight] if sample_weight is not None else [])]
    beside += split.columns if split is not None else ()
    participants.require((*beside, *(features or ())))
    if features is not None:
        if not features:
            raise InvalidOption("features=[] leaves nothing to learn from")
        if label in features:
            raise InvalidOption(f"the label '{label}' is among the features")
        participants.check_features(features)
        return tuple(features)
    names = participants.features(beside)
    if not names:
        raise InvalidOption(f"beside the label '{label}' there are no columns to learn from")
    return names
