"""The connectors that are installed, found by their entry points, and which of them claims what."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import (
    InvalidOption,
    PlatformNotFound,
    SourceError,
    Unsupported,
    mask_secrets,
    suggestion,
)
from wayfed_optimizer.platform import PLATFORM_ENTRY_POINTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wayfed_optimizer.platform import Connector, Platform, SourceRequest, TargetRequest

EMBEDDED: Final = ("duckdb", "python")
"""Engines that every context has: they run in this process and start at once."""


@cache
def connectors() -> Mapping[str, Connector]:
    """Return the installed connectors by name; loads their packages, which load no engine."""
    found = {}
    for entry in entry_points(group=PLATFORM_ENTRY_POINTS):
        try:
            found[entry.name] = entry.load()
        except ImportError as error:
            package = entry.dist.name if entry.dist else entry.module
            raise SourceError(
                f"the connector '{entry.name}' cannot be loaded: {error}",
                hint=f"install {package} again, or uninstall it",
            ) from error
    return MappingProxyType(found)


def engine_names() -> tuple[str, ...]:
    """Return the names of the engines that a context can have."""
    return tuple(name for name, each in connectors().items() if name in EMBEDDED or each.options)


def require_engine(name: str, *, besides: Iterable[str] = ()) -> None:
    """Raise PlatformNotFound unless an engine is called so; `besides` names keywords also meant."""
    engines = engine_names()
    if name not in engines:
        hint = suggestion(name, (*engines, *besides))
        raise PlatformNotFound(name, engines, hint=hint)


def open_platform(name: str, options: Mapping[str, Any]) -> Platform | None:
    """Return an engine for a context, not started yet; None where there are only its stores.

    Raises
    ------
    PlatformNotFound
        Where no engine is called so.
    InvalidOption
        Where it has no such option.
    """
    require_engine(name)
    connector = connectors()[name]
    for option in options:
        if option not in connector.options:
            raise InvalidOption.unknown(option, connector.options, of=f"the engine '{name}'")
    return connector.platform(options)


def claimant(request: SourceRequest, catalog: Iterable[str]) -> Connector:
    """Return the connector that a request is for.

    Raises
    ------
    SourceError
        Where none claims it; says what could be read.
    """
    for connector in connectors().values():
        if connector.claims(request.target, request.format):
            return connector
    if not isinstance(request.target, str):
        raise SourceError(
            f"a {type(request.target).__name__} is nothing that can be read",
            hint="read a path, a URL, or a pyarrow, pandas, polars or numpy object",
        )
    if Path(request.target).is_dir():
        return connectors()["files"]
    scheme, found, _ = request.target.partition("://")
    if found:
        raise Unsupported(f"reading {scheme}://", reason="no installed connector reads it")
    names = tuple(catalog)
    raise SourceError(
        f"'{mask_secrets(request.target)}' is neither in the catalog nor a file's name",
        available=names,
        hint=suggestion(request.target, names)
        or "files end in .parquet, .csv, .ndjson or .arrow; otherwise say format='csv'",
    )


def writer(request: TargetRequest) -> Connector:
    """Return the connector that rows are written by.

    Raises
    ------
    Unsupported
        Where none writes there.
    InvalidOption
        Where the target is no place at all, or there are no columns to write.
    """
    if not isinstance(request.target, str | PathLike) or not str(request.target):
        raise InvalidOption(
            f"rows are written to a path or URL, not to {request.target!r:.60}",
            hint="for example write('orders.parquet')",
        )
    if not len(request.schema):
        raise InvalidOption("there is no column to write", hint="select() some")
    for connector in connectors().values():
        if connector.claims(request.target, None):
            return connector
    scheme, found, _ = str(request.target).partition("://")
    if found:
        raise Unsupported(
            f"writing to {mask_secrets(str(request.target))}",
            reason=f"no installed connector writes {scheme}://",
            hint="write a .parquet file, and load it there",
        )
    return connectors()["files"]
