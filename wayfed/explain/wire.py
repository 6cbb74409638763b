"""Explanations as plain values that JSON can hold, for those who are told one by another party.

A view is written with the name of its class, which is one of a closed list; nothing else is made of
what is read.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from wayfed.explain.loops import LoopView
from wayfed.explain.model import (
    ExchangeView,
    Explanation,
    FragmentView,
    OperatorView,
    RejectedView,
    RivalView,
    SourceView,
)
from wayfed.explain.rules import RuleView
from wayfed_optimizer.cost import Cost
from wayfed_optimizer.errors import InvalidPlan
from wayfed_optimizer.physical import Alternative
from wayfed_optimizer.statistics import Estimate, Provenance
from wayfed_optimizer.types import Field, Schema, parse_type

_CLASS: Final = "is"
_VIEWS: Final[dict[str, type[Any]]] = {
    kind.__name__: kind
    for kind in (
        Alternative,
        Cost,
        Estimate,
        ExchangeView,
        Explanation,
        FragmentView,
        LoopView,
        OperatorView,
        RejectedView,
        RivalView,
        RuleView,
        SourceView,
    )
}
_MOST_DEPTH: Final = 400


def to_plain(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as plain values.

    Examples
    --------
    >>> import wayfed as wf
    >>> with wf.context() as ctx:
    ...     told = ctx.read({"x": [1, 2]}).filter("x > 1").explain()
    >>> str(from_plain(to_plain(told))) == str(told)
    True
    """
    written: dict[str, Any] = _written(explanation)
    return written


def from_plain(plain: object) -> Explanation:
    """Return the explanation that `to_plain` wrote.

    Raises
    ------
    InvalidPlan
        Where it did not.
    """
    try:
        found = _read(plain, 0)
    except (TypeError, ValueError, KeyError) as error:
        raise InvalidPlan(f"this is not an explanation: {error}") from error
    if not isinstance(found, Explanation):
        raise InvalidPlan(f"an explanation was expected, not {type(found).__name__}")
    return found


def _written(value: Any) -> Any:
    if isinstance(value, Provenance):  # which is a text, too
        return {_CLASS: "Provenance", "of": value.value}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Schema):
        columns = [[each.name, str(each.type), each.nullable] for each in value]
        return {_CLASS: "Schema", "of": columns}
    if isinstance(value, tuple):
        return [_written(each) for each in value]
    name = type(value).__name__
    if name not in _VIEWS:
        raise InvalidPlan(f"an explanation that holds {name} stays where it is")
    return {_CLASS: name} | {f.name: _written(getattr(value, f.name)) for f in fields(value)}


def _read(plain: Any, depth: int) -> Any:
    if depth > _MOST_DEPTH:
        raise InvalidPlan(f"this explanation is deeper than {_MOST_DEPTH}")
    if isinstance(plain, list):
        return tuple(_read(each, depth + 1) for each in plain)
    if not isinstance(plain, dict):
        return plain
    name = plain.get(_CLASS)
    if name == "Provenance":
        return Provenance(plain["of"])
    if name == "Schema":
        return Schema(Field(str(n), parse_type(str(t)), bool(null)) for n, t, null in plain["of"])
    kind = _VIEWS.get(str(name))
    if kind is None:
        raise InvalidPlan(f"an explanation holds no {name!r:.40}")
    return kind(**{key: _read(each, depth + 1) for key, each in plain.items() if key != _CLASS})
