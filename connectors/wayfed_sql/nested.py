"""Lists and structs in SQL text: ``[a, b]``, ``list[1]``, ``{'x': a}``, ``s.x``, UNNEST."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlglot import expressions as exp

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import (
    Column,
    Expression,
    Member,
    Named,
    Record,
    call,
)
from wayfed_optimizer.relations import Explode, Select
from wayfed_optimizer.types import Struct
from wayfed_sql.scope import Scope, Visible, same
from wayfed_sql.sql_nodes import position, refuse, require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed_optimizer.relations import Relation

Bind: TypeAlias = Callable[[exp.Expr], Expression]
TRUE: Final = exp.true()


def struct_path(node: exp.Column, scope: Scope) -> Expression | None:
    """Return what ``s.x`` or ``t.s.x`` is where it leads into a struct, and not to a column."""
    first, *names = node.parts
    table = None
    around = tuple(scope.around())
    own = [column for column in scope.columns if same(first.name, column.name)]
    tables = list(scope.tables)
    if not any(isinstance(column.value.type, Struct) for column in own):
        tables += [name for each in around for name in each.tables]
    if names and any(same(first.name, name) for name in tables):
        table, (first, *names) = first.name, names
    is_column = any(
        same(first.name, column.name) for each in (scope, *around) for column in each.columns
    )
    if not names or not is_column:
        return None
    found = scope.find(
        first.name,
        table,
        quoted=bool(first.args.get("quoted")),
        where=lambda: position(first),
    )
    for name in names:
        found = _member(found, name.name)
    return found


def _member(arg: Expression, name: str) -> Expression:
    """Return the field of a struct, looked up as SQL looks up columns: the exact name first."""
    names = [each for each, _ in arg.type.fields] if isinstance(arg.type, Struct) else []
    close = [each for each in names if same(each, name)]
    return Member(arg, close[0] if name not in names and len(close) == 1 else name)


def bind_bracket(node: exp.Expr, bind: Bind) -> Expression:
    """Return ``list[position]``, or ``struct['field']``."""
    require(node, "this", "expressions")
    arg, (key, *others) = bind(node.this), node.expressions
    if others or isinstance(key, exp.Slice):
        raise refuse(node, hint="list[position] takes one element")
    if isinstance(arg.type, Struct) and isinstance(key, exp.Literal) and key.is_string:
        return _member(arg, key.name)
    return call("element", arg, bind(key))


def bind_list(node: exp.Expr, bind: Bind) -> Expression:
    """Return the list of some values."""
    if not node.expressions:
        raise Unsupported("an empty list in SQL", hint="its type is not known: give one element")
    return call("list", *map(bind, node.expressions))


def bind_struct(node: exp.Expr, bind: Bind) -> Expression:
    """Return the struct of some values."""
    if not all(isinstance(each, exp.PropertyEQ) for each in node.expressions):
        raise refuse(node, hint="give each value a name: {'x': a}")
    names = tuple(each.this.name for each in node.expressions)
    return Record(names, tuple(bind(each.expression) for each in node.expressions))


def bind_field(node: exp.Expr, bind: Bind) -> Expression:
    """Return ``(s).x``, or ``struct_extract(s, 'x')``."""
    return _member(bind(node.this), node.expression.name)


def bind_contains(node: exp.Expr, bind: Bind) -> Expression:
    """Return whether a list has an element."""
    require(node, "this", "expression")
    return call("list_contains", bind(node.this), bind(node.expression))


def bind_length(node: exp.Expr, bind: Bind) -> Expression:
    """Return the number of a list's elements."""
    dimension = node.args.get("expression")
    if dimension is not None and dimension.name != "1":
        raise refuse(node, hint="lists have one dimension")
    return call("list_length", bind(node.this))


def bind_sorted(node: exp.Expr, bind: Bind) -> Expression:
    """Return the sorted list; NULLs come last."""
    for key, usual in (("asc", "TRUE"), ("nulls_first", "FALSE")):
        said = node.args.get(key)
        if said is not None and said.sql().upper() != usual:
            raise refuse(node, hint="lists are sorted upwards, NULLs last")
    return call("list_sort", bind(node.this))


def refuse_unnest(node: exp.Expr, bind: Bind) -> Expression:
    """Refuse an UNNEST within an expression."""
    raise refuse(node, hint="UNNEST stands alone, as an output or behind FROM")


def list_of(node: exp.Expr) -> exp.Expr | None:
    """Return the list of an output that is an UNNEST."""
    node = node.this if isinstance(node, exp.Alias) else node
    if not isinstance(node, exp.Explode):
        return None
    require(node, "this")
    argument: exp.Expr = node.this
    return argument


def unnest(scope: Scope, node: exp.Expr, bind: Bind, *, keep_empty: bool) -> Scope:
    """Return the rows of a FROM clause, each with every element of a list of its own."""
    alias = node.args.get("alias")
    if isinstance(node, exp.Lateral):
        require(node, "this", "alias")
        node = node.this
    require(node, "expressions", "alias")
    if len(node.expressions) != 1:
        raise refuse(node, hint="UNNEST takes one list")
    listed = bind(node.expressions[0])
    alias = alias or node.args.get("alias")
    table = alias.name if alias is not None and alias.name else "unnest"
    names: Sequence[exp.Expr] = (alias.args.get("columns") or ()) if alias is not None else ()
    name = names[0].name if names else table
    relation = scope.relation
    own = name
    while own in relation.schema.names:
        own = f"{table}.{own}"
    kept = (Named(f.name, Column(f.name, f.type, f.nullable)) for f in relation.schema)
    exploded: Relation = Explode(Select(relation, (*kept, Named(own, listed))), own, keep_empty)
    field = exploded.schema[own]
    visible = Visible(table, name, Column(own, field.type, field.nullable))
    return Scope(exploded, (*scope.columns, visible), scope.outer)


def is_unnest(node: exp.Expr) -> bool:
    """Say whether a source of rows is an UNNEST, of lists of the rows before it."""
    return isinstance(node, exp.Unnest) or (
        isinstance(node, exp.Lateral) and isinstance(node.this, exp.Unnest)
    )


def is_true(node: exp.Expr | None) -> bool:
    """Say whether a join's condition is just TRUE."""
    return isinstance(node, exp.Boolean) and bool(node.this)


MAKERS: Final[Mapping[type[exp.Expr], Callable[[exp.Expr, Bind], Expression]]] = MappingProxyType(
    {
        exp.Bracket: bind_bracket,
        exp.Array: bind_list,
        exp.Struct: bind_struct,
        exp.Dot: bind_field,
        exp.StructExtract: bind_field,
        exp.ArrayContains: bind_contains,
        exp.ArraySize: bind_length,
        exp.ArraySort: bind_sorted,
        exp.Explode: refuse_unnest,
        exp.Unnest: refuse_unnest,
    }
)
"""How nodes of lists and structs are bound, given what binds the nodes in them."""
