"""What rules and checks ask about an expression, found once and kept with it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import TypeMismatch
from wayfed_optimizer.expressions.nodes import (
    Call,
    Cast,
    Column,
    Expression,
    Literal,
    Opaque,
    Parameter,
    SortKey,
    Subquery,
    SubqueryKind,
    WindowCall,
)
from wayfed_optimizer.functions import Kind, Raises, find_function
from wayfed_optimizer.types import (
    FLOAT64,
    MAX_PRECISION,
    NULL,
    TEXT,
    DataType,
    Decimal,
    is_float,
    is_numeric,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed_optimizer.node import Node
    from wayfed_optimizer.types import Schema

_LEAVES: Final = (Column, Literal, Parameter)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of an expression because of something somewhere in it.

    Parameters
    ----------
    reads
        The columns that it reads, each once.
    columns
        Their names.
    raises
        Whether evaluating it may end the query with an error.
    volatile
        Whether two evaluations over one row may differ.
    fixed
        Whether it holds what must be computed once, where it stands: a Python function, a window,
        a subquery.
    kinds
        The kinds of functions that it calls, outside of window calls.
    """

    reads: tuple[Column, ...] = ()
    columns: frozenset[str] = frozenset()
    raises: bool = False
    volatile: bool = False
    fixed: bool = False
    kinds: frozenset[Kind] = frozenset()


def facts_of(root: Expression) -> Facts:
    """Return the facts of an expression; found on first use."""
    try:
        return root._facts
    except AttributeError:
        facts = _find(root)
        object.__setattr__(root, "_facts", facts)
        return facts


_PLAIN: Final = Facts()


def _find(node: Expression) -> Facts:
    if isinstance(node, Column):
        return Facts((node,), frozenset((node.name,)))
    if isinstance(node, _LEAVES):
        return _PLAIN
    below = [*map(facts_of, parts_of(node))]
    volatile = isinstance(node, Opaque) or (isinstance(node, Call) and node.row.volatile)
    fixed = volatile or isinstance(node, WindowCall | Subquery)
    own = frozenset((node.row.kind,)) if isinstance(node, Call) else frozenset()
    reads = _merged([facts.reads for facts in below if facts.reads])
    return Facts(
        reads,
        frozenset(used.name for used in reads),
        _raises_itself(node) or any(facts.raises for facts in below),
        volatile or any(facts.volatile for facts in below),
        fixed or any(facts.fixed for facts in below),
        own.union(*(facts.kinds for facts in below)),
    )


def _merged(reads: list[tuple[Column, ...]]) -> tuple[Column, ...]:
    if len(reads) < 2:
        return reads[0] if reads else ()
    found: dict[str, Column] = {}
    for used in chain.from_iterable(reads):
        other = found.setdefault(used.name, used)
        if other.type != used.type:
            raise TypeMismatch(f"column {used.name} is used as {other.type} and as {used.type}")
    return tuple(found.values())


def parts_of(node: Node) -> Iterator[Expression]:
    """Yield the expressions directly below one, left to right; not into subqueries."""
    for part in node.nodes():
        if isinstance(part, Expression):
            yield part
        elif isinstance(part, SortKey):
            yield part.expression


def walk(root: Expression) -> Iterator[Expression]:
    """Yield `root` and every expression below it, parents first; not into subqueries."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, _LEAVES):
            stack.extend([*parts_of(node)][::-1])


def columns_of(root: Expression) -> frozenset[str]:
    """Return the names of the columns that an expression reads.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import call
    >>> from wayfed_optimizer.types import INT64
    >>> sorted(columns_of(call("add", Column("a", INT64), Column("b", INT64))))
    ['a', 'b']
    """
    return facts_of(root).columns


def may_raise(root: Expression) -> bool:
    """Say whether evaluating an expression may end the query with an error."""
    return facts_of(root).raises


def contains_kind(root: Expression, kind: Kind) -> bool:
    """Say whether an expression calls a function of a kind, outside of window calls."""
    return kind in facts_of(root).kinds


def is_volatile(root: Expression) -> bool:
    """Say whether two evaluations over one row may differ."""
    return facts_of(root).volatile


def _raises_itself(node: Expression) -> bool:
    match node:
        case Call() | WindowCall():
            raises = find_function(node.function).raises
            return raises is Raises.ALWAYS or (
                raises is Raises.OVERFLOW and not is_float(node.type) and not _has_room(node)
            )
        case Cast(arg, kind, safe):
            return not safe and not _is_widening(arg.type, kind)
        case Subquery(SubqueryKind.SCALAR, relation):
            from wayfed_optimizer.relations.single import has_one_row  # made of expressions

            return not has_one_row(relation)
        case Opaque():
            return True
    return False


def _has_room(node: Call | WindowCall) -> bool:
    """Say whether the type of a decimal result has all the digits that it can come to."""
    decimals = [arg.type for arg in node.args if isinstance(arg.type, Decimal)]
    if len(decimals) != 2:
        return False
    a, b = decimals
    match node.function:
        case "add" | "subtract":
            whole = max(a.precision - a.scale, b.precision - b.scale)
            return whole + max(a.scale, b.scale) < MAX_PRECISION
        case "multiply":
            return a.precision + b.precision <= MAX_PRECISION
    return False


def _is_widening(source: DataType, target: DataType) -> bool:
    if target == TEXT or source == NULL:
        return True
    if target == FLOAT64 and is_numeric(source):
        return True
    return common_type([source, target]) == target


def require_columns(expression: Expression, schema: Schema, *, of: str | None = None) -> None:
    """Raise unless every column that `expression` reads is in `schema` with the same type."""
    for used in (expression,) if isinstance(expression, Column) else facts_of(expression).reads:
        found = schema.field(used.name, of=of)
        if used.type is not found.type and used.type != found.type:
            raise TypeMismatch(f"column {used.name} is {found.type}, but is used as {used.type}")
