"""Dates and timestamps that are computed stay within the years 1 to 9999, or are an error."""

from __future__ import annotations

from typing import Final

from wayfed_sql.templates import Template

OUTSIDE: Final = "beyond the years 1 to 9999"
"""What the error says."""


def bounded(moment: str, failure: str) -> Template:
    """Make the row of a computed date or timestamp.

    Parameters
    ----------
    moment
        What is computed, written so that it binds tighter than any operator.
    failure
        What ends the query.
    """
    return Template(
        f"CASE WHEN EXTRACT(YEAR FROM {moment}) BETWEEN 1 AND 9999 THEN {moment} "
        f"WHEN {moment} IS NOT NULL THEN {failure} END"
    )


def first_year(year: str, years: int) -> str:
    """Return the text of the first year of the decade or century that a year lies in.

    Those begin in years that `years` divides, but the very first, which begins in year 1.
    """
    return f"CASE WHEN {year} < {years} THEN 1 ELSE {year} - {year} % {years} END"


AGES: Final = (("decade", 10), ("century", 100), ("millennium", 1000))
"""Units of several years, and how many they have."""
