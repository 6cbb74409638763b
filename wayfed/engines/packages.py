"""The versions of packages that are installed, and who asks for others."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OURS = "wayfed"


@dataclass(frozen=True, slots=True)
class Unmet:
    """A package that is asked for and not here, or not in such a version.

    Parameters
    ----------
    wanted
        What is asked for, as far as it is not met: ``pyarrow>=15``.
    found
        The version that is here, if one is.

    Examples
    --------
    >>> print(Unmet("pyarrow>=15", "14.0.2"))
    pyarrow>=15 (14.0.2 is here)
    """

    wanted: str
    found: str | None

    def __str__(self) -> str:
        return f"{self.wanted} ({f'{self.found} is here' if self.found else 'not installed'})"


def unmet_by(extra: str | None) -> tuple[Unmet, ...]:
    """Return what wayfed asks for under an extra, or for its core, and does not get."""
    return unmet(_OURS, extra)


def published_limits(extra: str) -> Mapping[str, tuple[Unmet, ...]]:
    """Return what the packages of an extra ask for in turn and do not get, by package."""
    found = {}
    for name in sorted({requirement.name for requirement in _requirements(_OURS, extra)}):
        here = installed_version(name)
        if here is not None and (missed := unmet(name)):
            found[f"{name} {here}"] = missed
    return found


def is_installed(extra: str) -> bool:
    """Say whether all packages of an extra are here, in whatever versions."""
    versions = [installed_version(each.name) for each in _requirements(_OURS, extra)]
    return bool(versions) and None not in versions


def unmet(distribution: str, extra: str | None = None) -> tuple[Unmet, ...]:
    """Return what a distribution asks for, under an extra alone or always, and does not get."""
    missed = []
    for requirement in _requirements(distribution, extra):
        found = installed_version(requirement.name)
        limits = requirement.specifier
        if found is None:
            missed.append(Unmet(f"{requirement.name}{limits}", None))
        elif broken := [str(each) for each in limits if not each.contains(found, prereleases=True)]:
            missed.append(Unmet(f"{requirement.name}{','.join(sorted(broken))}", found))
    return tuple(missed)


def installed_version(name: str) -> str | None:
    """Return the version of a distribution, if it is installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


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
