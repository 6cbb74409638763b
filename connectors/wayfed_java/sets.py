"""The sets of jars that engines need, and what each jar was when it was tested: two files' data.

``ivy.xml`` says what a set is asked for; ``jars.sha256`` has a line for each jar that came of it:
SHA-256, size in bytes, set and file name. ``scripts/lock_jars.py`` writes the second.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import InvalidOption, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE: Final = Path(__file__).parent
IVY_FILE: Final = HERE / "ivy.xml"
TESTED_FILE: Final = HERE / "jars.sha256"
_SET: Final = re.compile(r'<conf name="([^"]+)" description="([^"]+)"')
_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Jar:
    """A jar as it was tested."""

    name: str
    size: int
    digest: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class JarSet:
    """The jars that one purpose needs.

    Parameters
    ----------
    name
        What `jars` calls it, for example ``postgresql``.
    purpose
        For people, for example ``PostgreSQL for Spark``.
    jars
        All of them, by name.
    """

    name: str
    purpose: str
    jars: tuple[Jar, ...]

    @property
    def size(self) -> int:
        """Bytes of all jars."""
        return sum(jar.size for jar in self.jars)

    def __str__(self) -> str:
        count = f"{len(self.jars)} jar{'s' * (len(self.jars) != 1)}"
        return f"{self.purpose} ({count}, {self.size / _MEGABYTE:.1f} MB)"


@cache
def jar_sets() -> Mapping[str, JarSet]:
    """Return every set by name.

    Examples
    --------
    >>> print(jar_sets()["postgresql"])
    PostgreSQL for Spark (1 jar, 1.1 MB)
    """
    tested: dict[str, list[Jar]] = defaultdict(list)
    for line in TESTED_FILE.read_text(encoding="ascii").splitlines():
        digest, size, path = line.split()
        name, _, jar = path.partition("/")
        tested[name].append(Jar(jar, int(size), digest))
    purposes = _SET.findall(IVY_FILE.read_text(encoding="utf-8"))
    return MappingProxyType(
        {name: JarSet(name, purpose, tuple(tested[name])) for name, purpose in purposes}
    )


def jar_set(name: str) -> JarSet:
    """Return the set that is called so.

    Raises
    ------
    InvalidOption
        Where none is.
    """
    sets = jar_sets()
    if name not in sets:
        raise InvalidOption(
            f"'{name}' is not a set of jars", available=sets, hint=suggestion(name, sets)
        )
    return sets[name]
