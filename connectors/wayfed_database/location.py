"""Where a database is: URLs and paths, read without touching anything and shown without secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, unquote

from wayfed_optimizer.errors import InvalidOption, SourceError, Unsupported, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import URL

_SCHEME: Final = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_]*)(?:\+(?P<driver>\w+))?://")
_FILES: Final = (".sqlite", ".sqlite3", ".db")
_POSTGRESQL: Final = frozenset({"postgresql", "postgres"})
_BUILT_IN: Final = ("mariadb", "mssql", "mysql", "oracle")
_ELSEWHERE: Final = (
    "bigquery",
    "clickhouse",
    "cockroachdb",
    "databricks",
    "db2",
    "duckdb",
    "hive",
    "impala",
    "presto",
    "redshift",
    "snowflake",
    "teradatasql",
    "trino",
)
"""Dialects that other packages bring."""
_SECONDS_TO_CONNECT: Final = "10"


@dataclass(frozen=True, slots=True)
class ServerLocation:
    """A database on a PostgreSQL server.

    Parameters
    ----------
    url
        As SQLAlchemy reads it; its repr masks the password.
    """

    url: URL

    @property
    def host(self) -> str:
        """Host and port, for people."""
        host = self.url.host or str(self.url.query.get("host", "localhost"))
        return f"{host}:{self.url.port or self.url.query.get('port', 5432)}"

    @property
    def user(self) -> str | None:
        """Who logs in, as far as the URL says."""
        return self.url.username

    @property
    def database(self) -> str:
        """The name of the database."""
        return self.url.database or self.url.username or "postgres"

    @property
    def libpq(self) -> str:
        """The parts as libpq reads them, with the password.

        Not as a URL: where libpq cannot read one, it tells what it stumbled over.
        """
        from psycopg.conninfo import make_conninfo

        url = self.url
        parts: dict[str, Any] = {**_options(url), "port": url.port, "dbname": url.database}
        if url.host is not None:
            parts["host"] = url.host
        return make_conninfo(**parts, user=url.username, password=url.password)

    def __str__(self) -> str:
        return f"postgresql://{self.host}/{self.database}"


@dataclass(frozen=True, slots=True)
class FileLocation:
    """A SQLite database file; absolute, and there."""

    path: Path
    uri: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "uri", f"file:{quote(str(self.path))}?mode=ro")

    @property
    def database(self) -> str:
        """The name of the database: the file's, without its ending."""
        return self.path.stem

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class GenericLocation:
    """A database of a kind that only SQLAlchemy knows."""

    url: URL

    @property
    def database(self) -> str:
        """The name of the database, or of its file."""
        return Path(self.url.database or self.url.host or "default").stem

    def __str__(self) -> str:
        host = f"{self.url.host or ''}{f':{self.url.port}' if self.url.port else ''}"
        return f"{self.url.get_backend_name()}://{host}/{self.url.database or ''}"


Location: TypeAlias = ServerLocation | FileLocation | GenericLocation


@cache
def _installed() -> frozenset[str]:
    """Return the kinds of databases that installed packages bring a dialect for."""
    found = entry_points(group="sqlalchemy.dialects")
    return frozenset(entry.name.partition(".")[0] for entry in found)


def is_database(target: object, format: str | None) -> bool:  # read()'s own word
    """Say whether `target` is a database's URL, or a file that SQLite holds."""
    if format is not None:
        return format == "sqlite"
    text = str(target) if isinstance(target, str | Path) else ""
    if found := _SCHEME.match(text):
        name = found["name"].lower()
        ours = name in _POSTGRESQL or name == "sqlite"
        return ours or name in (*_BUILT_IN, *_ELSEWHERE) or name in _installed()
    return text.lower().endswith(_FILES)


def locate(target: object, *, new: bool = False) -> Location:
    """Return where a URL or path leads; with `new`, a file may be missing.

    Raises
    ------
    InvalidOption
        Where the URL cannot be read.
    SourceError
        Where the file is not there.
    Unsupported
        Where it is a database of a kind that no installed package knows.
    """
    text = str(target)
    found = _SCHEME.match(text)
    if found is None:
        return _file(Path(text), new=new)
    name = found["name"].lower()
    if name == "sqlite":
        return _sqlite(text[found.end() :], new=new)
    if name not in _POSTGRESQL:
        return _generic(text, name)
    if found["driver"] not in (None, "psycopg"):
        raise InvalidOption(
            f"'{found['driver']}' is not a driver that is used here",
            hint="leave it out: postgresql://user@host/database",
        )
    return ServerLocation(_server_url(text, found.end()))


_EXAMPLE: Final = "for example postgresql://user:password@host:5432/database"


def _server_url(text: str, start: int) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(f"postgresql+psycopg://{text[start:]}")
    except (ArgumentError, ValueError):
        # Its cause would show what stands where a port should: often the password.
        raise _unreadable() from None
    if "@" in (url.host or ""):  # the password's end, taken for the host's beginning
        raise _unreadable()
    # SQLAlchemy's own default of drivers is to wait for minutes.
    defaults = {"connect_timeout": _SECONDS_TO_CONNECT, "application_name": "wayfed"}
    return url.update_query_dict({**defaults, **_options(url)})


def _generic(text: str, name: str) -> GenericLocation:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    if name not in _BUILT_IN and name not in _installed():
        raise Unsupported(
            f"a {name} database",
            reason=f"no SQLAlchemy dialect called '{name}' is installed",
            hint="install the package that brings it, or export the table as Parquet; "
            "PostgreSQL (postgresql://…) and SQLite (sqlite:///…) need none",
        )
    try:
        return GenericLocation(make_url(text))
    except (ArgumentError, ValueError):  # its cause would show what stands where a port should
        raise _unreadable() from None


def _unreadable() -> InvalidOption:
    return InvalidOption(
        "the database's URL cannot be read",
        hint=f"{_EXAMPLE}; write @ : / in a password as %40 %3A %2F",
    )


def _options(url: URL) -> Mapping[str, str]:
    return {k: v if isinstance(v, str) else v[-1] for k, v in url.query.items()}


def _sqlite(rest: str, *, new: bool) -> FileLocation:
    path, _, options = rest.partition("?")
    if options:
        raise InvalidOption(
            f"'{options.split('=')[0]}' is not an option of a SQLite URL",
            hint="a database is only read, in its own mode: write sqlite:///path alone",
        )
    if path in ("", "/", "/:memory:"):
        raise Unsupported(
            "reading a SQLite database in memory",
            reason="only the connection that made it can see it",
            hint="write it to a file, for example with sqlite3's Connection.backup",
        )
    if not path.startswith("/"):
        raise InvalidOption(
            f"sqlite://{path} names a host, which SQLite does not have",
            hint=f"write sqlite:///{path} for a relative path",
        )
    return _file(Path(unquote(path[1:])), new=new)


def _file(path: Path, *, new: bool) -> FileLocation:
    path = path.expanduser().absolute()
    if path.is_file() or (new and not path.exists() and path.parent.is_dir()):
        return FileLocation(path)
    if path.is_dir():
        raise SourceError(f"{path} is a directory, not a SQLite database")
    beside = sorted(p.name for p in path.parent.glob("*") if p.suffix in _FILES)
    raise SourceError(
        f"there is no SQLite database {path}",
        available=beside,
        hint=suggestion(path.name, beside) or "a database that is read is never created",
    )
