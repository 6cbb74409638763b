"""Flink as a platform: each fragment is one SQL statement, run as one job."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from wayfed_flink.capabilities import CAPABILITIES, COSTS
from wayfed_flink.channels import ASKED, FLINK_FILES, conversions, read_files, write_files
from wayfed_flink.exchange import Exchange
from wayfed_flink.failures import failure, is_lost, summary
from wayfed_flink.functions import FUNCTIONS
from wayfed_flink.parameters import with_values
from wayfed_flink.queries import driver_jars, query_table
from wayfed_flink.tables import quoted, sink_table, source_table
from wayfed_optimizer.errors import (
    Cancelled,
    ExecutionError,
    Unsupported,
    starting,
)
from wayfed_optimizer.platform import (
    ARROW_STREAM,
    Compiled,
    FileSet,
    JdbcQuery,
    TableReference,
)
from wayfed_sql import FLINK, to_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from wayfed_flink.session import Flink, SharedFlinks
    from wayfed_flink.settings import Settings
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel, Run, Source
    from wayfed_optimizer.relations import Relation

_MILLISECONDS: Final = 1e-3


class FlinkPlatform:
    """Flink as one context sees it: started by its first fragment, given back when it closes."""

    name = "flink"
    capabilities = CAPABILITIES
    costs = COSTS
    produces = (ARROW_STREAM, FLINK_FILES)

    def __init__(self, shared: SharedFlinks, settings: Settings):
        self._shared = shared
        self._settings = settings
        self._exchange = Exchange(settings.exchange)
        self._flink: Flink | None = None
        self._lock = Lock()
        self.conversions = conversions(self._exchange)

    @property
    def accepts(self) -> tuple[Channel, ...]:
        """Its files; queries to databases too, where a driver is at hand."""
        return (FLINK_FILES, ASKED) if driver_jars() else (FLINK_FILES,)

    def compile(self, fragment: Fragment, sources: Mapping[str, Source]) -> Compiled:
        """Return the fragment as Flink SQL over tables that are called as its inputs are."""
        return Compiled(_sql(fragment, fragment.relation))

    def open(self, run: Run) -> FlinkRun:
        """Start taking part in a run; the JVM starts with its first fragment."""
        return FlinkRun(run, self._running, self._exchange)

    def started(self) -> bool:
        """Say whether a JVM runs already."""
        return self._shared.running(self._settings)

    def version(self) -> str:
        """Return the version of Flink."""
        return version("apache-flink")

    def close(self) -> None:
        """Give Flink back; the last context to do so stops the JVM."""
        with self._lock:
            flink, self._flink = self._flink, None
        if flink is not None:
            self._shared.release(flink)
        self._exchange.close()

    def _running(self) -> Flink:
        with self._lock:
            if self._flink is not None and self._flink.gone:
                self._shared.release(self._flink)
                self._flink = None
            if self._flink is None:
                with starting():
                    self._flink = self._shared.acquire(self._settings)
            return self._flink


class FlinkRun:
    """Flink's part in one run: a session of its own, so that its tables are nobody else's."""

    def __init__(self, run: Run, running: Callable[[], Flink], exchange: Exchange) -> None:
        self._run = run
        self._running = running
        self._exchange = exchange
        self._lock = Lock()
        self._part: tuple[Flink, Any] | None = None
        self._counted: dict[str, Mapping[str, float]] = {}

    def execute(
        self, fragment: Fragment, compiled: Compiled, inputs: Mapping[str, object]
    ) -> object:
        """Run a fragment as one job, named after the run and the fragment."""
        from py4j.protocol import Py4JError

        try:
            files = self._run_job(fragment, compiled, inputs)
        except (Py4JError, OSError) as error:
            if self._run.token.cancelled:
                raise Cancelled(f"the run was stopped: {self._run.token.reason}") from error
            told, hint = self._told(error)
            raise ExecutionError(
                told,
                platform="flink",
                fragment=fragment.id,
                sql=compiled.text,
                hint=hint,
                failure=failure(error),
            ) from error
        return files if fragment.output == FLINK_FILES else read_files(files)

    def ingest(self, name: str, value: object, source: Channel, target: Channel) -> object:
        """Refuse: rows come to Flink as files, which are written without it."""
        raise Unsupported(f"{source} to {target}", "flink", "rows come to it as Arrow files")

    def metrics(self, fragment: Fragment) -> Mapping[str, float]:
        """Return the rows, bytes and seconds that the tasks of a fragment's job counted."""
        return self._counted.get(fragment.id, MappingProxyType({}))

    def close(self) -> None:
        """Forget the run's tables, and remove its files where the run does not do so itself."""
        with self._lock:
            part, self._part = self._part, None
        if part is not None:
            flink, session = part
            flink.let_go(session)
        self._exchange.remove(self._run.id)

    def _told(self, error: BaseException) -> tuple[str, str | None]:
        """Return what is wrong, and what to do about it where we know."""
        with self._lock:
            part = self._part
        if part is not None and is_lost(error):
            return part[0].lost()
        root = self._exchange.root
        if root is None or "NoSuchFileException" not in str(error):
            return summary(error), None
        hint = f"do all TaskManagers see '{root}'? exchange= names a directory that they do"
        return summary(error), hint

    def _run_job(
        self, fragment: Fragment, compiled: Compiled, inputs: Mapping[str, Any]
    ) -> FileSet:
        from py4j.protocol import Py4JError

        flink, session = self._started()
        self._run.token.raise_if_cancelled()
        schema = fragment.relation.schema
        place = self._exchange.place(self._run)
        directory = place / uuid4().hex
        directory.mkdir()
        directory.chmod(place.stat().st_mode)
        text = compiled.text
        if self._run.parameters:
            text = _sql(fragment, with_values(fragment.relation, self._run.parameters))
        target = f"result of {fragment.id} {directory.name}"
        statements = [self._source(flink, name, value) for name, value in inputs.items()]
        statements.append(sink_table(target, directory, schema))
        job = session.submit(
            f"wayfed {self._run.id}.{fragment.id}",
            {name: made for name, made in FUNCTIONS.items() if name in text},
            statements,
            f"INSERT INTO {quoted(target)} {text}",
            [*inputs, target],
        )

        def cancel() -> None:
            with suppress(Py4JError, OSError):
                job.cancel()

        try:
            with self._run.token.calling(cancel):
                told = job.result()
        finally:
            flink.let_go(job)
        return self._committed(fragment, directory, told.splitlines())

    def _source(self, flink: Flink, name: str, value: Any) -> str:
        """Return the statement that makes an input a table."""
        match value:
            case JdbcQuery():
                return query_table(name, value, flink.parallelism)
            case FileSet():
                return source_table(name, value)
        rows = write_files(value, self._run, self._exchange.place(self._run))
        return source_table(name, rows)

    def _committed(self, fragment: Fragment, directory: Path, told: list[str]) -> FileSet:
        """Return the files of the attempts that finished, in the order of their tasks."""
        milliseconds, rows_read = told[0].split(" ")
        lines = [line.split(" ") for line in sorted(told[1:])]
        self._counted[fragment.id] = MappingProxyType(
            {
                "rows_read": float(rows_read),
                "rows_written": float(sum(int(rows) for _, rows, _ in lines)),
                "bytes_written": float(sum(int(size) for _, _, size in lines)),
                "job_seconds": int(milliseconds) * _MILLISECONDS,
            }
        )
        paths = tuple(directory / name for name, _, _ in lines)
        return FileSet(paths, fragment.relation.schema, channel=FLINK_FILES)

    def _started(self) -> tuple[Flink, Any]:
        with self._lock:
            if self._part is None:
                flink = self._running()
                self._part = flink, flink.new_session()
            return self._part


def _sql(fragment: Fragment, relation: Relation) -> str:
    return to_sql(relation, FLINK, {name: TableReference((name,)) for name in fragment.inputs})
