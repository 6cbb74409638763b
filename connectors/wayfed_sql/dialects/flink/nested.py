"""Lists and structs, in Flink."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.templates import Template, Text, exact, function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Key, Row, Site


@dataclass(frozen=True, slots=True)
class _ListAgg:
    """Makes the row of `list_agg`, whose order Flink's own does not know.

    Each value is collected in a struct, with the keys of its row, by which a function sorts them.
    """

    def render(self, site: Site) -> Text:
        """Write the call."""
        value = exact(site, 0).sql
        if not site.keys:
            return Text(f"ARRAY_AGG({site.distinct}{value}){site.over}")
        if site.distinct:
            raise site.refuse("DISTINCT in list_agg with an order", "it has no order")
        members = ", ".join((value, *(key.sql for key in site.keys)))
        ways = "".join(map(_way, site.keys))
        return Text(f"wf_first_fields(ARRAY_AGG(ROW({members})){site.over}, '{ways}')")


def _way(key: Key) -> str:
    return f"{'d' if key.descending else 'a'}{'f' if key.nulls_first else 'l'}"


NESTED: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "list": Template("CAST(ARRAY[{args}] AS {type})"),
        "element": function("wf_element"),
        "list_length": Template("CAST(CARDINALITY({0}) AS BIGINT)"),
        "list_contains": function("wf_list_contains"),
        "list_agg": _ListAgg(),
        "list_sort": function("wf_list_sort"),
    }
)
