"""Hints that contradict each other, found before anything is placed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.errors import InvalidOption
from wayfed_optimizer.relations import Hint, Relation, walk_once

if TYPE_CHECKING:
    from collections.abc import Iterator


def require_consistent(root: Relation) -> None:
    """Raise InvalidOption where two hints say different things of the same rows.

    One hint lies directly upon the other there; with work between them, each is for its part.
    """
    for node in walk_once(root):
        if not isinstance(node, Hint):
            continue
        below = tuple(_upon(node))
        platforms = dict.fromkeys(hint.platform for hint in below if hint.platform is not None)
        if len(platforms) > 1:
            asked = " and ".join(f".on('{name}')" for name in platforms)
            raise InvalidOption(
                f"the same rows are asked for by {asked}", hint="keep one of the two"
            )
        rows = dict.fromkeys(hint.rows for hint in below if hint.rows is not None)
        if len(rows) > 1:
            told = " and ".join(f".hint(rows={count})" for count in rows)
            raise InvalidOption(f"{told} are about the same rows", hint="keep one of the two")


def _upon(hint: Relation) -> Iterator[Hint]:
    """Yield a hint, and those that lie directly below it."""
    while isinstance(hint, Hint):
        yield hint
        hint = hint.input
