"""The content of messages: plain JSON for questions and answers, numpy arrays for weights."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from io import BytesIO
from time import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from flwr.app import (
    Array,
    ArrayRecord,
    ConfigRecord,
    Message,
    Metadata,
    MetricRecord,
    RecordDict,
)
from flwr.supercore.task_identity import TaskIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

QUESTION: Final = "question"
_JSON: Final = "json"
_LENT: Final = "lent"
_NUMPY: Final = "numpy.ndarray"
_FLOAT64: Final = np.dtype(np.float64)
_SMALL_BYTES: Final = 1 << 20
"""Arrays up to this size are kept beside their bytes: a larger one is written again instead."""


class NumpyArray(Array):  # type: ignore[misc]  # Flower is untyped here
    """Flower's Array around a numpy array, written to bytes only if a message leaves the process.

    Within one process this saves a round trip through ``numpy.save`` at each party and round. The
    array is read-only: whoever wants to change it copies it, as from a fresh ``numpy.load``.
    """

    def __init__(self, ndarray: NDArray[Any]) -> None:
        view = ndarray.view()
        view.flags.writeable = False
        # Writing out a dtype takes longer than all else here, and nearly all are of one.
        dtype = "float64" if view.dtype is _FLOAT64 else str(view.dtype)
        self.__dict__.update(
            dtype=dtype, shape=view.shape, stype=_NUMPY, _ndarray=view, _bytes=None
        )

    @property
    def data(self) -> bytes:
        """The array as ``numpy.save`` writes it."""
        array = self.__dict__["_ndarray"]
        if not array.flags.c_contiguous or array.nbytes > _SMALL_BYTES:
            written: bytes = Array.from_numpy_ndarray(array).data
            return written
        if self.__dict__["_bytes"] is None:
            head = _npy_head(array.dtype.str, array.shape)
            self.__dict__["_bytes"] = head + array.tobytes()
        kept: bytes = self.__dict__["_bytes"]
        return kept

    def numpy(self) -> NDArray[Any]:
        """Give the array itself, read-only."""
        array: NDArray[Any] = self.__dict__["_ndarray"]
        return array


@lru_cache(maxsize=256)
def _npy_head(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Give what ``numpy.save`` writes before an array in C order; a model has the same few."""
    file = BytesIO()
    head = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, head)
    return file.getvalue()


class Reply(RecordDict):  # type: ignore[misc]  # Flower is untyped here
    """Flower's RecordDict as a party answers, quick to make and to look into.

    Strategies ask each reply several times for its records by kind; the base class then builds a
    dictionary that writes back what is changed in it, which is half of what a round would cost.
    """

    def __init__(self, records: Mapping[str, ArrayRecord | MetricRecord | ConfigRecord]) -> None:
        self.__dict__.update(_NO_RECORDS.__dict__, _data=dict(records))

    @property
    def array_records(self) -> dict[str, ArrayRecord]:
        """The records that hold arrays."""
        return self._of(ArrayRecord)

    @property
    def metric_records(self) -> dict[str, MetricRecord]:
        """The records that hold metrics."""
        return self._of(MetricRecord)

    def _of(self, kind: type) -> dict[str, Any]:
        held = self.__dict__["_data"].items()
        return {name: record for name, record in held if isinstance(record, kind)}


_NO_RECORDS: Final = RecordDict()
_NO_ARRAYS: Final = ArrayRecord()
_NO_FIGURES: Final = MetricRecord()
_NO_SETTINGS: Final = ConfigRecord()


def figures_of(values: Mapping[str, float | int | list[int] | list[float]]) -> MetricRecord:
    """Put figures into a record whose types are known; Flower looks at each number of a list."""
    return _filled(_NO_FIGURES, values)


def settings_of(values: Mapping[str, Any]) -> ConfigRecord:
    """Put settings into a record whose types are known, as those of a Protocol Buffer are."""
    return _filled(_NO_SETTINGS, values)


def _filled(empty: Any, values: Mapping[str, Any]) -> Any:
    """Make another record like an empty one; Flower's own making looks at each key and value."""
    kind: Any = type(empty)
    record = kind.__new__(kind)
    record.__dict__.update(empty.__dict__, _data=dict(values))
    return record


def reply_to(message: Message, content: RecordDict) -> Message:
    """Answer a message as ``Message(content, reply_to=message)`` does.

    Flower looks at each argument and at the message's type again, which at a thousand parties is a
    sixth of a round.
    """
    asked = message.metadata.__dict__
    now = time()
    metadata = Metadata.__new__(Metadata)
    metadata.__dict__.update(
        asked,
        _message_id="",
        _src_node_id=asked["_dst_node_id"],
        _dst_node_id=asked["_src_node_id"],
        _src_task_id=asked["_dst_task_id"],
        _dst_task_id=asked["_src_task_id"],
        _reply_to_message_id=asked["_message_id"],
        _created_at=now,
        _ttl=asked["_created_at"] + asked["_ttl"] - now,
    )
    return message_of(metadata, content)


def message_of(metadata: Metadata, content: RecordDict) -> Message:
    """Make a message of metadata that were looked at when they were made."""
    message = Message.__new__(Message)
    metadata.__dict__["_delivered_at"] = ""  # as Flower's own making leaves it
    message.__dict__.update(_metadata=metadata, _content=content, _error=None)
    return message


def record_of(weights: Mapping[str, NDArray[Any]]) -> ArrayRecord:
    """Put weights into a record, without writing them to bytes."""
    return _filled(_NO_ARRAYS, {name: NumpyArray(value) for name, value in weights.items()})


def weights_of(record: ArrayRecord) -> dict[str, NDArray[Any]]:
    """Take weights out of a record."""
    return {name: array.numpy() for name, array in record.items()}


class Lent(ConfigRecord):  # type: ignore[misc]  # Flower is untyped here
    """Something that goes beside a message within this process; what is written out is empty.

    Parameters
    ----------
    thing
        What parties of this process get, by reference.
    """

    def __init__(self, thing: object) -> None:
        super().__init__()
        self.thing = thing


def question(content: Mapping[str, Any], lent: object | None = None) -> RecordDict:
    """Put a question to parties, as JSON; `lent` reaches those of this process only."""
    records = RecordDict({QUESTION: _json_record(content)})
    if lent is not None:
        records[_LENT] = Lent(lent)
    return records


def lent_in(content: RecordDict) -> object | None:
    """Return what was lent with a question; None where it came from another process."""
    record = content.get(_LENT)
    return record.thing if isinstance(record, Lent) else None


def answer(records: Mapping[str, Mapping[str, Any]]) -> RecordDict:
    """Put answers into one record each; their names are kinds of release."""
    return RecordDict({name: _json_record(content) for name, content in records.items()})


def read_json(content: RecordDict, name: str) -> dict[str, Any]:
    """Read one record that `question` or `answer` wrote."""
    plain = json.loads(content[name][_JSON])
    if not isinstance(plain, dict):
        raise TypeError(f"record '{name}' is not an object")
    return plain


class _Quiet(logging.Filter):
    """Keeps Flower's reports of each step from threads that report in a way of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.active: ContextVar[bool] = ContextVar("wayfed_quiet_flower", default=False)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or not self.active.get()


_QUIET: Final = _Quiet()


@contextmanager
def flower_process() -> Iterator[None]:
    """Let this process make Flower Messages, and keep Flower's log to what went wrong.

    Since 1.39 a Message is stamped with the task that a Flower process runs; here there is none.
    The stamp stays afterwards, because runs in other threads may need it.
    """
    try:
        TaskIdentity.run_id  # noqa: B018  # raises where it is not set
    except RuntimeError:
        TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 1
    logging.getLogger("flwr").addFilter(_QUIET)
    token = _QUIET.active.set(True)
    try:
        yield
    finally:
        _QUIET.active.reset(token)


def _json_record(content: Mapping[str, Any]) -> ConfigRecord:
    return ConfigRecord({_JSON: json.dumps(content, allow_nan=False)})
