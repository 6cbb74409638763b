"""The cases of the suite, by what they are about."""

from __future__ import annotations

from typing import Final

from wayfed.testing.cases.aggregates import AGGREGATES
from wayfed.testing.cases.angles import ANGLES
from wayfed.testing.cases.casts import CASTS
from wayfed.testing.cases.characters import CHARACTERS
from wayfed.testing.cases.failures import FAILURES as ENGINE_FAILURES
from wayfed.testing.cases.joins import JOINS
from wayfed.testing.cases.logic import LOGIC
from wayfed.testing.cases.loops import LOOP_FAILURES, LOOPS
from wayfed.testing.cases.matrix import MATRIX
from wayfed.testing.cases.nested import NESTED, NESTED_PLANS, NESTED_TABLES
from wayfed.testing.cases.numbers import NUMBERS
from wayfed.testing.cases.regular import REGULAR
from wayfed.testing.cases.relations import RELATIONS as FLAT_PLANS
from wayfed.testing.cases.tables import TABLES as FLAT_TABLES
from wayfed.testing.cases.tables import WINDOW_ROWS, WINDOW_SCHEMA
from wayfed.testing.cases.texts import TEXTS
from wayfed.testing.cases.times import TIMES
from wayfed.testing.cases.types import TYPE_TABLES
from wayfed.testing.cases.windows import WINDOWS

SCALARS: Final = (*LOGIC, *NUMBERS, *ANGLES, *TEXTS, *CHARACTERS, *REGULAR, *TIMES, *CASTS, *NESTED)
"""Expressions over single rows."""

RELATIONS: Final = (*FLAT_PLANS, *JOINS, *NESTED_PLANS, *MATRIX, *LOOPS)
"""Plans over the tables."""

FAILURES: Final = (*ENGINE_FAILURES, *LOOP_FAILURES)
"""Plans that have no answer."""

TABLES: Final = {**FLAT_TABLES, **NESTED_TABLES, **TYPE_TABLES}
"""Tables by name: their columns and rows."""

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
