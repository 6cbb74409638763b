"""Flower's Messages as bytes, of which the content is written once for all who get it."""

from __future__ import annotations

import math
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord
from flwr.common.serde import (
    config_record_to_proto,
    error_to_proto,
    message_from_proto,
    metadata_from_proto,
    metadata_to_proto,
)
from flwr.proto.error_pb2 import Error as ErrorProto
from flwr.proto.message_pb2 import Message as MessageProto
from flwr.proto.message_pb2 import Metadata as MetadataProto
from flwr.proto.recorddict_pb2 import RecordDict as RecordDictProto

from wayfed.federated.wire import Reply, figures_of, message_of, record_of, settings_of
from wayfed_optimizer.errors import WayfedError

if TYPE_CHECKING:
    from flwr.app import ConfigRecord, RecordDict
    from numpy.typing import NDArray

_PREAMBLE: Final = 10
"""Bytes before the head of an array: magic, version, and the head's length."""
_LONGEST: Final = 200
"""Characters of a reason."""
_WITH_LENGTH: Final = 2  # the wire type of what is preceded by its length
_CONTENT_TAG: Final = bytes(
    [MessageProto.DESCRIPTOR.fields_by_name["content"].number << 3 | _WITH_LENGTH]
)
_UNREAD: Final = "query"
"""Stands for the type of a message that could not be read; Flower takes none without one."""


class MalformedMessage(WayfedError):
    """Bytes that are no Flower Message."""


def content_bytes(content: RecordDict) -> bytes:
    """Write what a message holds, as a field of its Protocol Buffer."""
    proto = RecordDictProto()
    _write(content, proto)
    written = proto.SerializeToString()
    del proto  # it holds all arrays once more
    return b"".join((_CONTENT_TAG, _varint(len(written)), written))


def head_bytes(message: Message) -> bytes:
    """Write what a message says beside its content; followed by that, it is a whole Message."""
    written: bytes = MessageProto(metadata=metadata_to_proto(message.metadata)).SerializeToString()
    return written


def to_bytes(message: Message) -> bytes:
    """Write a whole message."""
    proto = MessageProto(metadata=metadata_to_proto(message.metadata))
    if message.has_error():
        proto.error.CopyFrom(error_to_proto(message.error))
    else:
        _write(message.content, proto.content)
    written: bytes = proto.SerializeToString()
    return written


def refusal_bytes(node: int, number: int, code: int, reason: str) -> bytes:
    """Write a party's refusal of a message of which it could read no more than the envelope."""
    metadata = MetadataProto(
        src_node_id=node, reply_to_message_id=str(number), message_type=_UNREAD
    )
    error = ErrorProto(code=code, reason=reason)
    written: bytes = MessageProto(metadata=metadata, error=error).SerializeToString()
    return written


def from_bytes(data: bytes) -> Message:
    """Read a message; its arrays are read too, and are what their bytes say they are.

    Raises
    ------
    MalformedMessage
        These bytes are none.
    """
    try:
        proto = MessageProto.FromString(data)
        if proto.HasField("error"):
            return message_from_proto(proto)
        content = Reply({item.key: _record(item) for item in proto.content.items})
        return message_of(metadata_from_proto(proto.metadata), content)
    except Exception as error:  # whatever bytes do to who reads them, they are no message
        told = str(error)[:_LONGEST]
        raise MalformedMessage(
            f"bytes that are no message: {type(error).__name__}: {told}"
        ) from error


def _write(content: RecordDict, into: Any) -> None:
    """Write records as Flower does, without its look at each of the numbers."""
    into.SetInParent()
    for name, record in content.items():
        item = into.items.add(key=name)
        if isinstance(record, ArrayRecord):
            item.array_record.SetInParent()
            for key, array in record.items():
                value = item.array_record.items.add(key=key).value
                value.dtype, value.stype = array.dtype, array.stype
                value.shape.extend(array.shape)
                value.data = array.data
        elif isinstance(record, MetricRecord):
            item.metric_record.SetInParent()
            for key, figure in record.items():
                _write_figure(figure, item.metric_record.items.add(key=key).value)
        else:
            item.config_record.CopyFrom(config_record_to_proto(record))


def _write_figure(figure: float | list[int] | list[float], into: Any) -> None:
    match figure:
        case float():
            into.double = figure
        case int():
            into.sint64 = figure
        case [int(), *_]:
            into.sint_list.vals.extend(figure)
        case _:
            into.double_list.SetInParent()
            into.double_list.vals.extend(figure)


def _record(item: Any) -> ArrayRecord | ConfigRecord | MetricRecord:
    """Read a record; Flower's own reading would make each array twice, and look at each value."""
    match item.WhichOneof("value"):
        case "array_record":
            arrays = item.array_record.items
            return record_of({each.key: _array_of(each.value.data) for each in arrays})
        case "config_record":
            return settings_of({each.key: _value(each.value) for each in item.config_record.items})
        case "metric_record":
            return figures_of({each.key: _value(each.value) for each in item.metric_record.items})
        case other:
            raise ValueError(f"a record of the kind {other}")


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    return list(found.vals) if kind.endswith("list") else found


def _array_of(data: bytes) -> NDArray[Any]:
    """Read what ``numpy.save`` wrote, without a copy; no pickles, no archives, no empty claims.

    ``numpy.load`` makes room for as many numbers as the head says before it looks for them.
    """
    start = _PREAMBLE + int.from_bytes(data[_PREAMBLE - 2 : _PREAMBLE], "little")
    shape, is_fortran, dtype = _head_of(data[:start])
    claimed, there = math.prod(shape) * dtype.itemsize, len(data) - start
    if claimed != there:
        raise ValueError(f"an array of {claimed:,} bytes, of which {there:,} are there")
    flat = np.frombuffer(data, dtype, offset=start) if claimed else np.empty(0, dtype)
    return flat.reshape(shape, order="F" if is_fortran else "C")


@lru_cache(maxsize=256)
def _head_of(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the head of an array: its shape, order and type; the same few come with every round."""
    from numpy.lib import format as written

    file = BytesIO(head)
    if (version := written.read_magic(file)) != (1, 0):
        raise ValueError(f"an array in version {version} of numpy's format")
    shape, is_fortran, dtype = written.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("an array of Python objects")
    return shape, is_fortran, dtype


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:  # seven bits a byte; the eighth says that more follow
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
