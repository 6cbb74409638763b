"""The closed list of types that a column can have, one to one with Arrow, and schemas."""

from __future__ import annotations

import datetime
import decimal
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import (
    ColumnNotFound,
    DuplicateColumn,
    InvalidOption,
    TypeMismatch,
    suggestion,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_PRECISION: Final = 38
MAX_TYPE_NESTING: Final = 32


@dataclass(frozen=True, slots=True)
class DataType:
    """A type without parameters, known by its name (``int64``, ``text``, ``date`` …)."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Decimal(DataType):
    """Exact numbers of `precision` digits, `scale` of them after the point (precision <= 38)."""

    name: str = field(init=False, default="decimal")
    precision: int
    scale: int

    def __post_init__(self) -> None:
        if not 1 <= self.precision <= MAX_PRECISION or not 0 <= self.scale <= self.precision:
            raise TypeMismatch(
                f"decimal({self.precision},{self.scale}) is not a type",
                hint=f"precision is 1 to {MAX_PRECISION}, scale 0 to precision",
            )

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})"


@dataclass(frozen=True, slots=True)
class List(DataType):
    """Lists of values of one type."""

    name: str = field(init=False, default="list")
    element: DataType

    def __str__(self) -> str:
        return f"list<{self.element}>"


@dataclass(frozen=True, slots=True)
class Struct(DataType):
    """Records with named fields."""

    name: str = field(init=False, default="struct")
    fields: tuple[tuple[str, DataType], ...]

    def __str__(self) -> str:
        return f"struct<{', '.join(f'{name}: {kind}' for name, kind in self.fields)}>"


NULL: Final = DataType("null")
"""The type of a bare NULL; no column has it."""
BOOL: Final = DataType("bool")
INT8: Final = DataType("int8")
INT16: Final = DataType("int16")
INT32: Final = DataType("int32")
INT64: Final = DataType("int64")
FLOAT32: Final = DataType("float32")
FLOAT64: Final = DataType("float64")
TEXT: Final = DataType("text")
BINARY: Final = DataType("binary")
DATE: Final = DataType("date")
TIMESTAMP: Final = DataType("timestamp")
"""Naive timestamps in microseconds: a wall clock's reading, no zone."""
TIMESTAMP_UTC: Final = DataType("timestamp_utc")
"""Instants in microseconds, shown in UTC."""

INTEGERS: Final = (INT8, INT16, INT32, INT64)
FLOATS: Final = (FLOAT32, FLOAT64)
# Types without parameters are told apart by their names alone, which is a third of the work.
_INTEGERS: Final = frozenset(kind.name for kind in INTEGERS)
_FLOATS: Final = frozenset(kind.name for kind in FLOATS)
_NUMBERS: Final = _INTEGERS | _FLOATS | {"decimal"}
_TIMES: Final = frozenset(kind.name for kind in (DATE, TIMESTAMP, TIMESTAMP_UTC))
PLAIN: Final = {
    kind.name: kind
    for kind in (BOOL, *INTEGERS, *FLOATS, TEXT, BINARY, DATE, TIMESTAMP, TIMESTAMP_UTC)
}
_ALIASES: Final = {
    "boolean": BOOL,
    "tinyint": INT8,
    "smallint": INT16,
    "int": INT64,
    "integer": INT32,
    "bigint": INT64,
    "real": FLOAT32,
    "float": FLOAT64,
    "double": FLOAT64,
    "double precision": FLOAT64,
    "str": TEXT,
    "string": TEXT,
    "varchar": TEXT,
    "bytes": BINARY,
    "blob": BINARY,
    "datetime": TIMESTAMP,
    "timestamptz": TIMESTAMP_UTC,
}
_DECIMAL = re.compile(r"(?:decimal|numeric)\s*\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)")


def is_integer(kind: DataType) -> bool:
    """Say whether `kind` is one of int8 to int64."""
    return kind.name in _INTEGERS


def is_float(kind: DataType) -> bool:
    """Say whether `kind` is float32 or float64."""
    return kind.name in _FLOATS


def is_numeric(kind: DataType) -> bool:
    """Say whether `kind` is an integer, a float or a decimal."""
    return kind.name in _NUMBERS


def is_temporal(kind: DataType) -> bool:
    """Say whether `kind` is a date or a timestamp."""
    return kind.name in _TIMES


def as_decimal(kind: DataType) -> Decimal:
    """Return the decimal that holds every value of an integer or decimal type exactly."""
    if isinstance(kind, Decimal):
        return kind
    digits = {INT8: 3, INT16: 5, INT32: 10, INT64: 19}
    return Decimal(precision=digits[kind], scale=0)


def parse_type(text: str) -> DataType:
    """Read a type from its name.

    Raises
    ------
    TypeMismatch
        Where no type is called so; the message lists those that are.

    Examples
    --------
    >>> str(parse_type("decimal(12, 2)")), str(parse_type("list<text>"))
    ('decimal(12,2)', 'list<text>')
    """
    opened = accumulate({"<": 1, ">": -1}.get(mark, 0) for mark in text)
    if max(opened, default=0) > MAX_TYPE_NESTING:
        raise TypeMismatch(f"'{text:.40}…' is nested more than {MAX_TYPE_NESTING} times")
    kind, rest = _parse(text.strip(), text)
    if rest.strip():
        raise _unknown_type(text)
    return kind


def _parse_type_of(column: str, text: str) -> DataType:
    try:
        return parse_type(text)
    except TypeMismatch as error:
        raise TypeMismatch(
            f"column '{column}': {error.message}", available=error.available, hint=error.hint
        ) from error


def _parse(text: str, whole: str) -> tuple[DataType, str]:
    text = text.lstrip()
    if match := _DECIMAL.match(text.lower()):
        return Decimal(int(match[1]), int(match[2])), text[match.end() :]
    if text.lower().startswith("list<"):
        element, rest = _parse(text[5:], whole)
        return List(element), _expect(rest, ">", whole)
    if text.lower().startswith("struct<"):
        return _parse_struct(text[7:], whole)
    end = re.match(r"[A-Za-z0-9_]+(?: precision)?", text, re.IGNORECASE)
    name = end[0].lower() if end else ""
    kind = PLAIN.get(name) or _ALIASES.get(name)
    if kind is None or end is None:
        raise _unknown_type(whole)
    return kind, text[end.end() :]


def _parse_struct(text: str, whole: str) -> tuple[DataType, str]:
    members: list[tuple[str, DataType]] = []
    while True:
        match = re.match(r"\s*([^:<>,]+?)\s*:", text)
        if not match:
            raise _unknown_type(whole)
        kind, text = _parse(text[match.end() :], whole)
        members.append((match[1], kind))
        text = text.lstrip()
        if not text.startswith(","):
            return Struct(tuple(members)), _expect(text, ">", whole)
        text = text[1:]


def _expect(text: str, mark: str, whole: str) -> str:
    text = text.lstrip()
    if not text.startswith(mark):
        raise _unknown_type(whole)
    return text[1:]


def _unknown_type(text: str) -> TypeMismatch:
    names = (*PLAIN, "decimal(p,s)", "list<…>", "struct<name: …>")
    hint = suggestion(text, (*PLAIN, *_ALIASES))
    return TypeMismatch(f"'{text}' is not a type", available=names, hint=hint)


_PYTHON_TYPES: Final = (
    (bool, BOOL),
    (int, INT64),
    (float, FLOAT64),
    (str, TEXT),
    (bytes, BINARY),
    (datetime.date, DATE),
)


def type_of_value(value: object) -> DataType:
    """Return the type that a Python value has as a literal.

    Raises
    ------
    TypeMismatch
        Where no type holds such a value.

    Examples
    --------
    >>> import decimal
    >>> str(type_of_value(3)), str(type_of_value(decimal.Decimal("1.50")))
    ('int64', 'decimal(3,2)')
    """
    if value is None:
        return NULL
    if isinstance(value, datetime.datetime):
        return TIMESTAMP if value.tzinfo is None else TIMESTAMP_UTC
    if isinstance(value, decimal.Decimal):
        return _type_of_decimal(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise TypeMismatch(f"{value} does not fit int64", hint="write it as a decimal.Decimal")
    for python, kind in _PYTHON_TYPES:
        if isinstance(value, python):
            return kind
    raise TypeMismatch(
        f"a {type(value).__name__} cannot be a literal ({value!r:.40})",
        hint="use bool, int, float, str, bytes, date, datetime, Decimal or None",
    )


def _type_of_decimal(value: decimal.Decimal) -> Decimal:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise TypeMismatch(f"{value} is not a decimal number", hint="use float('nan')")
    scale = max(0, -exponent)
    precision = max(len(digits) + max(0, exponent), scale, 1)
    if precision > MAX_PRECISION:
        raise TypeMismatch(f"{value} has more than {MAX_PRECISION} digits")
    return Decimal(precision, scale)


@dataclass(frozen=True, slots=True)
class Field:
    """A column's name and type, and whether it may be NULL."""

    name: str
    type: DataType
    nullable: bool = True

    def __str__(self) -> str:
        return f"{self.name} {self.type}" + ("" if self.nullable else " not null")


class Schema:
    """The columns of a relation, in order; names are unique.

    Raises
    ------
    DuplicateColumn
        Where two fields have one name.

    Examples
    --------
    >>> schema = Schema.of(id=INT64, name=TEXT)
    >>> schema.names, str(schema["name"].type)
    (('id', 'name'), 'text')
    """

    __slots__ = ("_hash", "_index", "_types", "fields", "names")
    _hash: int
    _types: tuple[DataType, ...]

    def __init__(self, fields: Iterable[Field]) -> None:
        self.fields = tuple(fields)
        self.names = tuple([f.name for f in self.fields])
        self._index = dict(zip(self.names, self.fields, strict=True))
        if len(self._index) != len(self.fields):
            twice, _ = Counter(self.names).most_common(1)[0]
            raise DuplicateColumn(
                f"two columns would be called '{twice}'",
                available=self.names,
                hint="rename one of them, or give join() another suffix=",
            )

    @classmethod
    def of(cls, **types: DataType | str) -> Schema:
        """Make a schema from names and types (or type names)."""
        return cls(
            Field(name, _parse_type_of(name, kind) if isinstance(kind, str) else kind)
            for name, kind in types.items()
        )

    def __getitem__(self, name: str) -> Field:
        return self.field(name)

    def field(self, name: str, *, of: str | None = None) -> Field:
        """Return the field called `name`; `of` names the relation in the error if there is none."""
        found = self._index.get(name)
        if found is None:
            raise ColumnNotFound(name, self.names, of=of)
        return found

    @property
    def types(self) -> tuple[DataType, ...]:
        """The types of the columns, each once."""
        try:
            return self._types
        except AttributeError:
            self._types = tuple(dict.fromkeys([f.type for f in self.fields]))
            return self._types

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Schema) and self.fields == other.fields)

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            self._hash = hash(self.names)
            return self._hash

    def __repr__(self) -> str:
        return f"Schema({', '.join(map(str, self.fields))})"

    def select(self, names: Iterable[str]) -> Schema:
        """Return the schema of the named columns, in the order given."""
        return Schema(self.field(name) for name in names)

    def as_nullable(self) -> Schema:
        """Return the schema with every column nullable, as the outer side of a join has it."""
        return Schema(Field(f.name, f.type) for f in self.fields)


def check_option(value: str, choices: Iterable[str], *, name: str) -> str:
    """Return `value` if it is among `choices`; raise InvalidOption with a suggestion if not."""
    choices = tuple(choices)
    if value not in choices:
        raise InvalidOption(
            f"{name}='{value}' is not a choice", available=choices, hint=suggestion(value, choices)
        )
    return value
