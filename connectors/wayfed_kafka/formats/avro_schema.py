"""Avro's types and ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import InvalidOption, TypeMismatch
from wayfed_optimizer.types import (
    BINARY,
    BOOL,
    DATE,
    FLOAT32,
    FLOAT64,
    INT32,
    INT64,
    MAX_PRECISION,
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

_PLAIN: Final = {
    "boolean": BOOL,
    "int": INT32,
    "long": INT64,
    "float": FLOAT32,
    "double": FLOAT64,
    "bytes": BINARY,
    "string": TEXT,
    "enum": TEXT,
    "fixed": BINARY,
}
_LOGICAL: Final[Mapping[tuple[str, Any], DataType]] = {
    ("int", "date"): DATE,
    ("long", "timestamp-millis"): TIMESTAMP_UTC,
    ("long", "timestamp-micros"): TIMESTAMP_UTC,
    ("long", "local-timestamp-millis"): TIMESTAMP,
    ("long", "local-timestamp-micros"): TIMESTAMP,
    ("string", "uuid"): TEXT,
}
_NO_COUNTERPART: Final = {
    "time-millis": "text",
    "time-micros": "text",
    "timestamp-nanos": "timestamp-micros",
    "local-timestamp-nanos": "local-timestamp-micros",
    "duration": "long (a count of units)",
}


def parsed(schema: Any) -> Any:
    """Return a schema that fastavro has checked; InvalidOption where it is none."""
    from fastavro import parse_schema
    from fastavro.schema import SchemaParseException, UnknownType

    try:
        return parse_schema(schema)
    except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError) as error:
        raise InvalidOption(f"the Avro schema cannot be read: {error}") from error


def columns_of(schema: Any, wanted: Schema | None, place: str) -> Schema:
    """Return the columns of a record: those of `wanted`, or all of them.

    Raises
    ------
    TypeMismatch
        Where the schema is no record's, or a column has no counterpart; names the remedy.
    ColumnNotFound
        Where it has no such column.
    """
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise TypeMismatch(
            f"{place} is no record, and a row is one", hint="format='raw' reads its bytes"
        )
    names = named_types(schema)
    members = {member["name"]: member for member in schema["fields"]}
    if wanted is None:
        return Schema(
            Field(name, kind_of(member["type"], names, name)) for name, member in members.items()
        )
    available = Schema(Field(name, TEXT) for name in members)
    for field in wanted:
        available.field(field.name, of=place)
        found = kind_of(members[field.name]["type"], names, field.name)
        if found != field.type:
            raise TypeMismatch(
                f"column '{field.name}' of {place} is {found}, not {field.type} as schema= says",
                hint="leave the type to the Avro schema and cast it in the plan",
            )
    return wanted


def named_types(schema: Any) -> dict[str, Any]:
    """Return the records, enums and fixeds of a schema by their names."""
    found: dict[str, Any] = {}
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            if "name" in each and each.get("type") in ("record", "enum", "fixed", "error"):
                found[each["name"]] = each
            waiting += [each.get("type"), each.get("items"), each.get("values")]
            waiting += [member["type"] for member in each.get("fields", ())]
    return found


def without_null(schema: Any) -> tuple[Any, int | None]:
    """Return what a union is besides null, and the branch that is null, if one is."""
    if not isinstance(schema, list):
        return schema, None
    others = [each for each in schema if each != "null"]
    if len(others) == 1:
        return others[0], schema.index("null") if "null" in schema else None
    return schema, None


def kind_of(schema: Any, names: Mapping[str, Any], column: str, depth: int = 0) -> DataType:
    """Return our type for one of Avro's.

    Raises
    ------
    TypeMismatch
        Where there is none.
    """
    schema, _ = without_null(schema)
    if isinstance(schema, str) and schema in names:
        schema = names[schema]
    if depth > MAX_PRECISION or isinstance(schema, list):
        what = "a union of types" if isinstance(schema, list) else "a type within itself"
        raise _no_counterpart(column, what, "one type, or a record with a field for each")
    form = schema if isinstance(schema, dict) else {"type": schema}
    name, logical = form["type"], form.get("logicalType")
    if isinstance(name, dict | list):
        return kind_of(name, names, column, depth + 1)
    if logical in _NO_COUNTERPART:
        raise _no_counterpart(column, logical, _NO_COUNTERPART[logical])
    if logical == "decimal" and name in ("bytes", "fixed"):
        precision, scale = form["precision"], form.get("scale", 0)
        if not 0 <= scale <= precision <= MAX_PRECISION:
            raise _no_counterpart(column, f"decimal({precision},{scale})", "a smaller decimal")
        return Decimal(precision, scale)
    match name:
        case "array":
            return List(kind_of(form["items"], names, column, depth + 1))
        case "map":
            value = kind_of(form["values"], names, column, depth + 1)
            return List(Struct((("key", TEXT), ("value", value))))
        case "record":
            return Struct(
                tuple(
                    (each["name"], kind_of(each["type"], names, column, depth + 1))
                    for each in form["fields"]
                )
            )
    found = _LOGICAL.get((name, logical)) or _PLAIN.get(name)
    if found is None:
        raise _no_counterpart(column, str(name), "another type")
    return found


def _no_counterpart(column: str, what: str, remedy: str) -> TypeMismatch:
    return TypeMismatch(
        f"column '{column}' is {what} in Avro, which has no counterpart here",
        hint=f"write it as {remedy}, or leave it out: schema= says the columns to read",
    )
