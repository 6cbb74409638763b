"""``join``: which keys, which condition, and what the columns of the result are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from wayfed.columns import Column, Scope, named
from wayfed.selecting import fresh_name
from wayfed.tracing import Row, row_within, trace_column
from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import InvalidOption, PlanError
from wayfed_optimizer.expressions import Call, Expression, Named, call, cast_to
from wayfed_optimizer.expressions import Column as Reference
from wayfed_optimizer.relations import Join, JoinKind, Relation, Select
from wayfed_optimizer.types import Field, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

How: TypeAlias = Literal["inner", "left", "right", "full", "semi", "anti", "cross", "asof"]
Predicate: TypeAlias = "str | Column | Callable[[Row, Row], Column]"
Keys: TypeAlias = tuple[tuple[str, str], ...]


def key_pairs(
    on: str | Sequence[str] | None,
    left_on: str | Sequence[str] | None,
    right_on: str | Sequence[str] | None,
) -> Keys | None:
    """Return pairs of left and right column, or None where no keys were given.

    Raises
    ------
    InvalidOption
        Where `on` comes with the others, or they are of different length.
    """
    if on is None and left_on is None and right_on is None:
        return None
    if on is not None:
        if left_on is not None or right_on is not None:
            raise InvalidOption("on= is for keys of one name, left_on= and right_on= for others")
        return tuple((name, name) for name in _names(on))
    left, right = _names(left_on or ()), _names(right_on or ())
    if len(left) != len(right):
        raise InvalidOption(
            f"left_on= names {len(left)} columns and right_on= names {len(right)}",
            hint="give both the same number of keys, in the same order",
        )
    return tuple(zip(left, right, strict=True))


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def declared_pairs(
    left: Schema,
    right: Schema,
    left_keys: Iterable[tuple[str, ...]],
    right_keys: Iterable[tuple[str, ...]],
) -> Keys:
    """Return the pairs of the one key that tables of either side declare and both sides have.

    A key that both sides declare comes before one that only one side does.

    Raises
    ------
    PlanError
        Where there is none, or more than one.
    """
    declared = [*left_keys, *right_keys]
    shared = [key for key in left_keys if key in right_keys]
    for candidates in (shared, declared):
        found = {key for key in candidates if all(n in left and n in right for n in key)}
        if len(found) == 1:
            return tuple((name, name) for name in found.pop())
        if found:
            choices = sorted(", ".join(key) for key in found)
            raise PlanError(
                "the catalog declares several keys that could join these",
                available=choices,
                hint=f"choose one: on={choices[0].split(', ')!r}",
            )
    common = [name for name in left.names if name in right]
    raise PlanError(
        "the catalog declares no key that joins these",
        available=common,
        hint=f"name the keys: on={common[:1]!r}"
        if common
        else "the sides have no column in common: use left_on= and right_on=",
    )


@dataclass(frozen=True, slots=True)
class _Sides:
    """The two sides of a join, the right one with names that the left one does not have."""

    left: Relation
    right: Relation
    renamed: Mapping[str, str]
    """Names of the right side as the user knows them -> as they are in the join."""

    @classmethod
    def of(cls, left: Relation, right: Relation, dropped: set[str], suffix: str) -> _Sides:
        """Rename what is on both sides: dropped keys to anything, other columns by `suffix`."""
        taken = {*left.schema.names, *(n for n in right.schema.names if n not in left.schema)}
        renamed: dict[str, str] = {}
        for name in right.schema.names:
            if name in dropped:
                renamed[name] = fresh_name(f"{name}{suffix or '_right'}", taken)
            elif name in left.schema:
                renamed[name] = f"{name}{suffix}"
            else:
                renamed[name] = name
        if all(old == new for old, new in renamed.items()):
            return cls(left, right, renamed)
        outputs = tuple(
            Named(renamed[f.name], Reference(f.name, f.type, f.nullable)) for f in right.schema
        )
        return cls(left, Select(right, outputs), renamed)

    @property
    def scope(self) -> Scope:
        return Scope(Schema((*self.left.schema, *self.right.schema)))

    def condition(self, predicate: Predicate) -> Expression:
        scope = self.scope
        if isinstance(predicate, str):
            return named(predicate).bind(scope)
        if isinstance(predicate, Column):
            return predicate.bind(scope)
        left = row_within(scope, {name: name for name in self.left.schema.names})
        return trace_column(predicate, left, row_within(scope, self.renamed)).bind(scope)


def join(
    left: Relation,
    right: Relation,
    *,
    kind: JoinKind,
    keys: Keys,
    suffix: str,
    predicate: Predicate | None,
) -> Relation:
    """Return the join of two relations, with the keys of one name once."""
    for left_name, right_name in keys:
        left.schema.field(left_name, of="the left side")
        right.schema.field(right_name, of="the right side")
    same = {name for name, other in keys if name == other}
    # Nothing of the right side is left of a semi or anti join, so its names are free to change.
    unseen = kind in (JoinKind.SEMI, JoinKind.ANTI)
    sides = _Sides.of(left, right, set(right.schema.names) if unseen else same, suffix)
    condition = None if predicate is None else sides.condition(predicate)
    asof = None
    if kind is JoinKind.ASOF:
        asof, condition = _asof(condition, sides), None
    on = tuple((name, sides.renamed[other]) for name, other in keys)
    joined = Join(sides.left, sides.right, kind, on, condition, asof)
    if unseen or not same:
        return joined
    hidden = {sides.renamed[name]: name for name in same}
    return Select(joined, tuple(_outputs(joined, hidden, sides)))


def _outputs(joined: Join, hidden: Mapping[str, str], sides: _Sides) -> Iterator[Named]:
    fields = {f.name: f for f in joined.schema}
    partners = {name: renamed for renamed, name in hidden.items()}
    for name, field in fields.items():
        if name in hidden:
            continue
        expression: Expression = _reference(field)
        if name in partners:
            expression = _key(joined.kind, field, fields[partners[name]])
        yield Named(name, expression)


def _key(kind: JoinKind, left: Field, right: Field) -> Expression:
    """Return the value of a key that both sides call so: of the side that has it for every row."""
    if kind is JoinKind.RIGHT:
        return _reference(right)
    if kind is JoinKind.FULL:
        both = (_reference(left), _reference(right))
        kind_of_both = common_type([left.type, right.type]) or left.type
        return call("coalesce", *(cast_to(part, kind_of_both) for part in both))
    return _reference(left)


def _reference(field: Field) -> Reference:
    return Reference(field.name, field.type, field.nullable)


def _asof(condition: Expression | None, sides: _Sides) -> tuple[str, str]:
    """Return the left and right column of a condition that the right one is not above the left."""
    match condition:
        case Call("greater_equal", (Reference(left), Reference(right))):
            pass
        case Call("less_equal", (Reference(right), Reference(left))):
            pass
        case _:
            left = right = ""
    if left not in sides.left.schema or right not in sides.right.schema:
        raise InvalidOption(
            "an asof join needs a predicate that compares one column of each side",
            hint="for example predicate=lambda l, r: l.booked_at >= r.valid_from, which takes the"
            " last row of the right side that is not after the left one",
        )
    return left, right
