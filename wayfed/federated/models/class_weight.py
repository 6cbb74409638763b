"""How much the rows of each class count: as it is asked for, and as it follows from all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from wayfed.federated.features.fitting import Category, checked_categories
from wayfed_optimizer.errors import InvalidOption, suggestion

if TYPE_CHECKING:
    from numpy.typing import NDArray

ClassWeight: TypeAlias = "Literal['balanced'] | tuple[tuple[Category, float], ...]"
ClassWeightLike: TypeAlias = "Literal['balanced'] | Mapping[Category, float]"

BALANCED: Final = "balanced"
_LARGEST: Final = 1e100


def as_class_weight(asked: object, task: str) -> ClassWeight | None:
    """Read `class_weight=`: ``"balanced"``, weights by class, or nothing.

    Raises
    ------
    InvalidOption
        It is none of these, a weight is not above zero, or the model learns no classes.
    """
    if asked is None:
        return None
    if task != "classification":
        raise InvalidOption(
            f"class_weight= weighs classes, which a {task} has none of",
            hint="sample_weight='column' weighs rows",
        )
    if asked == BALANCED:
        return "balanced"
    if not isinstance(asked, Mapping) or not asked:
        told = suggestion(asked, [BALANCED]) if isinstance(asked, str) else None
        raise InvalidOption(
            f"class_weight={asked!r} says no weights",
            hint=told or "'balanced', or a weight by class: {False: 1.0, True: 5.0}",
        )
    values = checked_categories(list(asked))
    return tuple((value, _positive(asked[value])) for value in values)


def class_weight_to_plain(asked: ClassWeight | None) -> object:
    """Give plain values, fit for JSON."""
    return [list(pair) for pair in asked] if isinstance(asked, tuple) else asked


def class_weight_from_plain(plain: object) -> ClassWeight | None:
    """Read what `class_weight_to_plain` wrote, trusting nothing."""
    if plain is None:
        return None
    if plain == BALANCED:
        return "balanced"
    if not isinstance(plain, list) or not all(
        isinstance(pair, list) and len(pair) == 2 for pair in plain
    ):
        raise InvalidOption("class_weight is 'balanced', or a list of classes with their weights")
    values = checked_categories([value for value, _ in plain])
    return tuple(
        (value, _positive(weight)) for value, (_, weight) in zip(values, plain, strict=True)
    )


def settled(
    asked: ClassWeight | None,
    label: str,
    classes: Sequence[Category] | None,
    counts: Mapping[str, Mapping[Category, int | None]],
) -> tuple[tuple[Category, float], ...] | None:
    """Return the weight of each class, in their order; classes that nobody named weigh 1.

    Balanced are weights of ``n / (k count)`` for `n` rows of `k` classes, as in scikit-learn (King
    and Zeng, Logistic regression in rare events data, Political Analysis 9, 2001), where rows are
    those that all parties learn from together.

    Parameters
    ----------
    asked
        As it was asked for.
    label
        The label's name.
    classes
        Its classes.
    counts
        By party, how many rows of each class it learns from; None where it does not tell.

    Raises
    ------
    InvalidOption
        A class is none of the label's, or what would balance them is not known.

    Examples
    --------
    >>> settled("balanced", "late", [False, True], {"a": {False: 6}, "b": {True: 2}})
    ((False, 0.666...), (True, 2.0))
    >>> settled(((True, 5.0),), "late", [False, True], {})
    ((False, 1.0), (True, 5.0))
    """
    if asked is None or classes is None:
        return None
    if asked != "balanced":
        named = dict(asked)
        for value in named:
            if value not in classes:
                raise InvalidOption.unknown(
                    repr(value), list(map(repr, classes)), of=f"the classes of '{label}'"
                )
        return tuple((each, named.get(each, 1.0)) for each in classes)
    rows = [_rows_of(each, label, counts) for each in classes]
    total = sum(rows)
    return tuple(
        (each, total / (len(classes) * count)) for each, count in zip(classes, rows, strict=True)
    )


def _rows_of(
    value: Category, label: str, counts: Mapping[str, Mapping[Category, int | None]]
) -> int:
    told = {party: by_class.get(value, 0) for party, by_class in counts.items()}
    hint = "class_weight={…: 1.0, …: 5.0} names the weights"
    silent = [f"'{party}'" for party, count in told.items() if count is None]
    if silent:
        raise InvalidOption(
            f"class_weight='balanced' counts rows with '{label}' = {value!r}, and party "
            f"{', '.join(silent)} does not tell their number, since they are few",
            hint=hint,
        )
    rows = sum(count for count in told.values() if count is not None)
    if not rows:
        raise InvalidOption(
            f"class_weight='balanced' has no rows with '{label}' = {value!r} to learn from",
            hint=hint,
        )
    return rows


def checked_weights(plain: object, classes: Sequence[Any] | None) -> NDArray[np.float64] | None:
    """Return the weights of classes that a party was told, or raise InvalidOption."""
    if plain is None:
        return None
    if not isinstance(plain, list) or classes is None or len(plain) != len(classes):
        raise InvalidOption("class_weight is a list of one number a class")
    return np.array([_positive(each) for each in plain])


def weighed(
    weight: NDArray[np.float64] | None,
    numbers: NDArray[np.float64],
    by_class: NDArray[np.float64] | None,
) -> NDArray[np.float64] | None:
    """Return how much each row counts: its own weight, if it has one, times that of its class."""
    if by_class is None:
        return weight
    of_rows: NDArray[np.float64] = by_class[numbers.astype(np.intp)]
    return of_rows if weight is None else of_rows * weight


def _positive(weight: object) -> float:
    if isinstance(weight, int | float) and not isinstance(weight, bool) and 0 < weight < _LARGEST:
        return float(weight)
    raise InvalidOption(
        f"the weight of a class is a number above 0, not {str(weight)[:50]}",
        hint="rows of a class that is not to count are left out by filter() in the plan",
    )
