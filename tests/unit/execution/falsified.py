"""Environments that believe something else of tables than is so."""

from __future__ import annotations

from dataclasses import replace

from wayfed_optimizer.environment import Environment
from wayfed_optimizer.statistics import Estimate, TableStatistics


def falsified(environment: Environment, factor: float, *tables: str) -> Environment:
    """Return an environment in which some tables are believed to have so many times their rows."""
    believed = {}
    for name, source in environment.sources.items():
        known = source.statistics()
        wrong = any(table in source.description for table in tables)
        believed[name] = times(known, factor) if wrong else known
    return replace(environment, statistics=believed)


def times(known: TableStatistics, factor: float) -> TableStatistics:
    rows = known.rows
    return replace(
        known,
        rows=Estimate(
            rows.low * factor,
            rows.likely * factor,
            rows.high * factor,
            rows.confidence,
            rows.provenance,
        ),
        columns={
            name: replace(column, distinct=min(column.distinct, max(1, rows.likely * factor)))
            if column.distinct
            else column
            for name, column in known.columns.items()
        },
    )
