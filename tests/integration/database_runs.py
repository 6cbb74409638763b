"""Runs one fragment at a time on a database, without optimizer and executor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pyarrow as pa

from wayfed_database import CONNECTOR
from wayfed_database.platform import DatabasePlatform
from wayfed_database.source import DatabaseSource
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.cost import Cost
from wayfed_optimizer.physical import Exchange, Fragment, SourceInput
from wayfed_optimizer.platform import (
    ARROW_STREAM,
    ARROW_TABLE,
    Channel,
    Run,
    SourceRequest,
    tables_of,
)
from wayfed_optimizer.relations import Read, Relation, reads
from wayfed_optimizer.statistics.estimates import Estimate


class Store:
    """A database as a context would use it."""

    def __init__(self, target: object) -> None:
        self.target = target
        self.platform: DatabasePlatform = CONNECTOR.store(target, {})
        self.sources: dict[str, DatabaseSource] = {}

    def read(self, name: str = "t", *, as_: str | None = None, **request: Any) -> Read:
        """Read a table (or query) under the name `as_`."""
        if "query" not in request:
            request.setdefault("table", name)
        source = CONNECTOR.source(SourceRequest(self.target, **request), self.platform)
        self.sources[as_ or name] = source
        return Read(as_ or name, source.schema)

    def fragment(
        self, relation: Relation, *, id: str = "f1", output: Channel = ARROW_STREAM
    ) -> Fragment:
        """Make the fragment; reads that are no source's are other fragments'."""
        inputs = {
            read.table: SourceInput(read.table)
            if read.table in self.sources
            else Exchange(read.table)
            for read in reads(relation)
        }
        rows = Estimate.exactly(1)
        return Fragment(id, self.platform.name, relation, inputs, output, rows, 8.0, Cost())

    @contextmanager
    def run(self, token: CancellationToken | None = None) -> Iterator[OneRun]:
        """Open a session, and close it."""
        with TemporaryDirectory() as directory:
            run = Run(f"run_{uuid4().hex}", token or CancellationToken(), lambda: Path(directory))
            session = self.platform.open(run)
            try:
                yield OneRun(self, session, run)
            finally:
                session.close()

    def table(self, relation: Relation) -> pa.Table:
        """Run one fragment and return its rows."""
        with self.run() as run:
            return run.table(relation)

    def rows(self, relation: Relation) -> list[dict[str, Any]]:
        """Run one fragment and return its rows as Python has them."""
        rows: list[dict[str, Any]] = self.table(relation).to_pylist()
        return rows


class OneRun:
    """A run of a store's."""

    def __init__(self, store: Store, session: Any, run: Run) -> None:
        self.store, self.session, self.run = store, session, run
        self.ingested: dict[str, object] = {}

    def stream(self, relation: Relation, *, id: str = "f1") -> Any:
        """Run a fragment and return its stream."""
        return self._execute(self.store.fragment(relation, id=id))

    def table(self, relation: Relation, *, id: str = "f1") -> pa.Table:
        """Run a fragment and return its table."""
        return self._execute(self.store.fragment(relation, id=id, output=ARROW_TABLE))

    def ingest(self, name: str, rows: Any, source: Channel = ARROW_TABLE) -> None:
        """Bring rows in as those of the fragment `name`."""
        target = tables_of(self.store.platform.name)
        self.ingested[name] = self.session.ingest(name, rows, source, target)

    def _execute(self, fragment: Fragment) -> Any:
        compiled = self.store.platform.compile(fragment, self.store.sources)
        inputs: Mapping[str, object] = {
            name: self.ingested[name]
            if name in self.ingested
            else self.store.sources[name].reading.reference
            for name in fragment.inputs
        }
        return self.session.execute(fragment, compiled, inputs)
