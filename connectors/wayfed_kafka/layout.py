"""Which column of rows becomes which part of a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wayfed_kafka.formats.json import require_word
from wayfed_kafka.table import HEADERS
from wayfed_optimizer.errors import ColumnNotFound, InvalidOption, TypeMismatch
from wayfed_optimizer.types import (
    BINARY,
    BOOL,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    List,
    Schema,
    Struct,
    check_option,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.platform import TargetRequest
    from wayfed_optimizer.types import DataType

FORMATS: Final = ("json", "avro", "raw")
OPTIONS: Final = ("key", "value", "tombstone", "timestamp", "headers")

_HEADERS_TYPE: Final = List(Struct((("key", TEXT), ("value", BINARY))))
_TEXT_OR_BYTES: Final = (TEXT, BINARY)
_WRITE_OTHERWISE: Final = "write format='avro', or cast it to text where its bytes are UTF-8"


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a message, by the columns that they come from.

    Parameters
    ----------
    schema
        The columns of the rows.
    format
        What values are: one of FORMATS.
    key
        The columns whose values decide the partition, and on which compaction goes. They are
        columns of the value too, but of a raw one.
    tombstone
        The column that says of which rows the message has no value.
    timestamp
        The column that is the message's time.
    headers
        The columns that become headers: one with all of them, or some of text or binary, each of
        which is a header of its own name.
    value
        The columns of the value.
    """

    schema: Schema
    format: str
    key: tuple[str, ...]
    tombstone: str | None
    timestamp: str | None
    headers: tuple[str, ...]
    value: tuple[str, ...]

    @classmethod
    def of(cls, request: TargetRequest) -> Layout:
        """Return the layout that a request asks for.

        Raises
        ------
        InvalidOption, ColumnNotFound, TypeMismatch
            Where an option has no such value, or names a column that is not there or is no such.
        """
        schema, given = request.schema, request.options
        format = given.get("format") or FORMATS[0]
        check_option(format, FORMATS, name="format")
        key = _names(given, "key")
        tombstone, timestamp = _name(given, "tombstone"), _name(given, "timestamp")
        headers = _names(given, "headers")
        for name in (*key, *headers, *(each for each in (tombstone, timestamp) if each)):
            if name not in schema:
                raise ColumnNotFound(name, schema.names, of="the rows to be written")
        aside = {tombstone, timestamp, *headers}
        value = tuple(name for name in schema.names if name not in aside)
        if format == "raw":
            value = (_raw(schema, _name(given, "value"), value, key),)
        elif given.get("value") is not None:
            raise InvalidOption(
                f"value= is for format='raw'; the value of {format} has all columns",
                hint="leave columns out with select() or drop()",
            )
        layout = cls(schema, format, key, tombstone, timestamp, headers, value)
        layout._check()
        return layout

    @property
    def value_schema(self) -> Schema:
        """The columns of the value."""
        return Schema(self.schema[name] for name in self.value)

    def _check(self) -> None:
        if self.tombstone is not None:
            self._require("tombstone", self.tombstone, (BOOL,))
            if not self.key:
                raise InvalidOption(
                    "tombstone= needs key=: a message without a value takes its key back"
                )
        if self.timestamp is not None:
            self._require("timestamp", self.timestamp, (TIMESTAMP_UTC, TIMESTAMP))
        if len(self.headers) == 1:
            self._require("headers", self.headers[0], (*_TEXT_OR_BYTES, _HEADERS_TYPE))
        else:
            for name in self.headers:
                self._require("headers", name, _TEXT_OR_BYTES)
        for name in self.key:
            if isinstance(self.schema[name].type, List | Struct):
                raise TypeMismatch(
                    f"key='{name}' is a {self.schema[name].type}, of which equal values have no "
                    "one form",
                    hint="name the columns that it is made of: key=['a', 'b']",
                )
        if self.format == "json":
            for name in self.value:
                require_word(self.schema[name].type, name, hint=_WRITE_OTHERWISE)
        if not self.value:
            raise InvalidOption("no column is left for the value of the messages")

    def _require(self, option: str, name: str, kinds: tuple[DataType, ...]) -> None:
        found = self.schema[name].type
        if found not in kinds:
            raise TypeMismatch(
                f"{option}='{name}' is {found}, not {' or '.join(map(str, kinds))}",
                hint="cast it in the plan",
            )


def _raw(schema: Schema, named: str | None, left: tuple[str, ...], key: tuple[str, ...]) -> str:
    """Return the column that is a raw value."""
    if named is None:
        candidates = [name for name in left if name not in key]
        if len(candidates) != 1:
            raise InvalidOption(
                "format='raw' needs value=: which column is the message's value",
                available=left,
            )
        named = candidates[0]
    if named not in schema:
        raise ColumnNotFound(named, schema.names, of="the rows to be written")
    if schema[named].type not in _TEXT_OR_BYTES:
        raise TypeMismatch(
            f"value='{named}' is {schema[named].type}, and a raw value is text or binary",
            hint="cast it, or use format='json'",
        )
    return named


def _name(given: Mapping[str, Any], option: str) -> str | None:
    value = given.get(option)
    if value is not None and not isinstance(value, str):
        raise InvalidOption(f"{option}= is a column's name, not {type(value).__name__}")
    return value


def _names(given: Mapping[str, Any], option: str) -> tuple[str, ...]:
    value = given.get(option)
    if value is None:
        return ()
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(each, str) for each in names):
        example = HEADERS if option == "headers" else "id"
        raise InvalidOption(
            f"{option}= is the name of a column, or a list of them",
            hint=f"for example {option}='{example}'",
        )
    return tuple(names)
