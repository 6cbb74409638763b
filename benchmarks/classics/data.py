"""The tables that the programs read, made up from a seed: in files, in a database and in both.

Numbers are fractions of 1024, so that sums do not depend on the order of the rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from uuid import uuid4

import numpy as np
import psycopg
import pyarrow as pa
from pyarrow import parquet

import wayfed as wf
from tests.tpch.database import file_of, generate, rows_of
from wayfed.local import Context

WORDS: Final = 10
"""The most words in a line."""
PLACES: Final = ("files", "database", "hybrid")
"""Where the tables can lie."""

_TPCH: Final = ("customer", "orders", "lineitem")
_SMALL: Final = ("places", "centres")
_SYLLABLES: Final = ("ka", "lo", "mi", "ner", "oua", "que", "sei", "tor", "u", "zeau")


def made_up(scale: float, seed: int = 7) -> dict[str, pa.Table]:
    """Return all tables but those of TPC-H; 20,000 rows or so each at scale 1."""
    random = np.random.default_rng(seed)
    rows = max(40, int(20_000 * scale))
    nodes = max(10, rows // 10)
    edges = np.unique(random.zipf(1.6, (rows, 2)) % nodes, axis=0)
    a, b = _fractions(random, rows), _fractions(random, rows)
    return {
        "lines": pa.table({"number": np.arange(rows), "line": _lines(random, rows)}),
        "places": pa.table({"place": np.arange(1, WORDS + 1)}),
        "records": pa.table({"key": _keys(random, rows), "record": np.arange(rows)}),
        "points": pa.table({"id": np.arange(rows), "x": a, "y": b}),
        "centres": pa.table({"cluster": np.arange(4), "x": a[:4], "y": b[:4]}),
        "samples": pa.table(
            {
                "batch": np.arange(rows) % 4,
                "a": a,
                "b": b,
                "label": (a - b + _fractions(random, rows) > 0).astype(float),
            }
        ),
        "edges": pa.table({"source": edges[:, 0], "target": edges[:, 1]}),
    }


def _fractions(random: np.random.Generator, rows: int) -> np.ndarray:
    return np.round(random.normal(size=rows) * 1024) / 1024


def _lines(random: np.random.Generator, rows: int) -> list[str]:
    syllables = np.array(_SYLLABLES)
    vocabulary = ["".join(random.choice(syllables, size)) for size in random.integers(1, 4, 400)]
    return [
        " ".join(vocabulary[word % len(vocabulary)] for word in random.zipf(1.3, size))
        for size in random.integers(1, WORDS + 1, rows)
    ]


def _keys(random: np.random.Generator, rows: int) -> list[str]:
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"))
    return ["".join(key) for key in random.choice(letters, (rows, 10))]


class Stores:
    """The tables in a directory and a database.

    Parameters
    ----------
    directory
        Parquet files; of the large tables two each, with half of the rows.
    url
        A database with all tables, and of the large ones the second half besides; None for none.
    tables
        The rows, of those of TPC-H too.
    """

    def __init__(self, directory: Path, url: str | None, tables: dict[str, pa.Table]) -> None:
        self.directory = directory
        self.url = url
        self.tables = tables

    @classmethod
    def fill(cls, directory: Path, server: str | None, scale: float) -> Stores:
        """Make the tables, and a database for them on a PostgreSQL server."""
        generate(directory, scale / 20)
        tables = made_up(scale) | {name: rows_of(directory, name) for name in _TPCH}
        for name, rows in tables.items():
            if name not in _TPCH:
                _write_halves(directory / name, rows)
        stores = cls(directory, server and _new_database(server), tables)
        if stores.url is not None:
            stores._fill_database(stores.url)
        return stores

    def open(self, place: str, **engines: object) -> Context:
        """Return a context that knows the tables by name, where they lie in `place`."""
        context = wf.context(**engines)
        for name in self.tables:
            file = file_of(self.directory, name) if name in _TPCH else f"{self.directory / name}/"
            in_database = place == "database" or name in (*_SMALL, "orders", "customer")
            if place == "files" or (name == "lineitem" and not in_database):
                context.register(name, file)
            elif in_database:
                context.register(name, self.url, table=name)
            else:
                first = context.read(self.directory / name / "1.parquet")
                context.register(name, first.union(context.read(self.url, table=f"{name}_2")))
        return context

    def _fill_database(self, url: str) -> None:
        with wf.context() as context:
            for name, rows in self.tables.items():
                context.read(rows).write(url, table=name)
                if name not in (*_SMALL, *_TPCH):
                    context.read(self.directory / name / "2.parquet").write(url, table=f"{name}_2")
        with psycopg.connect(url, autocommit=True) as database:
            database.execute("analyze")


def _write_halves(directory: Path, rows: pa.Table) -> None:
    directory.mkdir()
    middle = rows.num_rows // 2
    parquet.write_table(rows[:middle], directory / "1.parquet")
    parquet.write_table(rows[middle:], directory / "2.parquet")


def _new_database(server: str) -> str:
    name = f"classics_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    return f"{server.rpartition('/')[0]}/{name}"
