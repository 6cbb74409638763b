"""The catalog: what names mean in a context, opened when they are first asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from wayfed.selecting import fresh_name
from wayfed_optimizer.errors import ColumnNotFound, InvalidOption, TableNotFound
from wayfed_optimizer.expressions import Column as Reference
from wayfed_optimizer.expressions import Named
from wayfed_optimizer.relations import Read, Relation, Select, reads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_optimizer.platform import Source, SourceRequest

Keys = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table of the catalog, as `Context.tables` lists it.

    Parameters
    ----------
    name
        What it is called in ``ctx.read`` and SQL.
    source
        Where it lies.
    key
        Its declared key.
    columns
        Its columns; None before it was first read.
    """

    name: str
    source: str
    key: tuple[str, ...]
    columns: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class _Declared:
    """A name of the catalog: how to make its plan."""

    make: Callable[[], Relation]
    description: str
    key: tuple[str, ...]


class Catalog:
    """Names of tables, and the sources behind the reads of plans; safe across threads.

    Parameters
    ----------
    open_source
        Opens what a request means.
    """

    def __init__(self, open_source: Callable[[SourceRequest], Source]) -> None:
        self._open = open_source
        self._lock = RLock()
        self._declared: dict[str, _Declared] = {}
        self._relations: dict[str, Relation] = {}
        self._taken: set[str] = set()
        self.sources: dict[str, Source] = {}
        """By the table names of reads; grows, and never changes what a name means."""

    def __contains__(self, name: object) -> bool:
        return name in self._declared

    @property
    def names(self) -> tuple[str, ...]:
        """The names that were declared, sorted."""
        return tuple(sorted(self._declared))

    def declare(
        self,
        name: str,
        source: SourceRequest | Relation,
        *,
        key: tuple[str, ...] = (),
        rename: Mapping[str, str] | None = None,
        description: str = "",
    ) -> None:
        """Give a name to a source, which is opened when it is first read, or to a plan.

        Raises
        ------
        InvalidOption
            Where the name means something already.
        """
        with self._lock:
            if name in self._declared:
                raise InvalidOption(f"the catalog has '{name}' already", hint="choose another name")
            if isinstance(source, Relation):
                declared = _Declared(lambda: source, description, key)
            else:
                request, table = source, fresh_name(name, self._taken)
                declared = _Declared(
                    lambda: _renamed(self._put(table, self._open(request)), rename or {}),
                    description,
                    key,
                )
            self._declared[name] = declared

    def relation(self, name: str) -> Relation:
        """Return the plan that a name means; opens its source the first time.

        Raises
        ------
        TableNotFound
            With the names there are.
        """
        with self._lock:
            if name not in self._declared:
                raise TableNotFound(name, self.names, of="the catalog")
            if name not in self._relations:
                declared = self._declared[name]
                relation = declared.make()
                for column in declared.key:
                    if column not in relation.schema:
                        raise ColumnNotFound(
                            column, relation.schema.names, of=f"{name} (its key, after rename)"
                        )
                self._relations[name] = relation
            return self._relations[name]

    def read(self, request: SourceRequest) -> Relation:
        """Open a source and return the read of it, under a name that nothing else has."""
        return self.put(_stem(request), self._open(request))

    def unique_name(self, stem: str) -> str:
        """Return a name like `stem` that no read has."""
        with self._lock:
            return fresh_name(stem, self._taken)

    def put(self, stem: str, source: Source) -> Read:
        """Take a source in, under a name like `stem` that nothing has, and return its read."""
        with self._lock:
            return self._put(fresh_name(stem, self._taken), source)

    def keys_of(self, table: str) -> Keys:
        """Return the keys declared for the table of a read."""
        return tuple(
            declared.key
            for name, relation in tuple(self._relations.items())
            if (declared := self._declared[name]).key
            and any(read.table == table for read in reads(relation))
        )

    def describe(self) -> tuple[TableInfo, ...]:
        """Return what was declared; opens nothing."""
        return tuple(
            TableInfo(
                name,
                self._declared[name].description,
                self._declared[name].key,
                self._relations[name].schema.names if name in self._relations else None,
            )
            for name in self.names
        )

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._declared.clear()
            self._relations.clear()
            self.sources.clear()

    def _put(self, name: str, source: Source) -> Read:
        self.sources[name] = source
        return Read(name, source.schema, source.bounded)


def _renamed(relation: Relation, names: Mapping[str, str]) -> Relation:
    if not names:
        return relation
    for name in names:
        relation.schema.field(name)
    return Select(
        relation,
        tuple(
            Named(names.get(f.name, f.name), Reference(f.name, f.type, f.nullable))
            for f in relation.schema
        ),
    )


def _stem(request: SourceRequest) -> str:
    """Return what a person would call the table of a request."""
    if request.table:
        return request.table.rpartition(".")[2]
    if request.query:
        return "query"
    target: Any = request.target
    if isinstance(target, str | Path):
        parts = [part for part in re.split(r"[/\\]", str(target)) if part]
        plain = [part for part in parts if not set(part) & set("*?[")]
        stem = (plain[-1] if plain else "files").split(".")[0].rpartition(":")[2]
        return re.sub(r"\W+", "_", stem).strip("_") or "files"
    return re.sub(r"\W+", "_", type(target).__name__).lower()
