"""Which of the things that do not go with everything a run has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wayfed.federated.models.statistics import StatisticsModel
from wayfed.federated.privacy.compatibility import Trait
from wayfed.federated.privacy.descent import ClippingModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wayfed.federated.models.adapter import Model
    from wayfed.federated.parties.question import Question
    from wayfed.federated.privacy.dp import DifferentialPrivacy

_ROBUST: Final = {"FedMedian", "FedTrimmedAvg", "Krum", "MultiKrum", "Bulyan"}


def privacy_trait(privacy: DifferentialPrivacy) -> Trait:
    """Return whose privacy a run asks for."""
    return Trait.EXAMPLE_PRIVACY if privacy.unit == "example" else Trait.CLIENT_PRIVACY


def traits_of(
    asked: Question,
    strategy: Any,
    model: Model,
    *,
    bools: Sequence[str] = (),
    secure_aggregation: bool = False,
) -> frozenset[Trait]:
    """Return the traits of a run.

    Parameters
    ----------
    asked
        What it asks of the parties.
    strategy
        Flower's object.
    model
        The model, built for any task.
    bools
        The features that hold yes or no.
    secure_aggregation
        Whether updates are summed in secret.
    """

    def found() -> Iterator[Trait]:
        if asked.privacy is not None:
            yield privacy_trait(asked.privacy)
        if secure_aggregation:
            yield Trait.SECURE_AGGREGATION
        kind = type(strategy).__name__
        if kind in _ROBUST:
            yield Trait.ROBUST
        elif kind != "FedAvg":
            yield Trait.OTHER_STRATEGY
        if getattr(strategy, "fraction_train", 1.0) < 1.0:
            yield Trait.SAMPLED_PARTIES
        regression = asked.model.task == "regression"
        if asked.split is not None:
            yield Trait.REGRESSED if regression else Trait.CLASSIFIED
        if not regression and asked.classes is None:
            yield Trait.FOUND_CLASSES
        if asked.is_balanced:
            yield Trait.BALANCED
        yes_or_no = frozenset(bools)
        if any(
            asked.recipe.takes_from_rows(name, is_bool=name in yes_or_no) for name in asked.features
        ):
            yield Trait.FITTED
        if isinstance(model, StatisticsModel):
            yield Trait.SUMS
        if not isinstance(model, ClippingModel):
            yield Trait.CANNOT_CLIP

    return frozenset(found())
