"""One table of PostgreSQL read by several connections, each a range of its pages, in one snapshot.

What a table holds in a snapshot lies each row at one place of it, so that ranges of places which
leave none out have every row once, with no key and no column asked for. Since release 14 the
server reads a range of them, and not the whole table for each.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Self

from wayfed_database.catalog import quoted
from wayfed_database.source import DatabaseSource
from wayfed_optimizer.errors import TransferError
from wayfed_optimizer.physical import SourceInput
from wayfed_optimizer.relations import Filter, Read, Relation, Select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Source

LEAST_PAGES: Final = 2048
"""16 MB, as servers are built: what is less comes before other connections have begun."""

_LEAST_SHARE: Final = 10
"""Of fewer rows an index may find the pages; then to look through all of them costs more."""

# Views have no pages, and those of foreign and partitioned tables are elsewhere; others than "heap"
# may number rows as they like. A table that was never analysed says -1.
_PAGES: Final = """
SELECT coalesce(max(pg_relation_size(c.oid) / current_setting('block_size')::int), 0)::bigint
FROM pg_class c JOIN pg_am m ON m.oid = c.relam
WHERE c.oid = to_regclass('{table}') AND c.relkind = 'r' AND m.amname = 'heap'
  AND NOT c.relhassubclass AND c.reltuples <= {most}
  AND current_setting('server_version_num')::int >= 140000
"""
# Whoever waits for the table to himself waits for those who read it, and who comes after waits for
# him: a reader must not, or none of the three ever goes on.
_UNLESS_WAITING: Final = (
    "SET LOCAL lock_timeout TO '100ms'; {lock}; SET LOCAL lock_timeout TO DEFAULT"
)


@dataclass(frozen=True, slots=True)
class Partitioned:
    """How the statement of a fragment that reads one table is written for a part of its pages.

    Parameters
    ----------
    table
        As it stands in statements.
    rows
        Estimated rows of the statement.
    readers
        The most connections that read it.
    written
        Returns the statement of the rows for which a condition on the table holds.
    """

    table: str
    rows: float
    readers: int
    written: Callable[[str], str]

    @property
    def pages(self) -> str:
        """The query for the pages of the table; they are none where it is not to be parted."""
        table = self.table.replace("'", "''")
        return _PAGES.format(table=table, most=max(int(self.rows * _LEAST_SHARE), 0))

    @property
    def lock(self) -> str:
        """The statement by which a transaction keeps the table as it is to its end."""
        return f"SELECT FROM {self.table} LIMIT 0"  # its name is quoted

    @property
    def lock_at_once(self) -> str:
        """The same, failing where somebody waits to have the table to himself."""
        return _UNLESS_WAITING.format(lock=self.lock)

    def statements(self, pages: int, count: int) -> list[str]:
        """Return the statements of as many parts."""
        return [self.written(condition) for condition in conditions(pages, count)]


def partitioned(
    fragment: Fragment,
    sources: Mapping[str, Source],
    compile: Callable[[Relation, Mapping[str, object]], str],
    readers: int,
) -> Partitioned | None:
    """Return how a fragment is read in parts; None unless it filters and selects one table's rows.

    Parameters
    ----------
    fragment, sources
        What to read.
    compile
        Returns the statement for a relation over tables.
    readers
        The most connections that read it.
    """
    relation: Relation = fragment.relation
    while isinstance(relation, Filter | Select) and relation.below == (relation.input,):
        relation = relation.input
    if not isinstance(relation, Read) or readers == 1:
        return None
    read, origin = relation.table, fragment.inputs[relation.table]
    source = sources.get(origin.table) if isinstance(origin, SourceInput) else None
    if not isinstance(source, DatabaseSource) or source.name.query is not None:
        return None

    def written(condition: str) -> str:
        return compile(fragment.relation, {read: source.part(condition)})

    return Partitioned(quoted(*source.name.parts), fragment.rows.likely, readers, written)


def conditions(pages: int, count: int) -> list[str]:
    """Return conditions that part a table's rows; rows behind the pages are of the last part.

    Examples
    --------
    >>> for condition in conditions(3000, 3):
    ...     condition
    "ctid < '(1000,0)'::tid"
    "ctid >= '(1000,0)'::tid AND ctid < '(2000,0)'::tid"
    "ctid >= '(2000,0)'::tid"
    """
    cuts = [f"'({pages * part // count},0)'::tid" for part in range(1, count)]
    lows = ["", *(f"ctid >= {cut}" for cut in cuts)]
    highs = [*(f"ctid < {cut}" for cut in cuts), ""]
    return [
        " AND ".join(filter(None, bounds)) or "true" for bounds in zip(lows, highs, strict=True)
    ]


class Gathered:
    """Batches of several readers as they come, each read in a thread of its own.

    No more than one a reader waits to be taken, besides the one that each has in its hands. The
    first error of any reader is raised, and what waits then is not given out.

    Parameters
    ----------
    readers
        What gives batches; they are for others to close.

    Examples
    --------
    >>> sorted(Gathered([iter([1, 2]), iter([3])]))
    [1, 2, 3]
    """

    def __init__(self, readers: Sequence[Iterator[pa.RecordBatch]]) -> None:
        self._most = len(readers)
        self._at_work = len(readers)
        self._waiting: deque[pa.RecordBatch] = deque()
        self._changed = Condition()
        self._error: BaseException | None = None
        self._threads = [
            Thread(target=self._read, args=(reader,), name="wayfed-reading", daemon=True)
            for reader in readers
        ]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pa.RecordBatch:
        with self._changed:
            self._changed.wait_for(lambda: self._error or self._waiting or not self._at_work)
            if self._error is not None:
                raise self._error
            if not self._waiting:
                raise StopIteration
            batch = self._waiting.popleft()
            self._changed.notify_all()
        return batch

    def stop(self) -> None:
        """Take no more batches; who waits for one is told so."""
        self._fail(TransferError("the stream was closed before its end"))

    def join(self) -> None:
        """Wait until no reader is read any more."""
        for thread in self._threads:
            thread.join()

    def _read(self, reader: Iterator[pa.RecordBatch]) -> None:
        try:
            for batch in reader:
                if not self._put(batch):
                    break
        except BaseException as error:  # noqa: BLE001  # raised where the batches are taken
            self._fail(error)
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def _put(self, batch: pa.RecordBatch) -> bool:
        """Hand a batch on when there is room, and say whether more are wanted."""
        with self._changed:
            self._changed.wait_for(lambda: self._error or len(self._waiting) < self._most)
            if self._error is None:
                self._waiting.append(batch)
                self._changed.notify_all()
            return self._error is None

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()
