"""The audit log of a party: what it was asked, how it decided, and what left it; append-only.

A line is a JSON object. It names the hash of the line before it (``previous``) and ends with its
own (``hash``), so that a line that is changed, taken out or moved is found. Who owns the disk can
still write the whole file anew, or cut off its end: whoever wants to notice keeps the hash of the
last line elsewhere, and asks for it when the log is verified.
"""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERSION: Final = 1
NOTHING: Final = "0" * 64
"""What the first line names as the hash before it."""
_BLOCK: Final = 1 << 16
_HASH_FIELD: Final = b', "hash": "'
_END: Final = b'"}'
_TAIL: Final = len(_HASH_FIELD) + 64 + len(_END)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks a party.

    Parameters
    ----------
    name, fingerprint
        As the coordinator has them from the connection; a simulation asks from ``here``.
    session
        In which session.
    """

    name: str = "here"
    fingerprint: str = "here"
    session: str = ""

    @property
    def is_here(self) -> bool:
        """Whether the parties are simulated in the process that asks."""
        return self.fingerprint == "here"


HERE: Final = Asker()


@dataclass(frozen=True, slots=True)
class Verified:
    """What is known of a log that was verified.

    Parameters
    ----------
    lines
        How many lines it has.
    head
        The hash of the last one.
    faults
        One sentence for each line that is not as it was written; none where all are.
    """

    lines: int
    head: str
    faults: tuple[str, ...]


class AuditLog:
    """A file to which one line is added for each answer, on the disk before the answer leaves.

    Several processes may write to one log.

    Parameters
    ----------
    path
        The file; made at the first line.

    Examples
    --------
    >>> import tempfile
    >>> directory = tempfile.TemporaryDirectory()
    >>> log = AuditLog(Path(directory.name, "audit.jsonl"))
    >>> log.append({"stage": "train", "decision": "allowed"})
    >>> log.append({"stage": "evaluate", "decision": "allowed"})
    >>> [line["stage"] for line in log.entries()], log.verify().faults
    (['train', 'evaluate'], ())
    >>> changed = log.path.read_text().replace("allowed", "refused", 1)
    >>> _ = log.path.write_text(changed)
    >>> log.verify().faults
    ('line 1 was changed: its hash is another',)
    >>> directory.cleanup()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._number = 0

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add a line; it is on the disk when this returns.

        Raises
        ------
        SourceError
            It could not be written, or the log is not what it was; the party must not answer.
        """
        with self._lock:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                number = os.open(self.path, flags, 0o600)
                try:
                    fcntl.flock(number, fcntl.LOCK_EX)
                    self._append(number, entry)
                finally:
                    os.close(number)
            except OSError as error:
                raise self._unusable(error.strerror or str(error)) from error

    def _append(self, file: int, entry: Mapping[str, Any]) -> None:
        last, torn = _last_line(file)
        lines = b""
        if torn and _parsed(torn) is not None:
            last, torn, lines = torn, b"", b"\n"
        first: dict[str, Any] = {"number": 0, "hash": NOTHING}
        before = _parsed(last) if last else first
        if before is None or before["number"] < self._number:
            raise self._unusable(
                "its last line is not one that was written here"
                if before is None
                else f"it has {before['number']} lines, and had {self._number}"
            )
        number, previous = before["number"], before["hash"]
        if torn:
            # A process died while it wrote: the line told of an answer that was never given.
            mended = {"event": "mended", "torn": hashlib.sha256(torn).hexdigest()}
            number, previous, line = _written(mended, number, previous)
            lines = b"\n" + line
        number, _, line = _written(entry, number, previous)
        view = memoryview(lines + line)
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
        if self._number == 0:
            _sync_directory(self.path.parent)
        self._number = number

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the lines that can be read, the oldest first.

        Raises
        ------
        SourceError
            There is no such log, or it cannot be read.
        """
        for raw in self._lines():
            if (entry := _parsed(raw)) is not None:
                yield entry

    def verify(self, known: str | None = None) -> Verified:
        """Look at each line's hash, and at the hash that it names before it.

        Parameters
        ----------
        known
            The hash of a line that the log must have.

        Raises
        ------
        SourceError
            There is no such log, or it cannot be read.
        """
        faults: list[str] = []
        previous, number, lines, met = NOTHING, 0, 0, known in (None, NOTHING)
        torn: tuple[int, str] | None = None
        for place, raw in enumerate(self._lines(), start=1):
            lines = place
            entry = _parsed(raw)
            if torn is not None:
                if entry is None or entry.get("torn") != torn[1]:
                    faults.append(f"line {torn[0]} was changed: it is not a line of a log")
                torn = None
            if entry is None:
                torn = place, hashlib.sha256(raw).hexdigest()
                continue
            met = met or entry["hash"] == known
            if entry["hash"] != _hash_of(raw):
                faults.append(f"line {place} was changed: its hash is another")
            if entry["number"] != number + 1:
                faults.append(
                    f"line {place} is number {entry['number']}, and number {number + 1} was "
                    "expected: lines were taken out or moved"
                )
            elif entry["previous"] != previous:
                faults.append(f"line {place} follows another line than the one before it")
            previous, number = entry["hash"], entry["number"]
        if torn is not None:
            faults.append(f"line {torn[0]} is not whole: the process that wrote it died")
        if not met:
            faults.append(f"no line has the hash {known}: the end was cut off, or all is new")
        return Verified(lines, previous, tuple(faults))

    def _lines(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                yield from (line.rstrip(b"\n") for line in file)
        except OSError as error:
            raise SourceError(
                f"the audit log {self.path} cannot be read: {error.strerror or error}",
                hint="a party writes it from the first message that it answers"
                if isinstance(error, FileNotFoundError)
                else None,
            ) from error

    def _unusable(self, reason: str) -> SourceError:
        return SourceError(
            f"the audit log {self.path} cannot be written: {reason}",
            hint="the party answers nothing until it can be; `wayfed party audit --verify` looks "
            "at each line",
        )


def _written(entry: Mapping[str, Any], number: int, previous: str) -> tuple[int, str, bytes]:
    """Return the number, the hash and the bytes of the line after `number`."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    whole = {"version": VERSION, "number": number + 1, "at": now, **entry, "previous": previous}
    body = json.dumps(whole, allow_nan=False).encode()[:-1]
    own = hashlib.sha256(body).hexdigest()
    return number + 1, own, b"".join((body, _HASH_FIELD, own.encode(), _END, b"\n"))


def _hash_of(raw: bytes) -> str:
    return hashlib.sha256(raw[:-_TAIL]).hexdigest()


def _parsed(raw: bytes) -> dict[str, Any] | None:
    """Return what a line says; None where it is none of a log."""
    try:
        entry = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    match entry:
        case {"number": int(), "previous": str(), "hash": str()}:
            return dict(entry)
    return None


def _last_line(file: int) -> tuple[bytes, bytes]:
    """Return the last whole line, and what stands after it."""
    end, tail = os.fstat(file).st_size, b""
    while end and tail.count(b"\n") < 2:  # the end of it, and of the one before
        start = max(0, end - _BLOCK)
        tail = os.pread(file, end - start, start) + tail
        end = start
    whole, newline, torn = tail.rpartition(b"\n")
    return (whole.rpartition(b"\n")[2] if newline else b""), torn


def _sync_directory(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
