"""How Spark writes functions of lists."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.templates import Template, Text, exact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wayfed_sql.templates import Key, Row, Site


@dataclass(frozen=True, slots=True)
class _ListAgg:
    """Makes the row of `list_agg`: Spark's own leaves NULLs out, and has no order.

    Each value is collected within a struct, with the keys of its row, by which they are sorted.
    """

    def render(self, site: Site) -> Text:
        """Write the call; raises Unsupported where values are to be different."""
        if site.distinct:
            raise site.refuse("DISTINCT in list_agg", "it would leave NULL out")
        members = [f"{exact(site, 0).sql} AS x"]
        members += [f"{key.sql} AS k{i}" for i, key in enumerate(site.keys)]
        rows = f"COLLECT_LIST(STRUCT({', '.join(members)})){site.over}"
        if site.keys:
            steps = " ".join(step for i, key in enumerate(site.keys) for step in _steps(i, key))
            rows = f"ARRAY_SORT({rows}, (a, b) -> CASE {steps} ELSE 0 END)"
        return Text(f"CASE WHEN COUNT(*){site.over} > 0 THEN TRANSFORM({rows}, e -> e.x) END")


def _steps(index: int, key: Key) -> Iterator[str]:
    """Yield what decides which of two rows comes first by one of the keys."""
    a, b = f"a.k{index}", f"b.k{index}"
    null_first, null_last = (-1, 1) if key.nulls_first else (1, -1)
    less, greater = (1, -1) if key.descending else (-1, 1)
    yield f"WHEN {a} IS NULL AND {b} IS NOT NULL THEN {null_first}"
    yield f"WHEN {a} IS NOT NULL AND {b} IS NULL THEN {null_last}"
    yield f"WHEN {a} < {b} THEN {less} WHEN {a} > {b} THEN {greater}"


NESTED: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "list": Template("CAST(ARRAY({args}) AS {type})"),
        # Outside of the list, and at 0, it raises errors.
        "element": Template(
            "CASE WHEN {1} <> 0 AND {1} BETWEEN -ARRAY_SIZE({0}) AND ARRAY_SIZE({0}) "
            "THEN ELEMENT_AT({0}, CAST({1} AS INT)) END"
        ),
        "list_length": Template("CAST(ARRAY_SIZE({0}) AS BIGINT)"),
        # A NULL among the elements makes it NULL where it finds nothing.
        "list_contains": Template(
            "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL "
            "THEN COALESCE(ARRAY_CONTAINS({0}, {1}), FALSE) END"
        ),
        "list_agg": _ListAgg(),
        "list_sort": Template("ARRAY_SORT({0})"),
    }
)
