"""The cases of the suite, by what they are about."""

from __future__ import annotations

from typing import Final

from wayfed.testing.cases.aggregates import AGGREGATES
from wayfed.testing.cases.casts import CASTS
from wayfed.testing.cases.failures import FAILURES
from wayfed.testing.cases.logic import LOGIC
from wayfed.testing.cases.numbers import NUMBERS
from wayfed.testing.cases.relations import RELATIONS
from wayfed.testing.cases.tables import TABLES, WINDOW_ROWS, WINDOW_SCHEMA
from wayfed.testing.cases.texts import TEXTS
from wayfed.testing.cases.times import TIMES
from wayfed.testing.cases.windows import WINDOWS

SCALARS: Final = (*LOGIC, *NUMBERS, *TEXTS, *TIMES, *CASTS)
"""Expressions over single rows."""

__all__ = [
    "AGGREGATES",
    "FAILURES",
    "RELATIONS",
    "SCALARS",
    "TABLES",
    "WINDOWS",
    "WINDOW_ROWS",
    "WINDOW_SCHEMA",
]
