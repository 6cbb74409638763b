"""Joins across stores of which one side ships its keys, so that only rows that match come back.

The semi join reduction of distributed databases (Bernstein and Chiu, "Using semi-joins to solve
relational queries", JACM 1981): Join(a, b) is Join(a, b ⋉ keys of a), where b ⋉ keys runs in b's
store. The semi join goes down inside b as far as it can: below aggregates that group by the key,
and to the one table that has it, whose index the store can use then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from wayfed_optimizer.expressions import Column, Named, WindowCall, column, is_volatile
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Explode,
    Filter,
    Hint,
    Join,
    JoinKind,
    Relation,
    Sample,
    Select,
    SetOperation,
    Sort,
    Window,
    everything_below,
    expressions_of,
)
from wayfed_optimizer.types import is_float

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wayfed_optimizer.rewrite.alternatives.surroundings import Surroundings

RIGHT: Final = frozenset(
    {JoinKind.INNER, JoinKind.LEFT, JoinKind.SEMI, JoinKind.ANTI, JoinKind.ASOF}
)
"""Joins in which a right row that no left row can match is as good as absent."""
LEFT: Final = frozenset({JoinKind.INNER, JoinKind.RIGHT, JoinKind.SEMI})
_OF_LEFT: Final = frozenset(JoinKind) - {JoinKind.RIGHT, JoinKind.FULL}
"""Joins of which each row has the values of one left row."""
_OF_RIGHT: Final = frozenset({JoinKind.INNER, JoinKind.RIGHT, JoinKind.CROSS})
_FEWEST_SAVED_IN_LARGE: Final = 5_000.0
_MOST_KEY_SETS: Final = 2
"""How many reductions there may be within each other; in a large plan only one."""
_SHIPPED: Final = "shipped_key_"
_FEWEST_SAVED: Final = 100.0
"""Rows that must stay at home, at least: shipping keys takes a round trip."""
_Names: TypeAlias = tuple[str, ...]
_Condition: TypeAlias = "Callable[[Relation, _Names], Relation]"


def reduce_right(join: Join, around: Surroundings) -> Relation | None:
    """Join(a, b) as Join(a, b ⋉ keys of a), where b lies in a store that does not have a."""
    if join.kind not in RIGHT or is_shipped(join.right):
        return None
    left, right = zip(*join.on, strict=True) if join.on else ((), ())
    reduced = _reduced(join.right, right, join.left, left, around)
    if reduced is None:
        return None
    return Join(join.left, reduced, join.kind, join.on, join.predicate, join.asof)


def reduce_left(join: Join, around: Surroundings) -> Relation | None:
    """Join(a, b) as Join(a ⋉ keys of b, b), where a lies in a store that does not have b."""
    if join.kind not in LEFT or is_shipped(join.right):
        return None
    left, right = zip(*join.on, strict=True) if join.on else ((), ())
    reduced = _reduced(join.left, left, join.right, right, around)
    if reduced is None or (join.kind is JoinKind.SEMI and join.predicate is None):
        return reduced
    return Join(reduced, join.right, join.kind, join.on, join.predicate)


def _reduced(
    rows: Relation, names: _Names, by: Relation, by_names: _Names, around: Surroundings
) -> Relation | None:
    """Return the rows whose keys are among those of another relation; None where that is vain."""
    if not names or not _may_ship(rows, names) or not _may_ship(by, by_names):
        return None
    before = around.likely(rows)
    fewest = _FEWEST_SAVED_IN_LARGE if around.is_large else _FEWEST_SAVED
    if before is None or before < 2 * fewest:
        return None
    if not may_reduce(rows, by, around, nested=1 if around.is_large else _MOST_KEY_SETS):
        return None

    if not can_push(rows, names, by, around):
        return None

    def matching(node: Relation, own: _Names) -> Join:
        return _semi_join(node, own, by, by_names)

    after = around.likely(matching(rows, names))
    if after is None or after > before / (4 if around.is_large else 2):
        return None
    return pushed(rows, names, matching)


def may_reduce(rows: Relation, by: Relation, around: Surroundings, nested: int) -> bool:
    """Say whether the rows lie in a store, and what would reduce them does not lie there alone.

    Neither may be part of the other, nor hold as many as `nested` sets of keys that are shipped.
    """
    stores, others = frozenset(around.stores(rows)), frozenset(around.stores(by))
    if not stores - {"anywhere"} or (stores == others and len(stores) == 1):
        return False
    return not (_key_sets((rows, by)) >= nested or _holds(rows, by) or _holds(by, rows))


def can_push(rows: Relation, names: _Names, by: Relation, around: Surroundings) -> bool:
    """Say whether a condition is asked in one store each time, which lacks what it goes by.

    Parameters
    ----------
    rows, names
        What is reduced, and the columns that the condition is on.
    by
        What the condition goes by.
    """
    pushing = _Pushing(lambda node, _: node)  # nothing is made of it yet
    pushing.into(rows, names)
    homes = [frozenset(around.stores(target)) for target in pushing.targets]
    theirs = frozenset(around.stores(by))
    return not any(len(home) != 1 or home == theirs or "anywhere" in home for home in homes)


def pushed(rows: Relation, names: _Names, condition: _Condition) -> Relation:
    """Return the rows that pass a condition on some columns, asked as low as can be.

    Parameters
    ----------
    rows, names
        What is reduced, and the columns that the condition is on.
    condition
        Makes the semi join that asks it.
    """
    return _Pushing(condition).into(rows, names)


@dataclass(slots=True)
class _Pushing:
    """A condition on keys on its way down.

    Attributes
    ----------
    condition
        Makes the semi join that asks it.
    targets
        Of what it came to be asked.
    """

    condition: _Condition
    targets: list[Relation] = field(default_factory=list)

    def into(self, node: Relation, names: _Names) -> Relation:
        """Return the rows of `node` whose columns `names` have the values of a key."""
        if not any(map(is_volatile, expressions_of(node))):
            below = self._below(node, names)
            if below is not None:
                return below
        self.targets.append(node)
        return self.condition(node, names)

    def _below(self, node: Relation, names: _Names) -> Relation | None:
        match node:
            case Select(input, outputs):
                return self._renamed(node, input, outputs, names)
            case Aggregate(input, keys):
                return self._renamed(node, input, keys, names)
            case Filter(input) | Sort(input) | Sample(input):
                return node.with_inputs(lambda _: self.into(input, names))
            case Hint(input, _, None):
                return node.with_inputs(lambda _: self.into(input, names))
            case Distinct(input, on) if set(names) <= set(on or names):
                return node.with_inputs(lambda _: self.into(input, names))
            case Explode(input, exploded) if exploded not in names:
                return node.with_inputs(lambda _: self.into(input, names))
            case Window(input, outputs) if set(names) <= _partitions(outputs):
                return node.with_inputs(lambda _: self.into(input, names))
            case SetOperation():
                return node.with_inputs(lambda input: self.into(input, names))
            case Join():
                return self._to_side(node, names)
        return None

    def _renamed(
        self, node: Relation, input: Relation, outputs: tuple[Named, ...], names: _Names
    ) -> Relation | None:
        columns = {o.name: o.expression.name for o in outputs if isinstance(o.expression, Column)}
        if not columns.keys() >= set(names):
            return None
        below = tuple(columns[name] for name in names)
        return node.with_inputs(lambda _: self.into(input, below))

    def _to_side(self, join: Join, names: _Names) -> Relation | None:
        left, right = join.left, join.right
        if join.kind in _OF_LEFT and set(names) <= set(left.schema.names):
            reduced = left
        elif join.kind in _OF_RIGHT and set(names) <= set(right.schema.names):
            reduced = right
        else:
            return None
        return join.with_inputs(lambda side: self.into(side, names) if side is reduced else side)


def _semi_join(rows: Relation, names: _Names, by: Relation, by_names: _Names) -> Join:
    fresh = shipped_names(rows, len(names))
    keys = tuple(
        Named(name, column(by.schema, of)) for name, of in zip(fresh, by_names, strict=True)
    )
    return Join(
        rows,
        Distinct(Select(by, keys)),
        JoinKind.SEMI,
        tuple(zip(names, fresh, strict=True)),
    )


def shipped_names(beside: Relation, count: int) -> list[str]:
    """Return names of shipped columns that a relation does not have."""
    taken = set(beside.schema.names)
    return [_fresh(f"{_SHIPPED}{number}", taken) for number in range(1, count + 1)]


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _may_ship(relation: Relation, names: Iterable[str]) -> bool:
    # Engines differ in what floats are equal: -0.0 and 0.0, NaN and NaN.
    return not any(is_float(relation.schema.field(name).type) for name in names)


def is_shipped(relation: Relation) -> bool:
    """Say whether a relation is a set of keys, or what they lie between, on its way to a store."""
    if not isinstance(relation, Distinct | Aggregate):
        return False
    return any(name.startswith(_SHIPPED) for name in relation.schema.names)


def _key_sets(relations: Iterable[Relation]) -> int:
    found = [
        node.right
        for each in relations
        for node in (each, *everything_below(each))
        if type(node) is Join and node.kind is JoinKind.SEMI and is_shipped(node.right)
    ]
    return len({*found})


def _holds(relation: Relation, part: Relation) -> bool:
    return part == relation or part in everything_below(relation)


def _partitions(outputs: tuple[Named, ...]) -> set[str]:
    """Return the columns by which all windows part the rows."""
    found: set[str] | None = None
    for output in outputs:
        call = output.expression
        by = call.partition_by if isinstance(call, WindowCall) else ()
        names = {each.name for each in by if isinstance(each, Column)}
        found = names if found is None else found & names
    return found or set()
