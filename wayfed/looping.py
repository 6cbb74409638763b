"""Loops as plans: a body that is a function from datasets to datasets, called once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from wayfed.dataset_context import require_same_context
from wayfed_optimizer.errors import InvalidOption, UnboundedResult
from wayfed_optimizer.relations import Iterate, Read

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed.dataset import Dataset

D = TypeVar("D", bound="Dataset")


def loop_over(
    rows: D,
    body: Callable[[D], Dataset],
    until: Callable[[D], Dataset] | None,
    max_iterations: int,
) -> Iterate:
    """Return the loop that `Dataset.iterate` describes.

    Raises
    ------
    UnboundedResult
        Where the rows never end.
    InvalidOption, TypeMismatch
        Where `body` or `until` is no function, or what it makes does not fit.
    """
    if not rows.bounded:
        raise UnboundedResult("a loop needs all rows, and they never end")
    variable = rows.context.loop_variable()
    current = rows.with_relation(Read(variable, rows.schema.as_nullable()))
    following = _in_order_of(rows, _made_by(body, current, "body"))
    end = _made_by(until, current, "until").relation if until is not None else None
    return Iterate(rows.relation, following.relation, variable, max_iterations, end)


def _made_by(function: Callable[[D], Dataset], rows: D, name: str) -> Dataset:
    if not callable(function):
        raise InvalidOption(
            f"{name} is a {type(function).__name__}, not a function from rows to a dataset"
        )
    made = function(rows)
    require_same_context(rows, made)
    return made


def _in_order_of(rows: Dataset, other: Dataset) -> Dataset:
    """Return rows with the same columns in the order of the others."""
    reordered = other.columns != rows.columns and set(other.columns) == set(rows.columns)
    return other.select(*rows.columns) if reordered else other
