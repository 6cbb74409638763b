"""Our types and Arrow's, one to one; what Arrow has besides is mapped or refused with a cast."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

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
    MAX_PRECISION,
    NULL,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    DataType,
    Decimal,
    Field,
    List,
    Schema,
    Struct,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

# Arrow's names (as `str(type)` gives them) of what our types hold without loss.
_SAME_VALUES: Final = {
    "bool": BOOL,
    "int8": INT8,
    "int16": INT16,
    "int32": INT32,
    "int64": INT64,
    "uint8": INT16,
    "uint16": INT32,
    "uint32": INT64,
    "halffloat": FLOAT32,
    "float": FLOAT32,
    "double": FLOAT64,
    "string": TEXT,
    "large_string": TEXT,
    "string_view": TEXT,
    "binary": BINARY,
    "large_binary": BINARY,
    "binary_view": BINARY,
    "date32[day]": DATE,
    "date64[ms]": DATE,
    "timestamp[s]": TIMESTAMP,
    "timestamp[ms]": TIMESTAMP,
    "timestamp[us]": TIMESTAMP,
}

# What else Arrow has, by the beginning of its name: the type to cast to, and why.
_NO_COUNTERPART: Final = (
    ("uint64", "decimal(20,0), or int64 where the values are below 2^63"),
    ("time32", "text"),
    ("time64", "text"),
    ("duration", "int64 (a count of units)"),
    ("month_interval", "int64 (a count of months)"),
    ("month_day_nano_interval", "text"),
    ("day_time_interval", "text"),
    ("timestamp[ns", "timestamp[us]"),
    ("decimal256", f"decimal({MAX_PRECISION},s)"),
    ("decimal", "a decimal whose scale is 0 to its precision"),
    ("map", "list<struct<key, value>>, or text"),
    ("null", "the type that its values would have, for example text"),
    ("run_end_encoded", "the type of its values"),
    ("extension", "the type that it is stored as, for example text"),
)


@cache
def _plain() -> Mapping[DataType, pa.DataType]:
    import pyarrow as pa

    return {
        NULL: pa.null(),
        BOOL: pa.bool_(),
        INT8: pa.int8(),
        INT16: pa.int16(),
        INT32: pa.int32(),
        INT64: pa.int64(),
        FLOAT32: pa.float32(),
        FLOAT64: pa.float64(),
        TEXT: pa.string(),
        BINARY: pa.binary(),
        DATE: pa.date32(),
        TIMESTAMP: pa.timestamp("us"),
        TIMESTAMP_UTC: pa.timestamp("us", tz="UTC"),
    }


def arrow_type(kind: DataType) -> pa.DataType:
    """Return the Arrow type that columns of `kind` have everywhere in wayfed.

    Examples
    --------
    >>> from wayfed_optimizer.types import parse_type
    >>> arrow_type(parse_type("decimal(12,2)")), arrow_type(parse_type("list<text>"))
    (Decimal128Type(decimal128(12, 2)), ListType(list<item: string>))
    """
    import pyarrow as pa

    match kind:
        case Decimal(precision=precision, scale=scale):
            return pa.decimal128(precision, scale)
        case List(element=element):
            return pa.list_(arrow_type(element))
        case Struct(fields=fields):
            return pa.struct([pa.field(name, arrow_type(member)) for name, member in fields])
    return _plain()[kind]


def arrow_schema(schema: Schema) -> pa.Schema:
    """Return the Arrow schema that rows of `schema` have everywhere in wayfed.

    Examples
    --------
    >>> from wayfed_optimizer.types import Schema
    >>> arrow_schema(Schema.of(id="int64", name="text")).names
    ['id', 'name']
    """
    import pyarrow as pa

    return pa.schema([pa.field(f.name, arrow_type(f.type), nullable=f.nullable) for f in schema])


def from_arrow_type(kind: pa.DataType, column: str) -> DataType:
    """Return our type that holds every value of an Arrow type.

    Integers without a sign become the next wider type with one, dictionaries and views what they
    stand for, timestamps of any zone instants in UTC.

    Raises
    ------
    TypeMismatch
        Where there is none; names `column` and the cast to make.

    Examples
    --------
    >>> import pyarrow as pa
    >>> str(from_arrow_type(pa.uint16(), "port"))
    'int32'
    """
    import pyarrow as pa

    if (same := _SAME_VALUES.get(str(kind))) is not None:
        return same
    if pa.types.is_timestamp(kind) and kind.tz is not None and kind.unit != "ns":
        return TIMESTAMP_UTC
    if pa.types.is_fixed_size_binary(kind):
        return BINARY
    if pa.types.is_dictionary(kind):
        return from_arrow_type(kind.value_type, column)
    if pa.types.is_decimal(kind) and 0 <= kind.scale <= kind.precision <= MAX_PRECISION:
        return Decimal(kind.precision, kind.scale)
    if _is_list(kind):
        return List(from_arrow_type(kind.value_type, f"{column}[]"))
    if pa.types.is_struct(kind):
        members = [kind.field(position) for position in range(kind.num_fields)]
        return Struct(
            tuple((m.name, from_arrow_type(m.type, f"{column}.{m.name}")) for m in members)
        )
    remedy = next((to for name, to in _NO_COUNTERPART if str(kind).startswith(name)), "text")
    raise TypeMismatch(
        f"column '{column}' is {kind} in Arrow, which has no counterpart here",
        hint=f"cast it to {remedy} where it is written",
    )


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    tests = ("is_list", "is_large_list", "is_fixed_size_list", "is_list_view", "is_large_list_view")
    return any(getattr(pa.types, test)(kind) for test in tests)


def schema_from_arrow(schema: pa.Schema) -> Schema:
    """Return the schema that holds the rows of an Arrow schema.

    Raises
    ------
    DuplicateColumn, TypeMismatch
        Where two columns have one name, or one has a type without a counterpart.

    Examples
    --------
    >>> import pyarrow as pa
    >>> schema_from_arrow(pa.schema({"id": pa.uint8(), "at": pa.timestamp("s", tz="Asia/Tokyo")}))
    Schema(id int16, at timestamp_utc)
    """
    return Schema(Field(f.name, from_arrow_type(f.type, f.name), f.nullable) for f in schema)
