"""wayfed.toml: the engines and the catalog of a context, checked, with secrets filled in."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from wayfed_optimizer.errors import InvalidOption, SourceError, suggestion

_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
_QUOTED: Final = re.compile(r"'([^']*)'")
_SECRET_FILE: Final = re.compile(r"file:(?!//)(.+)")
_TWICE: Final = re.compile(r"^Cannot (?:overwrite|declare|mutate).*\(at line (\d+)")
_SQLITE: Final = "sqlite:///"
ADDRESS: Final = r"^.+:[0-9]+$"
PLACE: Final = r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$"
_PATTERNS: Final = {ADDRESS: "host:port", PLACE: "module:function"}
_MISSING_HINTS: Final = {
    "schema": "it holds what all parties have agreed to publish, [schema.TABLE] and [keys]: the "
    "same file everywhere",
    "party": "wayfed party init NAME writes one to fill in",
    "coordinator": "wayfed coordinator init writes one to fill in",
}

M = TypeVar("M", bound="Strict")


class Strict(BaseModel):
    """A part of a file that people write: a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _as_tuple(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class TableConfiguration(Strict):
    """``[tables.NAME]``: where a table of the catalog is.

    Parameters
    ----------
    source
        A path, glob or URL.
    table, query
        The table of a database, or a query instead.
    format
        The format of files, where their names do not say it.
    columns
        The columns and their types, where the source does not say them.
    key
        Declared keys: joins without ``on=`` use them.
    rename
        Names in the source -> names here.
    options
        What the source's connector takes besides.
    """

    source: str
    table: str | None = None
    query: str | None = None
    format: str | None = None
    columns: dict[str, str] | None = Field(default=None, alias="schema")
    key: Names = ()
    rename: dict[str, str] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)


class PlanningConfiguration(Strict):
    """``[planning]``: what the optimizer may take and use.

    Parameters
    ----------
    statistics_seconds
        How long a plan waits for all its stores to tell what they know of their tables. What is
        late is there for the next plan.
    remember_runs
        Whether plans are made with what earlier runs of the context counted.
    """

    statistics_seconds: float = Field(default=0.5, ge=0, le=3600, strict=False)
    remember_runs: bool = True


class RunsConfiguration(Strict):
    """``[runs]``: where runs of training are kept.

    Parameters
    ----------
    store
        The path of a SQLite file, a SQLAlchemy URL, or ``off``; without it the environment's
        ``WAYFED_RUNS`` counts, or else it is a file of the user's.
    """

    store: str | None = None

    def resolved(self, directory: Path) -> RunsConfiguration:
        """Return it with a file's path as an absolute one."""
        if self.store is None or self.store == "off":
            return self
        return RunsConfiguration(store=resolve_path(self.store, directory))


class ContextConfiguration(Strict):
    """A whole wayfed.toml.

    Parameters
    ----------
    engines
        Options of each engine, by name.
    tables
        The catalog.
    planning
        What plans may take and use.
    runs
        Where runs of training are kept.
    """

    engines: dict[str, dict[str, Any]] = Field(default_factory=dict)
    planning: PlanningConfiguration = PlanningConfiguration()
    runs: RunsConfiguration = RunsConfiguration()
    tables: dict[str, TableConfiguration] = Field(default_factory=dict)


def load_configuration(source: str | os.PathLike[str] | Mapping[str, Any]) -> ContextConfiguration:
    """Read and check a configuration: a TOML file's path, or what would stand in it.

    Relative paths in a file are relative to its directory.

    Raises
    ------
    SourceError
        Where the file is missing or not TOML.
    InvalidOption
        Where a key is unknown, a value of the wrong type, or a secret missing.

    Examples
    --------
    >>> loaded = load_configuration({"tables": {"tx": {"source": "tx.parquet", "key": "id"}}})
    >>> loaded.tables["tx"].key
    ('id',)
    """
    values, directory, place = read_toml(source, kind="configuration")
    loaded = parse(ContextConfiguration, with_secrets(values, directory, place), place)
    if isinstance(source, Mapping):
        return loaded
    tables = {
        name: table.model_copy(update={"source": resolve_path(table.source, directory)})
        for name, table in loaded.tables.items()
    }
    return loaded.model_copy(update={"tables": tables, "runs": loaded.runs.resolved(directory)})


def read_toml(
    source: str | os.PathLike[str] | Mapping[str, Any], *, kind: str
) -> tuple[dict[str, Any], Path, str]:
    """Return what stands in a TOML file (or a mapping), its directory and its name.

    Raises
    ------
    SourceError
        Where the file is missing or not TOML; with the line.
    """
    if isinstance(source, Mapping):
        return dict(source), Path.cwd(), f"the {kind}"
    path = Path(source).expanduser()
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), path.resolve().parent, path.name
    except OSError as error:
        raise SourceError(
            f"the {kind} {path} cannot be read: {error.strerror}", hint=_MISSING_HINTS.get(kind)
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        hint = _twice(text, str(error))
        raise SourceError(f"the {kind} {path} is not TOML: {error}", hint=hint) from error


def _twice(text: str, error: str) -> str | None:
    """Say which name stands twice in a TOML file, where that is what is wrong."""
    if (found := _TWICE.search(error)) is None:
        return None
    name, *_ = text.splitlines()[int(found[1]) - 1].split("=")
    return f"{name.strip()} stands there twice: each needs a name of its own"


def parse(model: type[M], values: Mapping[str, Any], place: str) -> M:
    """Return `values` as a model; InvalidOption says which key is wrong, and what was meant."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # A key that is missing may be one that is misspelt, which says more.
        found = error.errors(include_url=False)
        first = min(found, key=lambda each: each["type"] != "extra_forbidden")
        keys = [str(key) for key in first["loc"]]
        if first["type"] == "extra_forbidden":
            choices = _keys_at(model, keys[:-1])
            raise InvalidOption(
                f"'{keys[-1]}' is not a key of {_section(keys[:-1]) or place}",
                available=choices,
                hint=suggestion(keys[-1], choices),
            ) from error
        where = f"{place}: {'.'.join(keys)}"
        if first["type"] == "literal_error":
            choices = tuple(_QUOTED.findall(first["ctx"]["expected"]))
            raise InvalidOption(
                f"{where}: {first['input']!r} is not a choice",
                available=choices,
                hint=suggestion(str(first["input"]), choices),
            ) from error
        if first["type"] == "string_pattern_mismatch":
            meant = _PATTERNS[first["ctx"]["pattern"]]
            raise InvalidOption(f"{where}: {first['input']!r} is not {meant}") from error
        raise InvalidOption(f"{where}: {first['msg'].lower()}") from error


def _section(keys: Sequence[str]) -> str:
    return f"[{'.'.join(keys)}]" if keys else ""


def _keys_at(model: type[BaseModel], path: Sequence[str]) -> tuple[str, ...]:
    """Return the keys that a model has at a path into it."""
    kind: Any = model
    for key in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            by_key = {field.alias or name: field for name, field in kind.model_fields.items()}
            kind = by_key[key].annotation
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        kind = next((k for k in get_args(kind) if _is_model(k)), kind) if _is_union(kind) else kind
    if not _is_model(kind):
        return ()
    return tuple(field.alias or name for name, field in kind.model_fields.items())


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_union(kind: object) -> bool:
    return type(None) in get_args(kind)


def with_secrets(values: Mapping[str, Any], directory: Path, place: str) -> dict[str, Any]:
    """Put secrets into texts: ``${NAME}`` of the environment, ``file:PATH`` for a file's text.

    Raises
    ------
    InvalidOption
        Where the variable is not set or the file cannot be read; never shows a secret.
    """
    return {key: _resolved(value, directory, f"{place}: {key}") for key, value in values.items()}


def _resolved(value: Any, directory: Path, place: str) -> Any:
    match value:
        case Mapping():
            return {k: _resolved(v, directory, f"{place}.{k}") for k, v in value.items()}
        case list():
            return [_resolved(each, directory, place) for each in value]
        case str():
            return _with_secret(value, directory, place)
    return value


def _with_secret(text: str, directory: Path, place: str) -> str:
    if match := _SECRET_FILE.fullmatch(text):
        path = directory / Path(match[1]).expanduser()
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise InvalidOption(f"{place}: {path} cannot be read: {error.strerror}") from error

    def variable(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise InvalidOption(
                f"{place}: the environment has no variable {match[1]}",
                hint=f"set it before the program starts: export {match[1]}=…",
            )
        return found

    return _VARIABLE.sub(variable, text)


def resolve_path(source: str, directory: Path) -> str:
    """Return a path that is relative to a file's directory as an absolute one; URLs as they are.

    A URL of a SQLite file holds a path, too.

    Examples
    --------
    >>> resolve_path("core.parquet", Path("/bank"))
    '/bank/core.parquet'
    >>> resolve_path("sqlite:///core.db", Path("/bank"))
    'sqlite:////bank/core.db'
    """
    scheme, path = (_SQLITE, source[len(_SQLITE) :]) if source.startswith(_SQLITE) else ("", source)
    if "://" in path or path in ("", ":memory:") or Path(path).expanduser().is_absolute():
        return source
    return f"{scheme}{quote(str(directory))}/{path}" if scheme else str(directory / path)
