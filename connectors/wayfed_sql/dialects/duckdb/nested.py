"""How DuckDB writes functions of lists."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.templates import Template, function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row

NESTED: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "list": Template("CAST([{args}] AS {type})"),
        "element": Template("{0}[{1}]"),
        "list_length": function("LEN"),
        "list_contains": function("LIST_CONTAINS"),
        "list_agg": Template("LIST({0}{order}){over}"),
        "list_sort": Template("LIST_SORT({0}, 'ASC', 'NULLS LAST')"),
    }
)
