"""GROUP BY: what is grouped by and computed over the groups, and what the rest of a query sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wayfed_optimizer.errors import InvalidSql
from wayfed_optimizer.expressions import Column, Expression, Named, contains_kind, walk
from wayfed_optimizer.functions import Kind
from wayfed_optimizer.relations import Aggregate, Relation
from wayfed_sql.grouping_sets import Grouping, Sets, aggregate_sets, sets_of
from wayfed_sql.sql_functions import is_aggregate
from wayfed_sql.sql_nodes import require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot import expressions as exp

    from wayfed_optimizer.node import Node


@dataclass(slots=True)
class Groups:
    """What a grouped query computes, and the columns that hold it."""

    sets: Sets
    keys: dict[Expression, str] = field(default_factory=dict)
    aggregates: dict[Expression, str] = field(default_factory=dict)
    marks: dict[Grouping, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        group: exp.Group | None,
        outputs: Sequence[Expression],
        bind: Callable[[exp.Expr], Expression],
    ) -> Groups:
        """Return what a GROUP BY asks for; `bind` knows outputs by number and alias.

        Raises
        ------
        InvalidSql
            Where a key aggregates.
        """
        if group is None:
            return cls([()])
        if group.args.get("all"):
            require(group, "all")
            sets: Sets = [tuple(o for o in outputs if not aggregates(o))]
        else:
            sets = sets_of(group, bind)
        made = cls(sets)
        for key in (key for chosen in sets for key in chosen):
            if aggregates(key):
                raise InvalidSql(f"GROUP BY {key} aggregates")
            wanted = key.name if isinstance(key, Column) else f"key {len(made.keys) + 1}"
            made.keys.setdefault(key, wanted)
        return made

    def add(self, root: Expression) -> None:
        """Compute also the aggregates in an expression over groups."""
        for each in walk(root):
            if is_aggregate(each):
                self.aggregates.setdefault(each, f"aggregate {len(self.aggregates) + 1}")
            elif isinstance(each, Grouping):
                self.marks.setdefault(each, f"grouping {len(self.marks) + 1}")

    def over(self, relation: Relation) -> Relation:
        """Return the groups of a relation."""
        if len(self.sets) > 1 or self.marks:
            return aggregate_sets(relation, self.sets, self.keys, self.aggregates, self.marks)
        return Aggregate(
            relation,
            tuple(Named(name, key) for key, name in self.keys.items()),
            tuple(Named(name, each) for each, name in self.aggregates.items()),
        )

    def seen_by(self, groups: Relation) -> Callable[[Expression], Expression]:
        """Return what replaces, in an expression, what is computed by the column that holds it."""
        names = self.keys | self.aggregates | dict[Expression, str](self.marks.items())

        def change(node: Node) -> Node:
            if isinstance(node, Expression) and node in names:
                found = groups.schema[names[node]]
                return Column(found.name, found.type, found.nullable)
            if isinstance(node, Column):
                raise InvalidSql(
                    f"column '{node.name}' is neither grouped nor aggregated",
                    available=[str(key) for key in names],
                    hint=f"add it to GROUP BY, or write any_value({node.name})",
                )
            return node.map_nodes(change) if not isinstance(node, Relation) else node

        def changed(expression: Expression) -> Expression:
            result = change(expression)
            if not isinstance(result, Expression):
                raise InvalidSql(f"{expression} cannot be grouped")
            return result

        return changed


def aggregates(expression: Expression) -> bool:
    """Say whether an expression aggregates, within the arguments of a window function too."""
    return contains_kind(expression, Kind.AGGREGATE)


def needs_groups(expression: Expression) -> bool:
    """Say whether an expression has a meaning over groups alone."""
    return aggregates(expression) or any(isinstance(each, Grouping) for each in walk(expression))
