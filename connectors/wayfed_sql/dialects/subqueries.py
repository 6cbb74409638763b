"""How engines are made to fail where a subquery used as a value has several rows."""

from __future__ import annotations

from typing import Final

from wayfed_sql.templates import Template

SEVERAL_ROWS: Final = "'a subquery used as a value has several rows'"
"""What an engine is told to say where `single_value` is an error."""


def single_value(failure: str) -> Template:
    """Make the row of `single_value` from what is an error where it is evaluated."""
    return Template(f"CASE WHEN {{1}} > 1 THEN {failure} ELSE {{0}} END")
