"""What types are called in SQL text, and which of ours they are."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import TypeMismatch
from wayfed_optimizer.types import (
    BINARY,
    BOOL,
    DATE,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    PLAIN,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    DataType,
    Decimal,
    List,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_D: Final = exp.DType
_TYPES: Final[Mapping[exp.DType, DataType]] = MappingProxyType(
    {
        _D.BOOLEAN: BOOL,
        _D.TINYINT: INT8,
        _D.SMALLINT: INT16,
        _D.INT: INT32,
        _D.BIGINT: INT64,
        _D.FLOAT: FLOAT32,
        _D.DOUBLE: FLOAT64,
        _D.TEXT: TEXT,
        _D.VARCHAR: TEXT,
        _D.BINARY: BINARY,
        _D.VARBINARY: BINARY,
        _D.BLOB: BINARY,
        _D.DATE: DATE,
        _D.TIMESTAMP: TIMESTAMP,
        _D.TIMESTAMPNTZ: TIMESTAMP,
        _D.TIMESTAMPTZ: TIMESTAMP_UTC,
    }
)


def bind_type(node: exp.Expr) -> DataType:
    """Return the type that SQL text means: INT has 32 bits there, as SQL has it.

    Raises
    ------
    TypeMismatch
        Where we have no such type.
    """
    kind = node.this
    if kind == _D.DECIMAL:
        sizes = [int(param.this.name) for param in node.expressions]
        return Decimal(sizes[0], sizes[1] if len(sizes) > 1 else 0)
    if kind in (_D.ARRAY, _D.LIST) and len(node.expressions) == 1:
        return List(bind_type(node.expressions[0]))
    found = _TYPES.get(kind)
    if found is not None:
        return found
    name = node.sql(dialect="duckdb").lower()
    if name in PLAIN:
        return PLAIN[name]
    names = sorted({k.value.lower() for k in _TYPES} | {"decimal(p, s)"})
    raise TypeMismatch(f"'{name}' is not a type", available=names)
