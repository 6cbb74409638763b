"""Records of Avro, one by one: those with lists, maps and unions."""

from __future__ import annotations

import json
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

from wayfed_arrow import arrow_type
from wayfed_kafka.formats.avro_schema import kind_of, named_types
from wayfed_kafka.formats.interface import Undecodable
from wayfed_optimizer.types import DataType, List, Struct

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pyarrow as pa


def read_rows(
    schema: Any, values: Sequence[bytes], skipped: int, columns: Collection[str]
) -> dict[str, pa.Array]:
    """Return some fields of records as arrays; as `avro_columns.read_columns`, for any schema."""
    import pyarrow as pa
    from fastavro import schemaless_reader

    rows = []
    for value in values:
        buffer = BytesIO(value)
        buffer.seek(skipped)
        try:
            # Whatever is wrong with the bytes shows as some error or other of Python's.
            rows.append(schemaless_reader(buffer, schema, None))
        except Exception as error:  # raised again, with its cause
            raise Undecodable(f"it does not fit its Avro schema: {error}") from error
        if buffer.tell() != len(value):
            raise Undecodable("its bytes go on behind the last field of its Avro schema")
    names = named_types(schema)
    found = {}
    for member in schema["fields"]:
        name = member["name"]
        if name in columns:
            kind = kind_of(member["type"], names, name)
            try:
                cells = [_plain(row[name], kind) for row in rows]
                found[name] = pa.array(cells, arrow_type(kind))
            except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
                raise Undecodable(f"field '{name}': {error}") from error
    return found


def default_of(schema: Any, names: Mapping[str, Any], kind: DataType, default: Any) -> Any:
    """Return a field's default, which a schema has in Avro's JSON, as Arrow takes it.

    That of a union is of its first branch.
    """
    from fastavro import json_reader, parse_schema

    form = schema[0] if isinstance(schema, list) else schema
    form = names.get(form, form) if isinstance(form, str) else form
    holder = {"type": "record", "name": "_", "fields": [{"name": "_", "type": form}]}
    try:
        row = next(json_reader(StringIO(json.dumps({"_": default})), parse_schema(holder)))
    except Exception as error:  # raised again, with its cause
        raise Undecodable(f"a default of its Avro schema is not read: {error}") from error
    return _plain(row["_"], kind)


def _plain(value: Any, kind: DataType) -> Any:
    """Return a value as Arrow takes it: a map as a list of its entries, an UUID as its text."""
    match kind, value:
        case _, None:
            return None
        case List(element=Struct() as element), dict():
            return [_plain({"key": k, "value": v}, element) for k, v in value.items()]
        case List(element=element), _:
            return [_plain(each, element) for each in value]
        case Struct(fields=fields), _:
            return {name: _plain(value.get(name), member) for name, member in fields}
    return str(value) if kind.name == "text" else value
