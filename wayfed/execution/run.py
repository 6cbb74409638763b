"""The resources of one run: its directory and sessions, opened on first use, closed together."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import finalize

from wayfed_optimizer.platform import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wayfed_optimizer.cancellation import CancellationToken
    from wayfed_optimizer.platform import Keeper, Platform, Session, Snapshot, Source


class RunResources:
    """Sessions, snapshots and the directory of a run; safe across threads."""

    def __init__(
        self,
        platforms: Mapping[str, Platform],
        sources: Mapping[str, Source],
        token: CancellationToken,
    ) -> None:
        self.run = Run(f"wayfed_{uuid4().hex[:12]}", token, self._make_directory)
        self._platforms = platforms
        self._sources = dict(sources)
        # Again by one thread: a platform may ask for the directory while its session is opened.
        self._lock = RLock()
        self._directory: Path | None = None
        self._sessions: dict[str, Session] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._closed = False

    def session(self, platform: str) -> Session:
        """Return the run's session on a platform, opening it the first time."""
        with self._lock:
            if self._closed:
                self.run.token.raise_if_cancelled()
                raise RuntimeError("the run has ended")
            if platform not in self._sessions:
                self._sessions[platform] = self._platforms[platform].open(self.run)
            return self._sessions[platform]

    def stores_of(self, tables: Iterable[str]) -> list[str]:
        """Return the platforms on which tables lie, in the order in which all runs open them.

        One that lends few connections may let a run wait for its session: where each run has what
        it needs of the first stores before it waits for the next, no two wait for each other.
        """
        owners = {self._sources[table].channel.owner for table in tables}
        return sorted(self._platforms.keys() & owners)

    def opened(self, platform: str) -> Session | None:
        """Return the run's session on a platform where there is one."""
        return self._sessions.get(platform)

    def take_snapshots(self, tables: list[str]) -> None:
        """Fix the version of each source that the run will read; a store is asked once for all."""
        for keeper, kept in self._by_keeper(tables):
            if keeper is None:
                self._snapshots.update((each, self._sources[each].snapshot()) for each in kept)
            else:
                found = keeper.snapshots([self._sources[each] for each in kept])
                self._snapshots.update(zip(kept, found, strict=True))

    def _by_keeper(self, tables: Iterable[str]) -> Iterable[tuple[Keeper | None, list[str]]]:
        found: dict[Keeper | None, list[str]] = {}
        for table in tables:
            found.setdefault(getattr(self._sources[table], "keeper", None), []).append(table)
        return found.items()

    def add_sources(self, sources: Mapping[str, Source]) -> None:
        """Let the run read more sources: the rows that a part of it has given."""
        self._sources.update(sources)
        self.take_snapshots(list(sources))

    def repeatable(self, table: str) -> bool:
        """Say whether reading a source again in this run gives the same rows."""
        return self._snapshots[table].repeatable

    @property
    def can_begin_again(self) -> bool:
        """Whether every source can be read again from its beginning."""
        return all(snapshot.repeatable for snapshot in self._snapshots.values())

    def open_source(self, table: str) -> Any:
        """Return the value of a source's channel, at the run's version of it."""
        return self._sources[table].open(self._snapshots[table])

    def verify_sources(self) -> None:
        """Raise SourceChanged if a source is not what it was when the run began."""
        for keeper, kept in self._by_keeper(self._snapshots):
            if keeper is None:
                for table in kept:
                    self._sources[table].verify(self._snapshots[table])
            else:
                snapshots = [self._snapshots[table] for table in kept]
                keeper.verify([self._sources[table] for table in kept], snapshots)

    def close(self) -> None:
        """Close every session and remove the directory; a second call does nothing."""
        with self._lock:
            self._closed = True
            sessions, self._sessions = list(self._sessions.values()), {}
        with ExitStack() as stack:
            stack.callback(self._remove_directory)
            for session in sessions:
                stack.callback(session.close)

    def _make_directory(self) -> Path:
        with self._lock:
            if self._directory is None:
                self._directory = Path(tempfile.mkdtemp(prefix=f"{self.run.id}_"))
                # Also removes that of a run which was only dropped.
                self._removal = finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
            return self._directory

    def _remove_directory(self) -> None:
        if self._directory is not None:
            self._removal()
