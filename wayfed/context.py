"""The door: ``wf.context(…)`` makes the context that everything else starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, overload

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from wayfed.configuration import ContextConfiguration
    from wayfed.federated.context import FederatedContext
    from wayfed.local import Context

_KEYWORDS: Final = ("config", "env", "optimize_for", "parties")


@overload
def context(
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    env: Literal["local"] = "local",
    parties: None = None,
    optimize_for: Literal["time", "bytes"] = "time",
    **engines: object,
) -> Context: ...


@overload
def context(
    *,
    env: Literal["federated"],
    parties: str | os.PathLike[str] | Mapping[str, Any],
    optimize_for: Literal["time", "bytes"] = "time",
) -> FederatedContext: ...


def context(
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    env: str = "local",
    parties: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    optimize_for: str = "time",
    **engines: object,
) -> Context | FederatedContext:
    """Make a context: what reads data, runs plans and trains models.

    Parameters
    ----------
    config
        The path of a wayfed.toml, or what would stand in it: engines and a catalog.
    env
        ``local`` runs plans here; ``federated`` at every party, whose rows stay there.
    parties
        For a federated context: the path of a parties.toml, or what would stand in it.
    optimize_for
        What plans keep small: ``time``, or ``bytes`` moved between stores.
    engines
        Engines to use besides DuckDB, which is always there: ``spark=True``, or with options,
        ``spark={"master": "local[4]"}``, or a session of the user's.

    Returns
    -------
    Context or FederatedContext
        A context manager, which closes what it opened.

    Raises
    ------
    PlatformNotFound, InvalidOption, SourceError
        Where the configuration names what is not there.

    Examples
    --------
    >>> import wayfed as wf
    >>> with wf.context() as ctx:
    ...     ctx
    Context: duckdb, python; 0 tables
    """
    from wayfed.local import Context
    from wayfed_optimizer.errors import InvalidOption
    from wayfed_optimizer.types import check_option

    check_option(env, ("local", "federated"), name="env")
    if env == "federated":
        from wayfed.federated.context import FederatedContext

        if parties is None:
            raise InvalidOption(
                "a federated context needs parties", hint="parties='parties.toml', or a dict"
            )
        if config is not None or engines:
            raise InvalidOption(
                "config= and engines are for a local context", hint="parties= says them by party"
            )
        return FederatedContext(parties, optimize_for=optimize_for)
    if parties is not None:
        raise InvalidOption("parties= is for a federated context", hint="add env='federated'")
    return Context(_loaded(config), optimize_for=optimize_for, engines=_options(engines))


def _loaded(
    config: str | os.PathLike[str] | Mapping[str, Any] | None,
) -> ContextConfiguration | None:
    if config is None:
        return None
    from wayfed.configuration import load_configuration

    return load_configuration(config)


def _options(engines: Mapping[str, object]) -> dict[str, Mapping[str, Any]]:
    """Return the options of each engine that was asked for by keyword."""
    from wayfed.connectors import require_engine

    found: dict[str, Mapping[str, Any]] = {}
    for name, value in engines.items():
        require_engine(name, besides=_KEYWORDS)
        if value is True:
            found[name] = {}
        elif isinstance(value, dict):
            found[name] = value
        elif value not in (False, None):
            found[name] = {"session": value}
    return found
