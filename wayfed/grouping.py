"""``group_by(…).agg(…)``: aggregates, and what is computed from them, over groups of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from wayfed.selecting import fresh_name, outputs_of
from wayfed_optimizer.errors import DuplicateColumn, PlanError
from wayfed_optimizer.expressions import Call, Expression, Named, WindowCall
from wayfed_optimizer.expressions import Column as Reference
from wayfed_optimizer.functions import Kind
from wayfed_optimizer.relations import Aggregate, Relation, Select

if TYPE_CHECKING:
    from wayfed.columns import Value
    from wayfed.dataset import Dataset
    from wayfed.selecting import Selector
    from wayfed_optimizer.node import Node

D = TypeVar("D", bound="Dataset")


class GroupedDataset(Generic[D]):
    """Rows in groups of equal keys, which `agg` makes one row each of."""

    __slots__ = ("_dataset", "_keys")

    def __init__(self, dataset: D, keys: tuple[Named, ...]) -> None:
        self._dataset = dataset
        self._keys = keys

    def agg(self, *aggregates: Selector, **named: Selector | Value) -> D:
        """Make one row of each group: its keys, and what is aggregated over its rows.

        Parameters
        ----------
        aggregates, named
            Aggregate functions, and expressions over aggregates and keys; `named` ones have their
            names, others are called by their text.

        Raises
        ------
        PlanError
            Where a column is neither a key nor aggregated.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"customer": [1, 1, 2], "amount": [10.0, 20.0, 5.0]})
        ...     totals = orders.group_by("customer").agg(
        ...         n=wf.count(), mean=wf.sum("amount") / wf.count()
        ...     )
        >>> totals.columns
        ('customer', 'n', 'mean')
        """
        relation = self._dataset.relation
        outputs = outputs_of(aggregates, named, relation)
        return self._dataset.with_relation(aggregate(relation, self._keys, outputs))

    def __repr__(self) -> str:
        return f"GroupedDataset by {', '.join(map(str, self._keys)) or 'nothing'}: agg(…) goes on"


def aggregate(relation: Relation, keys: tuple[Named, ...], outputs: tuple[Named, ...]) -> Relation:
    """Return `keys` and `outputs`, expressions over aggregates, of the groups of a relation."""
    names = [named.name for named in (*keys, *outputs)]
    for name in names:
        if names.count(name) > 1:
            raise DuplicateColumn(f"two columns would be called '{name}'", hint="rename one")
    if all(map(_is_aggregate, (output.expression for output in outputs))):
        return Aggregate(relation, keys, outputs)
    parts = _Parts(keys)
    rows = [Named(output.name, parts.over_groups(output.expression)) for output in outputs]
    grouped = Aggregate(relation, keys, parts.aggregates)
    passed = [
        Named(key.name, Reference(key.name, key.expression.type, key.expression.nullable))
        for key in keys
    ]
    return Select(grouped, (*passed, *rows))


def _is_aggregate(expression: Expression) -> bool:
    return isinstance(expression, Call) and expression.row.kind is Kind.AGGREGATE


class _Parts:
    """The aggregates that expressions need, each computed once, under a name of its own."""

    def __init__(self, keys: tuple[Named, ...]) -> None:
        self._keys = {key.expression: key.name for key in keys}
        self._names: dict[Expression, str] = {}
        self._taken = {key.name for key in keys}

    @property
    def aggregates(self) -> tuple[Named, ...]:
        return tuple(Named(name, expression) for expression, name in self._names.items())

    def over_groups(self, root: Expression) -> Expression:
        """Return `root` over the rows that the aggregation gives."""
        changed = self._change(root)
        if not isinstance(changed, Expression):
            raise PlanError(f"{root} became something that is not an expression")
        return changed

    def _change(self, node: Node) -> Node:
        if not isinstance(node, Expression):
            return node.map_nodes(self._change)
        if node in self._keys:
            return Reference(self._keys[node], node.type, node.nullable)
        if _is_aggregate(node) and isinstance(node, Call):
            if node not in self._names:
                self._names[node] = fresh_name(node.function, self._taken)
            return Reference(self._names[node], node.type, node.nullable)
        if isinstance(node, Reference):
            raise PlanError(
                f"'{node.name}' is neither a key of the group nor aggregated",
                available=self._keys.values(),
                hint=f"put it into group_by(), or take wf.any_value('{node.name}')",
            )
        if isinstance(node, WindowCall):
            raise PlanError(
                f"{node} is a window function, which looks at rows and not at groups",
                hint="put it into with_columns(), before or after the aggregation",
            )
        return node.map_nodes(self._change)
