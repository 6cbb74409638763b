"""From what a person writes (a path, a glob, a directory, ``file://``) to the files it means."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from wayfed_files.formats import FORMATS, Format, format_of, suffix_of
from wayfed_files.manifest import counted
from wayfed_optimizer.errors import SourceError, suggestion
from wayfed_optimizer.types import check_option

if TYPE_CHECKING:
    from collections.abc import Iterable

_SIBLINGS = 10
_PLACEHOLDERS = ("*", "?", "[")


@dataclass(frozen=True, slots=True)
class Location:
    """Where a table's files are, whenever one looks.

    Parameters
    ----------
    text
        As it was written.
    path
        Absolute; a pattern where `is_glob`.
    """

    text: str
    path: Path
    is_glob: bool

    @classmethod
    def of(cls, target: str | Path) -> Location:
        """Read a path, glob or ``file://`` URL.

        Examples
        --------
        >>> Location.of("file:///data/my%20flights.csv").path.name
        'my flights.csv'
        """
        text = str(target)
        path = plain_path(text)
        is_glob = any(mark in str(path) for mark in _PLACEHOLDERS) and not path.exists()
        return cls(text, path, is_glob)

    @property
    def root(self) -> Path:
        """The directory that all the files are in: what stands before the first placeholder."""
        if self.is_glob:
            return _parts_before_placeholder(self.path)
        return self.path if self.path.is_dir() else self.path.parent

    def files(self) -> tuple[Path, ...]:
        """Return the files there are now, in the order of their names.

        Raises
        ------
        SourceError
            Where there are none; names what is there instead.
        """
        if self.is_glob:
            return self._matching()
        if self.path.is_dir():
            return self._within()
        if not self.path.exists():
            raise self._missing()
        return (self.path,)

    def _matching(self) -> tuple[Path, ...]:
        files = counted(self._matches)
        if files:
            return files
        fixed = _parts_before_placeholder(self.path)
        if not fixed.is_dir():
            raise SourceError(f"no file matches '{self.text}': there is no directory '{fixed}'")
        raise SourceError(
            f"no file matches '{self.text}'", available=_names_in(fixed), hint=_relative_to(self)
        )

    def _matches(self) -> list[Path]:
        found = (Path(name) for name in glob.glob(str(self.path), recursive=True))
        return sorted(path for path in found if path.is_file())

    def _visible(self) -> list[Path]:
        found = sorted(self.path.rglob("*"))
        visible = (path for path in found if not is_hidden(path, self.path))
        return [path for path in visible if path.is_file() and suffix_of(path)]

    def _within(self) -> tuple[Path, ...]:
        if self.path == self.path.parent:
            raise SourceError(f"'{self.text}' is the root of all files, and no table")
        try:
            files = counted(self._visible)
        except OSError as error:
            raise SourceError(f"the directory '{self.text}' cannot be read: {error}") from error
        if not files:
            raise SourceError(
                f"the directory '{self.text}' has no files of a known format",
                available=_names_in(self.path),
                hint=f"known endings: {', '.join(_endings())}",
            )
        return files

    def _missing(self) -> SourceError:
        parent = self.path.parent
        if not parent.is_dir():
            return SourceError(
                f"there is no file '{self.text}': its directory '{parent}' does not exist",
                hint=_relative_to(self),
            )
        names = _names_in(parent)
        return SourceError(
            f"there is no file '{self.text}'",
            available=names,
            hint=suggestion(self.path.name, names) or _relative_to(self),
        )


def plain_path(text: str) -> Path:
    """Return the absolute path that a path or ``file://`` URL means."""
    plain = unquote(urlsplit(text).path) if text.startswith("file://") else text
    return Path(plain).expanduser().absolute()


def format_for(location: Location, files: tuple[Path, ...], name: str | None) -> Format:
    """Return the one format of `files`: the one called `name`, else the one their endings tell.

    Raises
    ------
    SourceError, InvalidOption
        Where an ending is unknown, or the files are of more than one format.
    """
    if name is not None:
        check_option(name, (each.name for each in FORMATS), name="format")
        return next(each for each in FORMATS if each.name == name)
    first, first_format = files[0], _format_by_ending(files[0])
    for path in files[1:]:
        if _format_by_ending(path) is not first_format:
            raise SourceError(
                f"'{location.text}' means files of different formats: "
                f"'{first.name}' is {first_format.name}, '{path.name}' is not",
                hint=f"name one kind, for example '*{suffix_of(first)}'",
            )
    return first_format


def _format_by_ending(path: Path) -> Format:
    found = format_of(path)
    if found is None:
        ending = "".join(path.suffixes[-2:]) or "none"
        raise SourceError(
            f"the ending of '{path.name}' ({ending}) does not say which format it has",
            available=_endings(),
            hint=f"say it: format='{FORMATS[0].name}', or another of "
            f"{', '.join(each.name for each in FORMATS[1:])}",
        )
    return found


def _endings() -> tuple[str, ...]:
    return tuple(ending for each in FORMATS for ending in each.suffixes)


def is_hidden(path: Path, root: Path) -> bool:
    """Say whether engines skip a file: it, or a directory above it, begins with . or _."""
    return any(part.startswith((".", "_")) for part in path.relative_to(root).parts)


def _parts_before_placeholder(pattern: Path) -> Path:
    fixed = Path(pattern.anchor)
    for part in pattern.parts[1:]:
        if any(mark in part for mark in _PLACEHOLDERS):
            break
        fixed /= part
    return fixed


def _names_in(directory: Path) -> tuple[str, ...]:
    return _first(sorted(path.name for path in directory.iterdir()))


def _first(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)[:_SIBLINGS]


def _relative_to(location: Location) -> str | None:
    relative = not location.text.startswith(("/", "~", "file:"))
    return f"relative paths are looked up from '{Path.cwd()}'" if relative else None
