"""What samples and splits of rows go by: keys whose hash decides, and the parts of a whole."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wayfed_optimizer.types import Schema


def sampling_keys(
    by: str | Sequence[str] | None, schema: Schema, declared: Iterable[tuple[str, ...]]
) -> tuple[str, ...]:
    """Return the columns to hash: those named, else the one key that the catalog declares.

    Raises
    ------
    InvalidOption
        Where none are named, and not exactly one key is declared.
    """
    if by is not None:
        return (by,) if isinstance(by, str) else tuple(by)
    keys = {key for key in declared if all(name in schema for name in key)}
    if len(keys) != 1:
        raise InvalidOption(
            "rows are sampled by a hash of keys, and the catalog declares none for these",
            available=schema.names,
            hint="name columns that tell rows apart: by='id'",
        )
    return keys.pop()


def parts_of(fractions: Sequence[float]) -> list[tuple[float, float]]:
    """Return where each part begins and ends; what the fractions leave is the last part.

    Raises
    ------
    InvalidOption
        Where they are no fractions of one whole.

    Examples
    --------
    >>> parts_of([0.75])
    [(0.0, 0.75), (0.75, 1.0)]
    """
    if not fractions or min(fractions) <= 0 or sum(fractions) > 1 + 1e-9:
        raise InvalidOption(
            f"fractions of a split are above 0 and sum up to 1 at most, not {tuple(fractions)}"
        )
    cuts = [0.0]
    for fraction in fractions:
        cuts.append(cuts[-1] + fraction)
    if cuts[-1] < 1 - 1e-9:
        cuts.append(1.0)
    cuts[-1] = 1.0
    return list(pairwise(cuts))
