"""Formats of times in SQL: strftime's as they are, and to_char's, which PostgreSQL has."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Expression, Literal, call, cast_to, literal
from wayfed_optimizer.functions.formats import check_readable, parse_format
from wayfed_optimizer.types import DATE, TEXT, TIMESTAMP, TIMESTAMP_UTC
from wayfed_sql.sql_nodes import require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_optimizer.types import DataType
    from wayfed_sql.sql_makers import Arguments, Bind, Maker, Reader

_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "HH24": "%H", "MI": "%M", "SS": "%S"},
        **{"US": "%f", "DDD": "%j", "Mon": "%b", "FMMonth": "%B", "Dy": "%a", "FMDay": "%A"},
    }
)
"""The fields of to_char that are some of strftime's."""
_PIECE: Final = re.compile(
    r'"((?:[^"\\]|\\.)*)"|(FMMonth|FMDay|YYYY|YY|MM|MI|Mon|DDD|DD|Dy|HH24|SS|US)|([A-Za-z])|(.)',
    re.DOTALL,
)


def strftime_of(template: str) -> str:
    """Return the format of strftime that a template of to_char is.

    Raises
    ------
    Unsupported
        Where a field of it is none of those that every engine has.

    Examples
    --------
    >>> strftime_of('DD.MM.YYYY "at" HH24')
    '%d.%m.%Y at %H'
    """
    parts = []
    for quoted, field, letter, other in _PIECE.findall(template):
        if letter:
            raise Unsupported(f"'{letter}' in the format '{template}'", available=_FIELDS)
        plain = re.sub(r"\\(.)", r"\1", quoted) or other
        parts.append(_FIELDS[field] if field else plain.replace("%", "%%"))
    return "".join(parts)


def _format(arg: Expression, translate: Callable[[str], str] = str) -> str | None:
    if not isinstance(arg, Literal) or (arg.value is not None and arg.type != TEXT):
        raise Unsupported("a format of times that is no constant text")
    return None if arg.value is None else translate(arg.value)


def written(moment: Expression, text: str | None) -> Expression:
    """Return a time written by a format."""
    if text is None:
        return Literal(None, TEXT)
    parse_format(text)
    return call("strftime", moment, literal(text))


def read(text: Expression, form: str | None, kind: DataType) -> Expression:
    """Return the time that text writes by a format."""
    if form is None:
        return Literal(None, kind)
    check_readable(form)
    return cast_to(call("strptime", text, literal(form)), kind)


def _strftime(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "format")
    return written(bind(node.this), _format(bind(node.args["format"])))


def _to_char(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "format")
    return written(bind(node.this), _format(bind(node.args["format"]), strftime_of))


def _strptime(node: exp.Expr, bind: Bind) -> Expression:
    require(node, "this", "format")
    return read(bind(node.this), _format(bind(node.args["format"])), TIMESTAMP)


def _to_date(args: Arguments) -> Expression:
    text, form = args
    return read(text, _format(form, strftime_of), DATE)


def to_timestamp(text: Expression, form: Expression) -> Expression:
    """Return the instant that text writes by a template of PostgreSQL's."""
    return read(text, _format(form, strftime_of), TIMESTAMP_UTC)


def _named(form: str) -> Reader:
    return lambda node, bind: written(bind(node.this), form)


MAKERS: Final[Mapping[str, Maker]] = MappingProxyType({"to_date": _to_date})
NODES: Final[Mapping[type[exp.Expr], Reader]] = MappingProxyType(
    {
        exp.TimeToStr: _strftime,
        exp.ToChar: _to_char,
        exp.StrToTime: _strptime,
        exp.Monthname: _named("%B"),
        exp.Dayname: _named("%A"),
    }
)
