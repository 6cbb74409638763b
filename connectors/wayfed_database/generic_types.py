"""What SQLAlchemy calls types, as ours, for databases of which nothing more is known."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_database.columns import TypeTable
from wayfed_database.storage import Storage
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
    MAX_PRECISION,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    DataType,
    Decimal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES: Final[Mapping[str, DataType]] = MappingProxyType(
    {
        "boolean": BOOL,
        "bigint": INT64,
        "double precision": FLOAT64,
        "text": TEXT,
        "binary": BINARY,
        "date": DATE,
        "timestamp": TIMESTAMP,
        "timestamp with time zone": TIMESTAMP_UTC,
    }
)


def _cast(name: str, kind: str) -> str:
    return f"cast({name} as {kind})"


GENERIC_TYPES: Final = TypeTable(
    "SQLAlchemy",
    types=_NAMES,
    decimals=frozenset({"decimal"}),
    precision=MAX_PRECISION,
    remedies=MappingProxyType({}),
    cast=_cast,
)

GENERIC_STORAGE: Final = Storage(
    "SQLAlchemy's generic types",
    wider=MappingProxyType({INT8: INT64, INT16: INT64, INT32: INT64, FLOAT32: FLOAT64}),
    declared=MappingProxyType({kind: name for name, kind in _NAMES.items()}),
    digits=MAX_PRECISION,
    remedies=MappingProxyType({}),
)


def described_type(kind: Any) -> str:
    """Return the name in `GENERIC_TYPES` of a type that SQLAlchemy's inspector gives.

    Integers of any width are taken as the widest; what has no counterpart keeps its own name.
    """
    from sqlalchemy import types

    match kind:
        case types.Enum() | types.Interval():
            return str(kind).lower()
        case types.Boolean():
            return "boolean"
        case types.Integer():
            return "bigint"
        case types.Float():
            return "double precision"
        case types.Numeric(precision=int(precision), scale=scale):
            return f"decimal({precision},{scale or 0})"
        case types.Numeric():
            return "decimal"
        case types.String():
            return "text"
        case types.LargeBinary() | types.BINARY() | types.VARBINARY():
            return "binary"
        case types.Date():
            return "date"
        case types.DateTime(timezone=zoned):
            return "timestamp with time zone" if zoned else "timestamp"
    return str(kind).lower()


def generic_type(kind: DataType) -> Any:
    """Return SQLAlchemy's type for a column of a stored type."""
    from sqlalchemy import types

    if isinstance(kind, Decimal):
        return types.Numeric(kind.precision, kind.scale)
    made = {
        BOOL: types.Boolean(),
        INT64: types.BigInteger(),
        FLOAT64: types.Double(),
        TEXT: types.Text(),
        BINARY: types.LargeBinary(),
        DATE: types.Date(),
        TIMESTAMP: types.DateTime(),
        TIMESTAMP_UTC: types.DateTime(timezone=True),
    }
    return made[kind]
