"""Lists and structs, in Flink."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.types import List, Struct
from wayfed_sql.dialects.flink.numbers import NUMBERS
from wayfed_sql.templates import COMPARISON, Choice, Template, Text, any_float, exact, function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Condition, Key, Row, Site


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


def _is_nested(site: Site) -> bool:
    return isinstance(site.args[0].type, List | Struct)


def _by_identity(symbol: str) -> tuple[Condition, Row]:
    """Make the case of lists and structs: Flink's own takes NULL in them for unknown."""
    return _is_nested, Template(f"wf_identity({{0}}) {symbol} wf_identity({{1}})", COMPARISON)


NOT_DISTINCT: Final = Choice(
    (
        (any_float, Template("wf_order({0}) IS NOT DISTINCT FROM wf_order({1})", COMPARISON)),
        _by_identity("IS NOT DISTINCT FROM"),
    ),
    Template("{0} IS NOT DISTINCT FROM {1}", COMPARISON),
)

NESTED: Final[Mapping[str, Row]] = MappingProxyType(
    {
        **{
            name: Choice((_by_identity(symbol),), NUMBERS[name])
            for name, symbol in (
                ("equal", "="),
                ("not_equal", "<>"),
                ("is_distinct", "IS DISTINCT FROM"),
            )
        },
        "list": Template("CAST(ARRAY[{args}] AS {type})"),
        "element": function("wf_element"),
        "list_length": Template("CAST(CARDINALITY({0}) AS BIGINT)"),
        "list_contains": function("wf_list_contains"),
        "list_agg": _ListAgg(),
        "list_sort": function("wf_list_sort"),
    }
)
