"""The queries of a context: what a text means, found once while its tables mean the same."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_optimizer.relations import Relation

MOST_QUERIES: Final = 256
"""So many are kept, the last used the longest."""


class Queries:
    """Reads queries, and keeps what they mean; safe across threads.

    Parameters
    ----------
    table
        Gives what a name in a query means.
    is_lasting
        Says whether it will go on to mean that: a file is looked at anew each time.
    """

    def __init__(self, table: Callable[[str], Relation], is_lasting: Callable[[str], bool]) -> None:
        self._table = table
        self._is_lasting = is_lasting
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[Relation, Mapping[str, Relation]]] = OrderedDict()

    def relation(self, text: str) -> Relation:
        """Return what a query means."""
        from wayfed_sql import parse_query

        with self._lock:
            known = self._kept.get(text)
        if known is not None and all(self._table(name) is each for name, each in known[1].items()):
            return known[0]
        tables: dict[str, Relation] = {}

        def table(name: str) -> Relation:
            if name not in tables:
                tables[name] = self._table(name)
            return tables[name]

        found = parse_query(text, table)
        if all(map(self._is_lasting, tables)):
            with self._lock:
                self._kept[text] = found, tables
                self._kept.move_to_end(text)
                while len(self._kept) > MOST_QUERIES:
                    self._kept.popitem(last=False)
        return found
