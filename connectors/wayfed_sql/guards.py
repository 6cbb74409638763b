"""Conditions that wait for others: what may end a query is not asked of rows already excluded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wayfed_sql.block import Block, conjunction
from wayfed_sql.templates import COMPARISON, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUBQUERY: Final = "(SELECT "
"""What a condition that reads tables of its own has in it; it is not written twice."""


def in_turn(before: Sequence[Text], last: Text) -> Text:
    """Write a condition that is evaluated only on rows for which those before it are true.

    Examples
    --------
    >>> in_turn([Text("kind = 'n'", COMPARISON)], Text("CAST(amount AS INT) > 3", COMPARISON)).sql
    "CASE WHEN kind = 'n' THEN CAST(amount AS INT) > 3 END"
    """
    guard = next((condition for condition in before if condition.steps), None)
    if guard is None:
        return Text(f"CASE WHEN {conjunction(before)} THEN {last.sql} END", steps=(*before, last))
    new = (c for c in before if c is not guard and c not in guard.steps)
    steps = (*guard.steps, *new)
    ended = " ".join(f"WHEN {step.within(COMPARISON)} IS NOT TRUE THEN FALSE" for step in steps)
    return Text(f"CASE {ended} ELSE {last.sql} END", steps=(*steps, last))


def only_plain(block: Block) -> Block:
    """Leave out the conditions of the last step that a guard repeats at a price."""
    if block.group is not None:
        return replace(block, having=tuple(c for c in block.having if _is_plain(c)))
    return replace(block, where=tuple(c for c in block.where if _is_plain(c)))


def _is_plain(condition: Text) -> bool:
    """Say whether a condition is cheap to evaluate twice: no guard, no table of its own."""
    return not condition.steps and _SUBQUERY not in condition.sql
