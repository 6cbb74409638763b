"""What `read` and `register` were told of a source, as what a connector is asked for."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wayfed_optimizer.errors import InvalidOption, SourceError, mask_secrets
from wayfed_optimizer.platform import SourceRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.mapping import SchemaLike


def request_of(
    source: object,
    *,
    table: str | None,
    query: str | None,
    schema: SchemaLike | None,
    format: str | None,  # the name that read() has for it
    options: Mapping[str, Any],
) -> SourceRequest:
    """Return what is asked of a connector; a dict of lists is a table by now.

    Raises
    ------
    InvalidOption
        Where both a table and a query are named.
    SourceError
        Where a dict is no table.
    """
    from wayfed.mapping import as_schema

    if table is not None and query is not None:
        raise InvalidOption("a source is read by table= or by query=, not by both")
    columns = None if schema is None else as_schema(schema)
    if isinstance(source, dict) and any(isinstance(each, list) for each in source.values()):
        source = _table_of(source)
    return SourceRequest(source, table, query, columns, format, MappingProxyType(dict(options)))


def _table_of(columns: dict[str, Any]) -> object:
    """Return a dict of lists as an Arrow table."""
    import pyarrow as pa

    try:
        return pa.table(columns)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
        raise SourceError(f"the dict is no table: {error}") from error


def require_plain(name: str, request: SourceRequest) -> None:
    """Raise InvalidOption where it is said again how a table of the catalog is to be read."""
    said = {"table": request.table, "query": request.query, "format": request.format}
    given = [key for key, value in said.items() if value is not None]
    given += ["schema"] * (request.schema is not None) + list(request.options)
    if given:
        raise InvalidOption(
            f"'{name}' is in the catalog, which says how to read it; {given[0]}= says it again",
            hint=f"leave {given[0]}= out, or write './{name}' for a file of that name",
        )


def described(source: object, table: str | None) -> str:
    """Return in words where a source is, without its secrets."""
    if isinstance(source, str):
        place = mask_secrets(source)
        return f"{place} {table}" if table else place
    return f"a {type(source).__name__} in memory"
