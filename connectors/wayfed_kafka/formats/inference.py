"""The columns of JSON objects, found by looking at some of them."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final

from wayfed_kafka.formats.interface import Undecodable
from wayfed_kafka.formats.json import JsonFormat
from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import SourceError
from wayfed_optimizer.types import (
    BOOL,
    DATE,
    FLOAT64,
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
    from collections.abc import Sequence

_DAY: Final = r"\d{4}-\d{2}-\d{2}"
_CLOCK: Final = r"[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
_TIMES: Final = (
    (DATE, re.compile(_DAY)),
    (TIMESTAMP, re.compile(_DAY + _CLOCK)),
    (TIMESTAMP_UTC, re.compile(_DAY + _CLOCK + r"(?:Z|[+-]\d{2}:?\d{2})")),
)
_TEMPORAL: Final = frozenset(kind for kind, _ in _TIMES)
_DEEPEST: Final = 64
_LARGE: Final = Decimal(MAX_PRECISION, 0)


def inferred_json(values: Sequence[bytes], place: str) -> JsonFormat:
    """Return the format whose columns fit all of some values.

    Numbers that are written as integers are int64, or ``decimal(38,0)`` where one is larger; texts
    that are written as dates or timestamps throughout are those; what was always null is text.

    Raises
    ------
    SourceError
        Where there is no value to look at, or two of them do not go together.
    """
    rows = [json_object(value) for value in values]
    columns: dict[str, DataType] = {}
    for row in rows:
        for name, value in row.items():
            columns[name] = _unified(columns.get(name, NULL), _kind_of(value, name), name, place)
    if not columns:
        raise SourceError(
            f"no record of {place} shows what its columns are",
            hint="schema= says them",
        )
    settled = (Field(name, _settled(kind)) for name, kind in columns.items())
    schema = Schema(_readable(field, values) for field in settled)
    return JsonFormat(schema, f"inferred from {len(rows)} records")


def _readable(field: Field, values: Sequence[bytes]) -> Field:
    """Return a column as it is, or of text where a date of it is in no calendar."""
    texts = Field(field.name, _as_text(field.type))
    if texts.type != field.type:
        try:
            JsonFormat(Schema((field,))).decode(values, (field.name,))
        except Undecodable:
            return texts
    return field


def json_object(value: bytes) -> dict[str, Any]:
    """Return a value as Python has it; raises Undecodable."""
    try:
        found = json.loads(value.decode(), parse_float=_finite)
        json.dumps(found, ensure_ascii=False).encode()  # halves of surrogate pairs are no text
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"it is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Undecodable(f"it is not a JSON object: {value[:40]!r}")
    return found


def _finite(text: str) -> float:
    found = float(text)
    if math.isinf(found):
        raise ValueError(f"{text} is too large")
    return found


def _kind_of(value: object, column: str, depth: int = 0) -> DataType:
    if depth > _DEEPEST:
        raise SourceError(
            f"'{column}' is nested more than {_DEEPEST} times",
            hint="schema= says the columns; those it leaves out are passed over",
        )
    match value:
        case bool():
            return BOOL
        case int():
            return INT64 if -(2**63) <= value < 2**63 else _LARGE
        case float():
            return FLOAT64
        case str():
            return next((kind for kind, form in _TIMES if form.fullmatch(value)), TEXT)
        case list():
            element: DataType = NULL
            for each in value:
                element = _unified(element, _kind_of(each, column, depth + 1), "[]", "a list")
            return List(element)
        case dict():
            return Struct(
                tuple((name, _kind_of(each, column, depth + 1)) for name, each in value.items())
            )
    return NULL


def _unified(ours: DataType, theirs: DataType, column: str, place: str) -> DataType:
    if theirs in (ours, NULL):
        return ours
    if ours == NULL:
        return theirs
    match ours, theirs:
        case List(element=a), List(element=b):
            return List(_unified(a, b, f"{column}[]", place))
        case Struct(fields=a), Struct(fields=b):
            merged = dict(a)
            for name, member in b:
                inner = f"{column}.{name}"
                merged[name] = _unified(merged.get(name, NULL), member, inner, place)
            return Struct(tuple(merged.items()))
    texts = {TEXT, *_TEMPORAL}
    if ours in texts and theirs in texts:
        return TEXT
    if FLOAT64 in (ours, theirs) and _LARGE in (ours, theirs):
        return FLOAT64
    kind = None if texts & {ours, theirs} else common_type((ours, theirs))
    if kind is None:
        raise SourceError(
            f"'{column}' is {ours} in one record of {place}, and {theirs} in another",
            hint="schema= says the columns; those it leaves out are passed over",
        )
    return kind


def _settled(kind: DataType) -> DataType:
    match kind:
        case List(element=element):
            return List(_settled(element))
        case Struct(fields=()):
            return TEXT
        case Struct(fields=fields):
            return Struct(tuple((name, _settled(member)) for name, member in fields))
    return TEXT if kind == NULL else kind


def _as_text(kind: DataType) -> DataType:
    match kind:
        case List(element=element):
            return List(_as_text(element))
        case Struct(fields=fields):
            return Struct(tuple((name, _as_text(member)) for name, member in fields))
    return TEXT if kind in _TEMPORAL else kind
