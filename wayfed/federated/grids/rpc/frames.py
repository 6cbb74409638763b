"""What travels between a hub and those who connect to it: frames of a header and a payload.

A frame is four bytes that tell the header's length, the header as JSON, and bytes of a message.
What is larger than a frame is cut into parts. Reading is total: any bytes give a frame, or a
`MalformedFrame` that says why not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from wayfed_optimizer.errors import WayfedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VERSION: Final = 2
"""Of what is said here; who speaks another one is refused."""
PART_BYTES: Final = 1 << 20
"""A hub holds a few parts of each answer on its way, and no answer whole."""
FRAME_BYTES: Final = 16 << 20
"""The largest frame that is read; a header of a thousand parties fits beside a part."""
CONNECTED_ANEW: Final = "has connected anew"
"""How a hub ends a connection whose place another one of the same certificate has taken."""
_LENGTH: Final = 4
_MOST_UNFINISHED: Final = 1 << 16
"""Messages of one connection that may be on their way, however small they are."""

Header: TypeAlias = dict[str, Any]

# What each kind of frame must say beside its kind. JSON's true is no number here.
_FIELDS: Final[Mapping[str, Mapping[str, type]]] = {
    "hello": {"version": int, "boot": str, "tables": list, "min_rows": int},
    "welcome": {"beat": float},
    "beat": {},
    "knock": {"version": int, "boot": str},
    "ask": {
        "session": str,
        "number": int,
        "size": int,
        "requester": str,
        "fingerprint": str,
    },
    "send": {"session": str, "number": int, "size": int, "heads": dict},
    "answer": {"session": str, "number": int, "size": int},
    "part": {"session": str, "number": int},
    "end": {"session": str, "fingerprint": str},
    "parties": {"listed": list, "present": dict},
    "undelivered": {"session": str, "number": int, "reason": str},
    "bundle": {"sizes": list},
}


class MalformedFrame(WayfedError):
    """Bytes that are no frame of this protocol."""


class MessageTooLarge(WayfedError):
    """A message beyond a limit; its parts are let pass without a word."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Parameters
    ----------
    kind
        What it is.
    header
        What it says.
    payload
        Bytes of a message.
    weight
        How many bytes the header had when it arrived.
    """

    kind: str
    header: Header
    payload: bytes = b""
    weight: int = field(default=0, compare=False)

    def encode(self) -> bytes:
        """Give the frame as bytes."""
        header = json.dumps({"kind": self.kind, **self.header}, separators=(",", ":")).encode()
        return b"".join((len(header).to_bytes(_LENGTH, "big"), header, self.payload))


def decode(data: bytes) -> Frame:
    """Read a frame.

    Raises
    ------
    MalformedFrame
        These bytes are none.

    Examples
    --------
    >>> decode(Frame("end", {"session": "s", "fingerprint": ""}).encode()).header["session"]
    's'
    """
    length = int.from_bytes(data[:_LENGTH], "big")
    if len(data) < _LENGTH or length > len(data) - _LENGTH:
        raise MalformedFrame(f"{len(data)} bytes that are shorter than their header says")
    try:
        header = json.loads(data[_LENGTH : _LENGTH + length])
    except (ValueError, RecursionError) as error:
        raise MalformedFrame(f"a header that is not JSON: {error}") from error
    kind = header.pop("kind", None) if isinstance(header, dict) else None
    wanted = _FIELDS.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        raise MalformedFrame(f"a frame of the unknown kind {kind!r:.40}")
    for name, type_ in wanted.items():
        if type(header.get(name)) is not type_:
            raise MalformedFrame(f"a frame '{kind}' whose {name} is not of type {type_.__name__}")
    return Frame(str(kind), header, data[_LENGTH + length :], length)


def framed(kind: str, header: Header, *pieces: bytes) -> Iterator[Frame]:
    """Cut a message into frames: the first is of `kind`, the others are its parts."""
    size = sum(map(len, pieces))
    parts = _parts(pieces)
    yield Frame(kind, {**header, "size": size}, next(parts, b""))
    for part in parts:
        yield Frame("part", {"session": header["session"], "number": header["number"]}, part)


def bundled(frames: Sequence[Frame]) -> Frame:
    """Put several frames into one: sending and receiving costs more than a small frame itself.

    Examples
    --------
    >>> end = Frame("end", {"session": "s", "fingerprint": ""})
    >>> [frame.kind for frame in unbundled(bundled([end, end]))]
    ['end', 'end']
    """
    if len(frames) == 1:
        return frames[0]
    encoded = [frame.encode() for frame in frames]
    return Frame("bundle", {"sizes": list(map(len, encoded))}, b"".join(encoded))


def unbundled(frame: Frame) -> Iterator[Frame]:
    """Give the frames of which one was made.

    Raises
    ------
    MalformedFrame
        It does not hold what it says.
    """
    if frame.kind != "bundle":
        yield frame
        return
    start = 0
    for size in frame.header["sizes"]:
        if type(size) is not int or size < 0:
            raise MalformedFrame("a bundle with a size that is none")
        inner = decode(frame.payload[start : start + size])
        if inner.kind == "bundle":
            raise MalformedFrame("a bundle in a bundle")
        yield inner
        start += size
    if start != len(frame.payload):
        raise MalformedFrame("a bundle of other bytes than it says")


def _parts(pieces: tuple[bytes, ...]) -> Iterator[bytes]:
    if sum(map(len, pieces)) <= PART_BYTES:
        yield b"".join(pieces)
        return
    for piece in pieces:
        view = memoryview(piece)
        for start in range(0, len(view), PART_BYTES):
            yield bytes(view[start : start + PART_BYTES])


@dataclass(slots=True)
class Assembler:
    """Puts messages together again of their frames.

    Parameters
    ----------
    limit
        The most bytes that a message may have.
    together
        The most bytes that all unfinished messages may have together, with their headers; None
        knows no such limit.
    """

    limit: int
    together: int | None = None
    _unfinished: dict[tuple[str, int], tuple[Frame, BytesIO]] = field(default_factory=dict)
    _passed: dict[tuple[str, int], int] = field(default_factory=dict)
    """How much is to come of messages that were too large."""
    _announced: int = 0

    def take(self, frame: Frame) -> tuple[Frame, bytes] | None:
        """Return a message when its last frame has come: the first frame, and all bytes.

        Raises
        ------
        MessageTooLarge
            It has more bytes than it may have; raised once.
        MalformedFrame
            A part of nothing, or more bytes than were announced.
        """
        key = frame.header["session"], frame.header.get("number", 0)
        if frame.kind != "part":
            self.drop(key)  # who was cut off in the middle of a message begins again
            return self._begin(key, frame)
        if key in self._passed:
            self._pass(key, frame)
            return None
        found = self._unfinished.get(key)
        if found is None:
            raise MalformedFrame("a part of a message that has not begun")
        first, received = found
        received.write(frame.payload)
        return self._finished(key, first, received)

    def drop(self, key: tuple[str, int]) -> None:
        """Forget an unfinished message."""
        self._passed.pop(key, None)
        found = self._unfinished.pop(key, None)
        if found is not None:
            self._announced -= found[0].header["size"] + found[0].weight

    def _begin(self, key: tuple[str, int], first: Frame) -> tuple[Frame, bytes] | None:
        size = first.header["size"]
        if size < 0:
            raise MalformedFrame(f"a message of {size:,} bytes")
        if len(self._unfinished) + len(self._passed) >= _MOST_UNFINISHED:
            raise MalformedFrame(f"more than {_MOST_UNFINISHED:,} messages at once")
        most = self.limit
        if self.together is not None and self._unfinished:
            most = min(most, max(0, self.together - self._announced))
        if size > most:
            self._passed[key] = size
            self._pass(key, first)
            raise MessageTooLarge(f"a message of {size:,} bytes, beyond {most:,}")
        if size == len(first.payload):
            return first, first.payload
        self._announced += size + first.weight
        received = BytesIO()  # gives what was written without a copy
        received.write(first.payload)
        self._unfinished[key] = first, received
        return self._finished(key, first, received)

    def _finished(
        self, key: tuple[str, int], first: Frame, received: BytesIO
    ) -> tuple[Frame, bytes] | None:
        size, there = first.header["size"], received.tell()
        if there < size:
            return None
        self.drop(key)
        if there > size:
            raise MalformedFrame(f"{there:,} bytes of a message of {size:,}")
        return first, received.getvalue()

    def _pass(self, key: tuple[str, int], frame: Frame) -> None:
        self._passed[key] -= len(frame.payload)
        if self._passed[key] <= 0:
            del self._passed[key]
