"""Which engines there are, and what each needs: as their connectors declare it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING

from wayfed.connectors import EMBEDDED, connectors, engine_names
from wayfed_optimizer.errors import PlatformNotFound, suggestion
from wayfed_optimizer.requirements import requirements_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wayfed_optimizer.platform import Connector
    from wayfed_optimizer.requirements import Requirements


@dataclass(frozen=True)
class Engine:
    """An engine that wayfed has a connector for, installed or not.

    Parameters
    ----------
    name
        As in ``[engines.NAME]``.
    connector
        Where its data comes from.
    """

    name: str
    connector: Connector

    @cached_property
    def requirements(self) -> Requirements:
        """What its connector says that it needs."""
        return requirements_of(self.connector)

    @property
    def installed(self) -> bool:
        """Whether its package is here; what needs none comes with wayfed."""
        return not self.requirements.packages or self.requirements.installed is not None

    @property
    def version(self) -> str | None:
        """The version of its package; wayfed's own where it has none."""
        package = self.requirements.installed
        if package is not None:
            return package.version()
        return None if self.requirements.packages else version("wayfed")

    @property
    def extra(self) -> str | None:
        """What pip is asked for: ``wayfed[spark]``."""
        extra = self.connector.extra
        return f"wayfed[{extra}]" if extra else None


def engines(names: Iterable[str] = ()) -> tuple[Engine, ...]:
    """Return the engines that are called so; all, by default.

    Raises
    ------
    PlatformNotFound
        Where none is called so.

    Examples
    --------
    >>> [engine.name for engine in engines(["duckdb"]) if engine.installed]
    ['duckdb']
    """
    found = {
        name: Engine(name, connector)
        for name, connector in sorted(connectors().items())
        if requirements_of(connector).packages or name in set(engine_names()) - set(EMBEDDED)
    }
    for name in names:
        if name not in found:
            raise PlatformNotFound(name, found, hint=suggestion(name, found))
    return tuple(found[name] for name in (tuple(names) or found))


def fetch_jars(engine: Engine, report: Callable[[str], None] | None = None) -> int:
    """Fetch the jars that an engine may need, so that none is fetched later; returns how many.

    Raises
    ------
    ExecutionError, Unsupported
        Where they cannot be fetched.
    """
    from wayfed_java import jars

    return sum(len(jars(name, report)) for name in engine.requirements.jars)
