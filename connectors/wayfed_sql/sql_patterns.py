"""Functions of regular expressions in SQL: their constants are read, and their options, at once."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Expression, Literal, call, literal
from wayfed_optimizer.functions.patterns import Pattern, parse_pattern
from wayfed_optimizer.functions.replacements import check_group, check_replacement
from wayfed_optimizer.types import BOOL, TEXT
from wayfed_sql.dialects.patterns import quoted
from wayfed_sql.dialects.regular import Syntax
from wayfed_sql.sql_nodes import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.types import DataType
    from wayfed_sql.sql_makers import Bind, Reader

_OURS: Final = Syntax("^", "$", r"[\s\S]", r"\{}", r"\0", "\\", quoted)
"""How patterns are written in plans."""
_OPTIONS: Final = ("c", "g", "i", "s")


def _matches(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "expression", "flag", "full_match", "options")
    options = _options(node.args.get("flag") or node.args.get("options"), bind)
    text, pattern = bind(node.this), _constant(bind(node.expression))
    if pattern is None:
        return Literal(None, BOOL)
    written = _with_options(pattern, options)
    if isinstance(node, exp.RegexpFullMatch):
        written = f"^(?:{written})$"
    return call("regexp_matches", text, literal(written))


def _extract(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "expression", "group", "parameters", "null_if_pos_overflow")
    options = _options(node.args.get("parameters"), bind)
    text, pattern = bind(node.this), _constant(bind(node.expression))
    number = node.args.get("group")
    group = bind(number) if number is not None else literal(0)
    if pattern is None:
        return Literal(None, TEXT)
    if not isinstance(group, Literal) or not isinstance(group.value, int):
        raise Unsupported("a group of a regular expression that is no constant number")
    written = _with_options(pattern, options)
    check_group(group.value, parse_pattern(written))
    return call("regexp_extract", text, literal(written), group)


def _replace(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "expression", "replacement", "modifiers", "single_replace")
    options = _options(node.args.get("modifiers"), bind)
    text, pattern = bind(node.this), _constant(bind(node.expression))
    new = _constant(bind(node.args["replacement"]))
    if pattern is None or new is None:
        return Literal(None, TEXT)
    written, everywhere = _with_options(pattern, options), "g" in options
    check_replacement(new, parse_pattern(written), everywhere=everywhere)
    return call("regexp_replace", text, literal(written), literal(new), literal(everywhere))


def _options(node: exp.Expr | None, bind: Bind) -> str:
    if node is None:
        return ""
    options = _constant(bind(node)) or ""
    for option in options:
        if option not in _OPTIONS:
            raise Unsupported(f"the option '{option}' of a regular expression", available=_OPTIONS)
    return options


def _with_options(text: str, options: str) -> str:
    """Return a pattern that needs no options."""
    ignore_case, dot_all = "i" in options, "s" in options
    pattern: Pattern = parse_pattern(text, ignore_case=ignore_case, dot_all=dot_all)
    return _OURS.write(pattern.part) if ignore_case or dot_all else text


def _constant(arg: Expression) -> str | None:
    """Return a text that is known, or None for NULL."""
    if not isinstance(arg, Literal):
        raise Unsupported("a regular expression that is no constant", hint="like takes columns")
    if arg.value is not None and not isinstance(arg.value, str):
        kind: DataType = arg.type
        raise Unsupported(f"a regular expression that is {kind}")
    return arg.value


NODES: Final[Mapping[type[exp.Expr], Reader]] = MappingProxyType(
    {
        exp.RegexpLike: _matches,
        exp.RegexpFullMatch: _matches,
        exp.RegexpExtract: _extract,
        exp.RegexpReplace: _replace,
    }
)
