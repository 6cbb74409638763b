"""The versions of packages that are installed, and who asks for others."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS = "wayfed"


@dataclass(frozen=True, slots=True)
class Unmet:
    """What a package asks for and does not get.

    Parameters
    ----------
    asker
        The package, with its version.
    requirement
        What it asks for: ``pyarrow>=15``.
    found
        The version that is here, if one is.
    """

    asker: str
    requirement: str
    found: str | None

    def __str__(self) -> str:
        here = f"{self.found} is installed" if self.found else "it is not installed"
        return f"{self.asker} asks for {self.requirement}, {here}"


def unmet_by(extra: str | None) -> tuple[Unmet, ...]:
    """Return what wayfed asks for under an extra, or for its core, and does not get."""
    asker = f"{_OURS}[{extra}]" if extra else _OURS
    return tuple(_unmet(_OURS, asker, extra))


def published_limits(extra: str) -> tuple[Unmet, ...]:
    """Return what the packages of an extra ask for in turn and do not get."""
    found: list[Unmet] = []
    for requirement in _requirements(_OURS, extra):
        here = _version(requirement.name)
        if here is not None:
            found += _unmet(requirement.name, f"{requirement.name} {here}", None)
    return tuple(found)


def any_installed(extra: str) -> bool:
    """Say whether some package that only this extra brings is installed."""
    core = {requirement.name for requirement in _requirements(_OURS, None)}
    names = (each.name for each in _requirements(_OURS, extra) if each.name not in core)
    return any(_version(name) for name in names)


def _unmet(distribution: str, asker: str, extra: str | None) -> Iterator[Unmet]:
    for requirement in _requirements(distribution, extra):
        found = _version(requirement.name)
        if found is None or not requirement.specifier.contains(found, prereleases=True):
            yield Unmet(asker, f"{requirement.name}{requirement.specifier}", found)


def _requirements(distribution: str, extra: str | None) -> Iterator[Requirement]:
    """Return what a distribution asks for under an extra alone, or without one."""
    for line in requires(distribution) or ():
        requirement = Requirement(line)
        marker = requirement.marker
        always = marker is None or marker.evaluate({"extra": ""})
        if extra is None:
            wanted = always
        else:
            wanted = marker is not None and not always and marker.evaluate({"extra": extra})
        if wanted:
            yield requirement


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
