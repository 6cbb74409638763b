"""What a connector needs beyond wayfed itself, as data: for people, for fetching, for checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.platform import Connector


@dataclass(frozen=True, slots=True)
class Package:
    """A package as it is installed, and as it is imported.

    Parameters
    ----------
    distribution
        Its name for pip.
    module
        What is imported of it; the same name by default.
    """

    distribution: str
    module: str = ""

    @property
    def imported(self) -> str:
        """The module's name."""
        return self.module or self.distribution

    def version(self) -> str | None:
        """Return the version that is installed, if one is."""
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return None


@dataclass(frozen=True, slots=True)
class Requirements:
    """What an engine needs to run here; the optional attribute ``requirements`` of a connector.

    Parameters
    ----------
    packages
        Any one of them makes the engine; the first that is installed gives it its version.
    java
        Whether it runs in a JVM.
    jars
        Sets of jars that it may need, by their names in ``wayfed_java``.
    apart
        Extras of wayfed that pip cannot install beside its own, and how it is done nevertheless.

    Examples
    --------
    >>> Requirements((Package("apache-flink", "pyflink"),), java=True, jars=("postgresql",)).java
    True
    """

    packages: tuple[Package, ...] = ()
    java: bool = False
    jars: tuple[str, ...] = ()
    apart: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def installed(self) -> Package | None:
        """The package that makes the engine here; None where none is installed."""
        return next((package for package in self.packages if package.version()), None)


def requirements_of(connector: Connector) -> Requirements:
    """Return what a connector says it needs: nothing where it does not say."""
    found = getattr(connector, "requirements", None)
    return found if isinstance(found, Requirements) else Requirements()
