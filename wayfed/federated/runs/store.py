"""The store of runs: what was asked, who took part, each round's measures, and the model.

It holds no rows, no values of rows and no secrets; what it tells of parties is what they released.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from wayfed.federated.runs.archive import DamagedArchive, read_archive, write_archive
from wayfed.federated.runs.database import StoreFailed, open_database
from wayfed.federated.runs.places import OFF
from wayfed_java.telling import tell
from wayfed_optimizer.errors import InvalidOption, SourceError

if TYPE_CHECKING:
    from wayfed.federated.models.adapter import Weights
    from wayfed.federated.runs.database import Columns, Database, Row, Statement

RUNS: Final = "wayfed_runs_1"
ROUNDS: Final = "wayfed_rounds_2"
"""A table's name ends in the version of its form: two versions may share a database."""

_RUN_COLUMNS: Final[Columns] = {
    "id": "name",
    "started": "name",
    "status": "name",
    "description": "text",
    "strategy": "name",
    "runner": "name",
    "rounds": "number",
    "done": "number",
    "seconds": "real",
    "host": "text",
    "process": "number",
    "plan_hash": "name",
    "checkpoint": "text",
    "versions": "text",
    "request": "text",
    "parties": "text",
    "failures": "text",
    "metrics": "text",
    "card": "text",
    "model": "bytes",
}
_ROUND_COLUMNS: Final[Columns] = {
    "run": "name",
    "number": "number",
    "metrics": "text",
    "parties": "text",
    "weights": "text",
    "failures": "text",
    "seconds": "real",
    "reliability": "text",
}
_LISTED: Final = (
    "id, started, status, description, strategy, rounds, done, seconds, host, process, parties, "
    "metrics, checkpoint"
)
_SECONDS: Final = len("2026-11-21 19:43:13")
_PAUSE: Final = 0.2
"""Seconds between two writes of rounds: rounds may take less than a database needs for a row."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run, as `ctx.runs` and ``wayfed runs list`` show it.

    Parameters
    ----------
    id
        By which it is resumed, shown and exported.
    started
        When, in UTC.
    status
        ``running``, ``finished``, ``stopped``, ``failed``, or ``interrupted``: its process ended
        without a word.
    model, strategy
        What was trained, and how.
    rounds
        How many there were, of how many.
    parties
        How many took part.
    seconds
        How long its rounds took.
    metrics
        The measures of its last round, on held-out rows.
    checkpoint
        Where its checkpoint is; None where it leaves none.
    """

    id: str
    started: str
    status: str
    model: str
    strategy: str
    rounds: str
    parties: int
    seconds: float
    metrics: Mapping[str, float]
    checkpoint: str | None


class RunStore:
    """Runs in a database, written while they go on; many may write at once.

    A store that cannot be written ends no run: it says so once, and keeps nothing more.

    Parameters
    ----------
    place
        The path of a SQLite file, a SQLAlchemy URL, or ``off``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     RunStore(f"{directory}/runs.db").runs()
    ()
    """

    def __init__(self, place: str) -> None:
        self._database: Database | None = None if place == OFF else open_database(place)
        self._lock = RLock()
        self._ready = False
        self._failed = False
        self._waiting: list[Statement] = []
        self._written = 0.0

    @property
    def place(self) -> str:
        """Where it is, without passwords."""
        return OFF if self._database is None else self._database.place

    def begin(self, run: str, facts: Mapping[str, Any]) -> None:
        """Note that a run has begun, or goes on."""
        row = {
            "id": run,
            "started": self._started(run),
            "status": "running",
            "host": socket.gethostname(),
            "process": os.getpid(),
            **facts,
        }
        self._write([_delete(RUNS, id=run), _insert(RUNS, row)], at_once=True)

    def note_round(self, run: str, played: Mapping[str, Any], **facts: Any) -> None:
        """Note a round; it is written at once or a little later."""
        number = played["number"]
        row = {"run": run, **{name: _text(value) for name, value in played.items()}}
        self._write(
            [
                _delete(ROUNDS, run=run, number=number),
                _insert(ROUNDS, row),
                _update(RUNS, {"done": number, **facts}, id=run),
            ]
        )

    def finish(self, run: str, facts: Mapping[str, Any], weights: Weights) -> None:
        """Note how a run ended, and its model."""
        written = BytesIO()
        write_archive(written, dict(weights))
        row = {**facts, "model": written.getvalue()}
        self._write([_update(RUNS, row, id=run)], at_once=True)

    def runs(self) -> tuple[RunInfo, ...]:
        """List the runs, the newest first.

        Raises
        ------
        SourceError
            The store cannot be read.
        """
        found = self._rows(RUNS, f"SELECT {_LISTED} FROM {RUNS} ORDER BY started DESC, id DESC")
        return tuple(map(_info, found))

    def record(self, run: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return all that is known of a run: its facts, and its rounds.

        Raises
        ------
        InvalidOption
            There is no run of that id.
        SourceError
            The store cannot be read.
        """
        found = self._rows(RUNS, f"SELECT * FROM {RUNS} WHERE id = :id", id=run)
        if not found:
            known = [each.id for each in self.runs()]
            raise InvalidOption.unknown(run, known, of=f"the runs in {self.place}")
        query = f"SELECT * FROM {ROUNDS} WHERE run = :id ORDER BY number"
        rounds = self._rows(ROUNDS, query, id=run)
        return _read_row(found[0], _RUN_TEXTS), [_read_row(row, _ROUND_TEXTS) for row in rounds]

    def close(self) -> None:
        """Write what waits, and let go of the database."""
        self._write([], at_once=True)
        if self._database is not None:
            self._database.close()

    def _started(self, run: str) -> str:
        """Return when a run began, which for one that goes on is noted already."""
        query = f"SELECT started FROM {RUNS} WHERE id = :id"
        try:
            found = [] if self._failed else self._rows(RUNS, query, id=run)
        except SourceError:  # that it cannot be used is told when it is written to
            found = []
        now = datetime.now(UTC).isoformat(sep=" ", timespec="microseconds").removesuffix("+00:00")
        return str(found[0]["started"]) if found else now

    def _write(self, statements: Sequence[Statement], *, at_once: bool = False) -> None:
        with self._lock:
            if self._database is None or self._failed:
                return
            self._waiting += statements
            if self._waiting and (at_once or monotonic() - self._written > _PAUSE):
                self._write_waiting(self._database)

    def _write_waiting(self, database: Database) -> None:
        try:
            if not self._ready:
                database.create(RUNS, _RUN_COLUMNS, ("id",))
                database.create(ROUNDS, _ROUND_COLUMNS, ("run", "number"))
                self._ready = True
            database.write(self._waiting)
        except (StoreFailed, SourceError) as error:
            self._failed = True
            tell(f"runs are not kept: {database.place} cannot be written ({error})")
        self._waiting = []
        self._written = monotonic()

    def _rows(self, table: str, query: str, **parameters: Any) -> list[dict[str, Any]]:
        if self._database is None:
            return []
        try:
            return self._database.rows(table, query, parameters)
        except StoreFailed as error:
            raise SourceError(
                f"the store of runs {self.place} cannot be read: {error}",
                hint="WAYFED_RUNS names another one, 'off' none",
            ) from error


_RUN_TEXTS: Final = ("versions", "request", "parties", "failures", "metrics", "card")
_ROUND_TEXTS: Final = ("metrics", "parties", "weights", "failures", "reliability")


def as_texts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as a row holds them: what is no number and no text becomes JSON."""
    return {name: _text(value) for name, value in facts.items()}


def model_arrays(model: bytes | None) -> Weights:
    """Return the arrays that a run's record holds; none where it has no model yet."""
    if not model:
        return {}
    try:
        return read_archive(BytesIO(model))[0]
    except DamagedArchive as error:
        raise SourceError(f"the model in the store of runs is damaged: {error}") from error


def _text(value: object) -> object:
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return value


def _read_row(row: Row, texts: Sequence[str]) -> dict[str, Any]:
    plain = dict(row)
    for name in texts:
        plain[name] = None if plain[name] is None else json.loads(plain[name])
    return plain


def _insert(table: str, row: Row) -> Statement:
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    return f"INSERT INTO {table} ({names}) VALUES ({values})", row


def _update(table: str, row: Row, **key: Any) -> Statement:
    values = ", ".join(f"{name} = :{name}" for name in row)
    return f"UPDATE {table} SET {values} WHERE {_where(key)}", {**row, **key}


def _delete(table: str, **key: Any) -> Statement:
    return f"DELETE FROM {table} WHERE {_where(key)}", key


def _where(key: Row) -> str:
    return " AND ".join(f"{name} = :{name}" for name in key)


def _info(row: Row) -> RunInfo:
    parties = json.loads(row["parties"] or "{}")
    return RunInfo(
        id=row["id"],
        started=row["started"][:_SECONDS],
        status=_status(row),
        model=row["description"],
        strategy=row["strategy"],
        rounds=f"{row['done'] or 0} of {row['rounds']}",
        parties=sum(report["left_out"] is None for report in parties.values()),
        seconds=round(row["seconds"] or 0.0, 2),
        metrics=json.loads(row["metrics"] or "{}"),
        checkpoint=row["checkpoint"],
    )


def _status(row: Row) -> str:
    """Say what became of a run: one whose process here is gone was interrupted."""
    if row["status"] != "running" or row["host"] != socket.gethostname():
        return str(row["status"])
    try:
        os.kill(row["process"], 0)
    except ProcessLookupError:
        return "interrupted"
    except PermissionError:
        pass
    return "running"
