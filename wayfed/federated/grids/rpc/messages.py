"""Flower's Messages as bytes, of which the content is written once for all who get it."""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from flwr.app import ArrayRecord, Message
from flwr.common.serde import (
    message_from_proto,
    message_to_proto,
    metadata_to_proto,
    recorddict_to_proto,
)
from flwr.proto.message_pb2 import Message as MessageProto

from wayfed.federated.wire import NumpyArray, Reply
from wayfed_optimizer.errors import WayfedError

if TYPE_CHECKING:
    from flwr.app import RecordDict
    from numpy.typing import NDArray

_LONGEST: Final = 200
"""Characters of a reason."""
_WITH_LENGTH: Final = 2  # the wire type of what is preceded by its length
_CONTENT_TAG: Final = bytes(
    [MessageProto.DESCRIPTOR.fields_by_name["content"].number << 3 | _WITH_LENGTH]
)


class MalformedMessage(WayfedError):
    """Bytes that are no Flower Message."""


def content_bytes(content: RecordDict) -> bytes:
    """Write what a message holds, as a field of its Protocol Buffer."""
    written = recorddict_to_proto(content).SerializeToString()
    return b"".join((_CONTENT_TAG, _varint(len(written)), written))


def head_bytes(message: Message) -> bytes:
    """Write what a message says beside its content; followed by that, it is a whole Message."""
    written: bytes = MessageProto(metadata=metadata_to_proto(message.metadata)).SerializeToString()
    return written


def to_bytes(message: Message) -> bytes:
    """Write a whole message."""
    written: bytes = message_to_proto(message).SerializeToString()
    return written


def from_bytes(data: bytes) -> Message:
    """Read a message; its arrays are read too, and are what their bytes say they are.

    Raises
    ------
    MalformedMessage
        These bytes are none.
    """
    try:
        message = message_from_proto(MessageProto.FromString(data))
        if not message.has_error():
            content = Reply(
                {
                    name: _read(record) if isinstance(record, ArrayRecord) else record
                    for name, record in message.content.items()
                }
            )
            message = Message(content, metadata=message.metadata)
    except Exception as error:  # whatever bytes do to who reads them, they are no message
        told = str(error)[:_LONGEST]
        raise MalformedMessage(
            f"bytes that are no message: {type(error).__name__}: {told}"
        ) from error
    return message


def _read(record: ArrayRecord) -> ArrayRecord:
    read = ArrayRecord()
    for name, array in record.items():
        read[name] = NumpyArray(_array_of(array.data))
    return read


def _array_of(data: bytes) -> NDArray[Any]:
    """Read what ``numpy.save`` wrote, without a copy; no pickles, no archives, no empty claims.

    ``numpy.load`` makes room for as many numbers as the head says before it looks for them.
    """
    from numpy.lib import format as written

    file = BytesIO(data)
    version = written.read_magic(file)
    reads = {(1, 0): written.read_array_header_1_0, (2, 0): written.read_array_header_2_0}
    shape, is_fortran, dtype = reads[version](file)
    if dtype.hasobject:
        raise ValueError("an array of Python objects")
    claimed, there = math.prod(shape) * dtype.itemsize, len(data) - file.tell()
    if claimed != there:
        raise ValueError(f"an array of {claimed:,} bytes, of which {there:,} are there")
    flat = np.frombuffer(data, dtype, offset=file.tell()) if claimed else np.empty(0, dtype)
    return flat.reshape(shape, order="F" if is_fortran else "C")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:  # seven bits a byte; the eighth says that more follow
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
