"""GROUPING SETS, ROLLUP and CUBE: one aggregation for each set of keys, over the same rows.

The rows of all sets together have every key, NULL where a set is without it, and every aggregate;
GROUPING(…) is a constant of each set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from itertools import combinations, product
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import InvalidSql, Unsupported
from wayfed_optimizer.expressions import Column, Expression, Literal, Named
from wayfed_optimizer.relations import Aggregate, Select, SetKind, SetOperation
from wayfed_optimizer.types import INT64
from wayfed_sql.sql_nodes import position, require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.types import DataType

Keys = tuple[Expression, ...]
Sets = list[Keys]

_MOST_SETS: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class Grouping(Expression):
    """GROUPING(…) until the grouping is known: a bit for each key that is left out, 1 or 0."""

    args: Keys
    type: DataType = field(init=False, default=INT64)
    nullable: bool = field(init=False, default=False)

    def __str__(self) -> str:
        return f"grouping({', '.join(map(str, self.args))})"

    def within(self, keys: Keys, every: Sequence[Expression]) -> Literal:
        """Return its value for a set of keys, out of those of every set."""
        for arg in self.args:
            if arg not in every:
                raise InvalidSql(
                    f"{self}: {arg} is no key", available=[str(each) for each in every]
                )
        bits = "".join("0" if arg in keys else "1" for arg in self.args)
        return Literal(int(bits, 2), INT64)


def sets_of(group: exp.Group, bind: Callable[[exp.Expr], Expression]) -> Sets:
    """Return the sets of keys of a GROUP BY: one, where it is a plain list of keys.

    Raises
    ------
    Unsupported
        Where there are more than one would write.
    """
    require(group, "expressions")
    parts = [_element(node, bind) for node in group.expressions]
    count = reduce(lambda n, part: n * len(part), parts, 1)
    if count > _MOST_SETS:
        raise Unsupported(f"{count} grouping sets", hint=f"at most {_MOST_SETS} can be asked for")
    return [_merged(chosen) for chosen in product(*parts)]


def _element(node: exp.Expr, bind: Callable[[exp.Expr], Expression]) -> Sets:
    match node:
        case exp.GroupingSets():
            return [each for inner in node.expressions for each in _element(inner, bind)]
        case exp.Rollup():
            parts = [_keys(each, bind) for each in node.expressions]
            return [_merged(parts[:count]) for count in range(len(parts), -1, -1)]
        case exp.Cube():
            parts = [_keys(each, bind) for each in node.expressions]
            if len(parts) > _MOST_SETS.bit_length():
                raise Unsupported(f"a CUBE of {len(parts)} keys", where=position(node))
            counts = range(len(parts), -1, -1)
            return [_merged(chosen) for n in counts for chosen in combinations(parts, n)]
    return [_keys(node, bind)]


def _keys(node: exp.Expr, bind: Callable[[exp.Expr], Expression]) -> Keys:
    """Return the keys that stand in one place: one, or those in a pair of parentheses."""
    if isinstance(node, exp.Tuple):
        return tuple(bind(each) for each in node.expressions)
    return (bind(node.unnest() if isinstance(node, exp.Paren) else node),)


def _merged(parts: Sequence[Keys]) -> Keys:
    return tuple(dict.fromkeys(key for part in parts for key in part))


def aggregate_sets(
    relation: Relation,
    sets: Sets,
    keys: Mapping[Expression, str],
    aggregates: Mapping[Expression, str],
    marks: Mapping[Grouping, str],
) -> Relation:
    """Return the groups of all sets of keys.

    Parameters
    ----------
    keys, aggregates, marks
        What is grouped by, what is computed, and the GROUPINGs; with the columns that hold them.
    """
    computed = tuple(Named(name, each) for each, name in aggregates.items())
    sides: list[Relation] = []
    for chosen in sets:
        named = tuple(Named(keys[key], key) for key in chosen)
        groups = Aggregate(relation, named, computed)
        outputs = [
            Named(name, _column(groups, name) if key in chosen else Literal(None, key.type))
            for key, name in keys.items()
        ]
        outputs += [Named(name, _column(groups, name)) for name in aggregates.values()]
        outputs += [Named(name, mark.within(chosen, tuple(keys))) for mark, name in marks.items()]
        sides.append(Select(groups, tuple(outputs)))
    return reduce(lambda a, b: SetOperation(SetKind.UNION, a, b, all=True), sides)


def _column(relation: Relation, name: str) -> Column:
    found = relation.schema[name]
    return Column(found.name, found.type, found.nullable)
