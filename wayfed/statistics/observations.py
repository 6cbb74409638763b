"""How many rows parts of plans had in earlier runs, while the rows of their tables are the same."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.statistics.structure import Structures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.statistics.structure import Key

_MOST: Final = 2_000
"""So many counts are kept, the last used the longest."""


class Observations:
    """The counts of earlier runs; safe across threads.

    They are known by what decides about the number of rows, not by how a plan is written, and by
    the versions of the tables: other rows make another number.

    Examples
    --------
    >>> from wayfed_optimizer.relations import Read
    >>> from wayfed_optimizer.types import Schema
    >>> flights = Read("flights", Schema.of(tail="text"))
    >>> seen = Observations()
    >>> seen.record(flights, 120, {"flights": "monday"})
    True
    >>> seen.of({"flights": "monday"})(flights), seen.of({"flights": "tuesday"})(flights)
    (120.0, None)
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows: OrderedDict[tuple[Key, frozenset[tuple[str, str]]], float] = OrderedDict()
        self._about: dict[frozenset[tuple[str, str]], int] = {}
        self._recorded = Structures()

    def record(self, relation: Relation, rows: float, versions: Mapping[str, str]) -> bool:
        """Remember that a relation had so many rows, and say whether that is of use.

        It is not where nobody knows the version of one of its tables.
        """
        structures = self._recorded  # runs of one plan tell of the same relations
        about = _versions_of(structures.tables(relation), versions)
        if about is None:
            return False
        key = structures.key(relation), about
        with self._lock:
            if len(structures) > _MOST:
                self._recorded = Structures()
            if key not in self._rows:
                self._about[about] = self._about.get(about, 0) + 1
            self._rows[key] = float(rows)
            self._rows.move_to_end(key)
            while len(self._rows) > _MOST:
                (_, old), _ = self._rows.popitem(last=False)
                self._about[old] -= 1
                if not self._about[old]:
                    del self._about[old]
        return True

    def of(self, versions: Mapping[str, str]) -> Callable[[Relation], float | None]:
        """Return what tells the rows that a relation had over these versions of tables."""
        structures = Structures()

        def observed(relation: Relation) -> float | None:
            about = _versions_of(structures.tables(relation), versions)
            # Most relations are over tables of which nothing was counted together.
            if about is None or about not in self._about:
                return None
            return self._rows.get((structures.key(relation), about))

        return observed


def _versions_of(
    tables: frozenset[str], versions: Mapping[str, str]
) -> frozenset[tuple[str, str]] | None:
    """Return the versions of some tables; None where there are none, or one is not known."""
    if not tables or not all(versions.get(table) for table in tables):
        return None
    return frozenset((table, versions[table]) for table in tables)
