"""The answers of the programs without wayfed: by plain Python, numpy and DuckDB's own SQL."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.classics.programs import BATCHES, ITERATIONS, PATTERN, RATE
from tests.tpch.database import QUERIES

Rows = list[tuple[Any, ...]]
Tables = Mapping[str, pa.Table]

ORDERED: Final = frozenset({"terasort", "grep", "tpch 1", "tpch 3"})
"""The programs whose rows come in an order."""
_CLOSE: Final = 1e-9


def agree(program: str, found: pa.Table, expected: Rows) -> bool:
    """Say whether a program's rows are those expected, floats to nine digits."""
    rows = rows_of(found)
    if program not in ORDERED:
        rows, expected = sorted(rows), sorted(expected)
    return len(rows) == len(expected) and all(
        len(row) == len(wanted) and all(map(_same, row, wanted))
        for row, wanted in zip(rows, expected, strict=True)
    )


def rows_of(table: pa.Table) -> Rows:
    """Return rows as tuples."""
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _same(found: object, wanted: object) -> bool:
    if isinstance(found, float | Decimal) and isinstance(wanted, float | Decimal):
        return math.isclose(found, wanted, rel_tol=_CLOSE, abs_tol=_CLOSE)
    return found == wanted


def _words(tables: Tables) -> Rows:
    lines = tables["lines"]["line"].to_pylist()
    return list(Counter(word for line in lines for word in line.split(" ")).items())


def _sorted(tables: Tables) -> Rows:
    return sorted(rows_of(tables["records"]))


def _matching(tables: Tables) -> Rows:
    return [row for row in rows_of(tables["lines"]) if re.search(PATTERN, row[1])]


def _centres(tables: Tables) -> Rows:
    points, centres = _matrix(tables["points"], "xy"), _matrix(tables["centres"], "xy")
    for _ in range(ITERATIONS):
        squares = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
        nearest = squares.argmin(axis=1)
        centres = np.array(
            [
                points[nearest == number].mean(axis=0) if (nearest == number).any() else centre
                for number, centre in enumerate(centres)
            ]
        )
    return [(number, *map(float, centre)) for number, centre in enumerate(centres)]


def _weights(tables: Tables) -> Rows:
    samples = tables["samples"]
    batch, label = samples["batch"].to_numpy(), samples["label"].to_numpy()
    features = np.column_stack([_matrix(samples, "ab"), np.ones(len(label))])
    weights = np.zeros(3)
    for step in range(BATCHES):
        mine, wanted = features[batch == step], label[batch == step]
        error = 1 / (1 + np.exp(-(mine @ weights))) - wanted
        weights = weights - RATE * (error[:, None] * mine).mean(axis=0)
    return [(BATCHES, *map(float, weights))]


def _ranks(tables: Tables) -> Rows:
    edges = np.column_stack([tables["edges"]["source"], tables["edges"]["target"]])
    nodes, ends = np.unique(edges, return_inverse=True)
    source, target = ends.reshape(edges.shape).T
    size = len(nodes)
    degree = np.bincount(source, minlength=size)
    rank = np.full(size, 1 / size)
    for _ in range(ITERATIONS):
        received = np.bincount(target, rank[source] / degree[source], minlength=size)
        rank = 0.85 * (received + rank[degree == 0].sum() / size) + 0.15 / size
    return list(zip(nodes.tolist(), rank.tolist(), strict=True))


def _matrix(table: pa.Table, columns: Iterable[str]) -> np.ndarray:
    return np.column_stack([table[name].to_numpy() for name in columns])


def _asked(number: int) -> Callable[[Tables], Rows]:
    def answer(tables: Tables) -> Rows:
        with duckdb.connect() as connection:
            for name in ("customer", "orders", "lineitem"):
                connection.register(name, tables[name])
            return rows_of(connection.sql(QUERIES[number]).to_arrow_table())

    return answer


ANSWERS: Final[dict[str, Callable[[Tables], Rows]]] = {
    "wordcount": _words,
    "terasort": _sorted,
    "grep": _matching,
    "k-means": _centres,
    "sgd": _weights,
    "pagerank": _ranks,
    "tpch 1": _asked(1),
    "tpch 3": _asked(3),
}
"""What each program of `PROGRAMS` has to answer."""
