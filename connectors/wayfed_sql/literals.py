"""How constants are written in SQL."""

from __future__ import annotations

import datetime
import math
import re
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.types import Decimal, is_float, is_integer
from wayfed_sql.digits import digits_between
from wayfed_sql.templates import UNARY, Text

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Literal
    from wayfed_optimizer.types import DataType
    from wayfed_sql.dialect import Dialect

_PLAIN_FLOAT: Final = re.compile(r"-?\d{1,12}\.\d{1,12}")
"""Floats that no engine changes when it reads them as decimals first."""
_LEAST_INTEGER: Final = -(2**63)
_LONGEST_INTEGER: Final = 18
"""Digits that are sure to fit into 64 bits."""


def literal_text(constant: Literal, dialect: Dialect) -> Text:
    """Write a constant.

    Raises
    ------
    Unsupported
        Where the engine cannot hold the value.
    """
    return _text(constant, dialect)._replace(constant=True)


def _text(constant: Literal, dialect: Dialect) -> Text:
    value, kind = constant.value, constant.type
    if value is None:
        typed = dialect.literals.get(f"null {kind.name}")
        return Text("NULL", loose=True) if typed is None else Text(typed)
    if isinstance(value, str):
        return Text(string(value, dialect))
    if value == _LEAST_INTEGER and is_integer(kind):
        return Text(f"({value + 1} - 1)")
    if is_integer(kind):
        return _number(str(value))._replace(digits=digits_between(value, value, kind))
    if is_float(kind):
        return _narrowed(_float(value, dialect), kind, dialect)
    if isinstance(kind, Decimal):
        if dialect.digits is not None and len(value.as_tuple().digits) > dialect.digits:
            reason = f"it keeps {dialect.digits} digits of decimals"
            raise Unsupported(f"the constant {value:f}", dialect.name, reason)
        return _decimal(f"{value:f}", kind, dialect)._replace(
            digits=digits_between(value, value, kind)
        )
    form, text = kind.name, str(value).upper()
    if isinstance(value, datetime.datetime):
        clock = value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
        text = clock.isoformat(" ", dialect.seconds)
    elif isinstance(value, bytes):
        text = value.hex()
    elif isinstance(value, bool) and "true" in dialect.literals:
        form = text.lower()
    return Text(_form(form, dialect).format(text))


def string(value: str, dialect: Dialect) -> str:
    """Write text as a constant."""
    if dialect.backslashes:
        value = value.replace("\\", "\\\\")
    return "'" + value.replace("'", "''") + "'"


def _number(text: str) -> Text:
    return Text(text, UNARY, loose=True) if text.startswith("-") else Text(text, loose=True)


def _decimal(text: str, kind: Decimal, dialect: Dialect) -> Text:
    form = dialect.literals.get("long decimal")
    if form is None or len(text) <= _LONGEST_INTEGER:
        return _number(text)
    return Text(form.format(text, type=dialect.type_name(kind)))


def _float(value: float, dialect: Dialect) -> Text:
    if math.isnan(value):
        return Text(_form("nan", dialect))
    if math.isinf(value):
        return Text(_form("infinity" if value > 0 else "-infinity", dialect))
    text = repr(value)
    if _PLAIN_FLOAT.fullmatch(text) and text != "-0.0":
        return _number(text)
    exact = _form("float", dialect).format(text if "e" in text else f"{text}e0")
    return Text(exact, UNARY if exact.startswith("-") else UNARY + 1)


def _narrowed(text: Text, kind: DataType, dialect: Dialect) -> Text:
    form = dialect.literals.get(kind.name)
    return text if form is None else Text(form.format(text.sql))


def _form(name: str, dialect: Dialect) -> str:
    template = dialect.literals.get(name)
    if template is None:
        raise dialect.refuse(name)
    return template
