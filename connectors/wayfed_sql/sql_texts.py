"""Functions of text in SQL: their names, and those with a syntax of their own."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import InvalidSql, Unsupported
from wayfed_optimizer.expressions import Expression, Literal, call, literal
from wayfed_optimizer.types import BOOL
from wayfed_sql.sql_makers import as_text
from wayfed_sql.sql_nodes import refuse, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.sql_makers import Arguments, Bind, Maker, Reader

_SIDES: Final = MappingProxyType({"BOTH": "trim", "LEADING": "ltrim", "TRAILING": "rtrim"})
_LIKES: Final = MappingProxyType({exp.Like: "like", exp.ILike: "ilike"})


def _concat(args: Arguments) -> Expression:
    """Join texts; SQL's CONCAT leaves NULLs out, unlike ``||``."""
    parts = (call("coalesce", as_text(a), literal("")) if a.nullable else as_text(a) for a in args)
    return call("concat", *parts)


def _concat_with_separator(args: Arguments) -> Expression:
    return call("concat_ws", *map(as_text, args))


def _bit_length(args: Arguments) -> Expression:
    return call("multiply", call("octet_length", *args), literal(8))


def _padded(name: str) -> Maker:
    return lambda args: call(name, *args, *((literal(" "),) if len(args) == 2 else ()))


def _trim(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "position", "expression")
    characters = node.args.get("expression")
    name = _SIDES[str(node.args.get("position") or "BOTH").upper()]
    if characters is None:
        return call(name, bind(node.this))
    return call(name, bind(node.this), bind(characters))


def _position(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "substr")
    return call("position", bind(node.this), bind(node.args["substr"]))


def _pad(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "expression", "fill_pattern", "is_left")
    name = "lpad" if node.args.get("is_left") else "rpad"
    fill = node.args.get("fill_pattern")
    return call(name, bind(node.this), bind(node.expression), bind(fill) if fill else literal(" "))


def _split_part(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "delimiter", "part_index")
    keys = ("this", "delimiter", "part_index")
    return call("split_part", *(bind(node.args[key]) for key in keys))


def _translate(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "from_", "to")
    return call("translate", *(bind(node.args[key]) for key in ("this", "from_", "to")))


def _escaped(node: exp.Expr, bind: Bind) -> Expression:
    """Return LIKE with the escape behind it, which is a constant."""
    like, escape = node.this, bind(node.expression)
    name = _LIKES.get(type(like))
    if name is None:
        raise refuse(node)
    require(like, "this", "expression", "negate")
    if not isinstance(escape, Literal):
        raise Unsupported("an ESCAPE that is no constant")
    args = (bind(like.this), bind(like.expression))
    if escape.value is None:
        return Literal(None, BOOL)
    if len(escape.value) > 1:
        raise InvalidSql(f"the escape '{escape.value}' has more than one character")
    result = call(name, *args, *((escape,) if escape.value else ()))
    return call("not", result) if like.args.get("negate") else result


ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "char_length": "length",
        "character_length": "length",
        "lcase": "lower",
        "ucase": "upper",
        "substr": "substring",
        "startswith": "starts_with",
        "endswith": "ends_with",
        "prefix": "starts_with",
        "suffix": "ends_with",
        "btrim": "trim",
        "ord": "ascii",
        "unicode": "ascii",
        "strlen": "octet_length",
    }
)
MAKERS: Final[Mapping[str, Maker]] = MappingProxyType(
    {
        "concat": _concat,
        "concat_ws": _concat_with_separator,
        "bit_length": _bit_length,
        "lpad": _padded("lpad"),
        "rpad": _padded("rpad"),
    }
)
NODES: Final[Mapping[type[exp.Expr], Reader]] = MappingProxyType(
    {
        exp.Trim: _trim,
        exp.StrPosition: _position,
        exp.Pad: _pad,
        exp.SplitPart: _split_part,
        exp.Translate: _translate,
        exp.Escape: _escaped,
        # Text with backslashes that mean something, which sqlglot has read already.
        exp.ByteString: lambda node, _: literal(node.name),
    }
)
