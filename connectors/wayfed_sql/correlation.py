"""What a query means by the columns of the queries around it, until `unnesting` takes it out.

Plans have no outer references: a relation reads its inputs alone. While SQL text is bound, a name
that leads to a query around is an `Outer`, the subquery that holds it a `Correlated` expression or
the right side of a `Lateral` join. None of them leaves this package.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from wayfed_optimizer.errors import InvalidSql
from wayfed_optimizer.expressions import (
    Call,
    Column,
    Expression,
    SortKey,
    Subquery,
    SubqueryKind,
    walk,
)
from wayfed_optimizer.functions import Kind
from wayfed_optimizer.relations import JoinKind, Relation, expressions_of
from wayfed_optimizer.types import BOOL, DataType, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from wayfed_optimizer.node import Node


@dataclass(frozen=True, slots=True)
class Reference:
    """What an outer reference means: an expression over the query `depth` levels from the top.

    It is no node, so that nobody takes what it reads for columns of the query that it stands in.
    """

    depth: int
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Outer(Expression):
    """The value that an expression has in the row of a query around."""

    reference: Reference
    type: DataType = field(init=False)
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        self.derive(type=self.reference.value.type, nullable=self.reference.value.nullable)

    def __str__(self) -> str:
        return str(self.reference.value)


class Form(Enum):
    """What a subquery in an expression stands for."""

    VALUE = "the value of its one row"
    EXISTS = "whether it has rows"
    ANY = "whether a comparison holds for any of its rows"


@dataclass(frozen=True, slots=True, eq=False)
class Correlated(Expression):
    """A subquery that no expression of a plan can say, for it depends on the row it stands in.

    Parameters
    ----------
    form
        What it stands for.
    relation
        Its rows, in terms of `references`.
    args
        For ANY, what is compared with its columns, one by one.
    comparison
        For ANY, the function that compares.
    references, values
        What is free in the relation, and what each is in the query that the subquery stands in:
        the values change with the other expressions of that query, where it groups.
    """

    form: Form
    relation: Relation
    args: tuple[Expression, ...] = ()
    comparison: str = "equal"
    references: tuple[Reference, ...] = ()
    values: tuple[Expression, ...] = ()
    type: DataType = field(init=False)
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        is_value = self.form is Form.VALUE
        kind = self.relation.schema.fields[0].type if is_value else BOOL
        self.derive(type=kind, nullable=self.form is not Form.EXISTS)

    def __str__(self) -> str:
        args = f"{', '.join(map(str, self.args))} " if self.args else ""
        return f"{args}{self.form.name.lower()} (subquery)"


@dataclass(frozen=True, slots=True, eq=False)
class Lateral(Relation):
    """A join of which the right side depends on the row of the left, at `depth` levels."""

    _below: ClassVar[tuple[str, ...]] = ("left", "right")
    left: Relation
    right: Relation
    kind: JoinKind
    predicate: Expression | None
    depth: int
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        right = self.right.schema
        padded = right.as_nullable() if self.kind is JoinKind.LEFT else right
        self.derive(schema=Schema((*self.left.schema, *padded)))


def subquery(
    form: Form,
    relation: Relation,
    depth: int,
    args: tuple[Expression, ...] = (),
    comparison: str = "equal",
) -> Expression:
    """Return what a subquery in an expression of the query at `depth` means.

    What belongs to queries further out stays free in its values.

    Raises
    ------
    InvalidSql
        Where it has another number of columns than is asked for.
    """
    columns = relation.schema
    expected = {Form.VALUE: 1, Form.EXISTS: len(columns), Form.ANY: len(args)}[form]
    if len(columns) != expected:
        place = "as a value" if form is Form.VALUE else "in a comparison"
        raise InvalidSql(
            f"a subquery {place} has {len(columns)} columns, not {expected}",
            available=columns.names,
        )
    references = tuple(dict.fromkeys(free_references(relation)))
    if not references:
        match form:
            case Form.VALUE:
                return Subquery(SubqueryKind.SCALAR, relation)
            case Form.EXISTS:
                return Subquery(SubqueryKind.EXISTS, relation)
            case Form.ANY if comparison == "equal" and len(args) == 1:
                return Subquery(SubqueryKind.IN, relation, args[0])
    values = tuple(each.value if each.depth == depth else Outer(each) for each in references)
    return Correlated(form, relation, args, comparison, references, values)


def free_references(relation: Relation) -> Iterator[Reference]:
    """Yield the references of a relation to queries around it."""
    seen: set[Relation] = set()
    pending: list[tuple[Relation, frozenset[int]]] = [(relation, frozenset())]
    while pending:
        node, own = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        for root in expressions_of(node):
            yield from (each for each in references_in(root) if each.depth not in own)
        if isinstance(node, Lateral):
            pending += [(node.right, own | {node.depth}), (node.left, own)]
        else:
            pending += [(below, own) for below in reversed(node.inputs)]


def references_in(root: Expression) -> Iterator[Reference]:
    """Yield the outer references of an expression, those that its subqueries pass on too."""
    return (each.reference for each in walk(root) if isinstance(each, Outer))


def is_correlated(root: Expression) -> bool:
    """Say whether an expression holds a subquery that plans cannot say."""
    return any(isinstance(each, Correlated) for each in walk(root))


def replaced(root: Expression, known: Mapping[Reference, Expression]) -> Expression:
    """Return an expression with what is known in place of outer references."""

    def change(node: Node) -> Node:
        if isinstance(node, Outer):
            return known.get(node.reference, node)
        return node.map_nodes(change) if isinstance(node, Expression | SortKey) else node

    return changed(root, change)


def changed(root: Expression, change: Callable[[Node], Node]) -> Expression:
    """Return what `change` makes of an expression."""
    result = change(root)
    assert isinstance(result, Expression)  # noqa: S101  # what an expression becomes
    return result


def of_query_around(found: Expression, laterals: Collection[int]) -> Expression:
    """Return an aggregate of nothing but outer columns as one of the query that these belong to.

    So has it the SQL standard: ``(SELECT sum(t.a))`` is the sum over t. The tables beside a lateral
    subquery, whose depths are `laterals`, are no query that could aggregate.
    """
    if not (isinstance(found, Call) and found.row.kind is Kind.AGGREGATE):
        return found
    references = tuple(dict.fromkeys(references_in(found)))
    depths = {each.depth for each in references}
    inner = any(isinstance(each, Column | Correlated) for each in walk(found))
    if inner or len(depths) != 1 or not depths.isdisjoint(laterals):
        return found
    lifted = replaced(found, {each: each.value for each in references})
    return Outer(Reference(depths.pop(), lifted))
