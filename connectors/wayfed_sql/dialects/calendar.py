"""Dates and timestamps that are computed stay within the years 1 to 9999, or are an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_sql.templates import SUM, Template

if TYPE_CHECKING:
    from wayfed_sql.templates import Row

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


def of_ages(form: str, year: str) -> dict[str, Row]:
    """Make the rows that truncate to decades, centuries and millennia.

    They begin in years that 10, 100, 1000 divide, but the very first, which begins in year 1.

    Parameters
    ----------
    form
        What has the first day of ``{year}``, its other holes written twice.
    year
        What has the year of the argument.
    """
    return {
        unit: Template(
            form.format(year=f"CASE WHEN {year} < {n} THEN 1 ELSE {year} - {year} % {n} END")
        )
        for unit, n in _AGES
    }


def ages_apart(year: str, divide: str = "/") -> dict[str, Row]:
    """Make the rows that count beginnings of decades, centuries and millennia."""
    later = year.replace("{0}", "{1}")
    return {unit: Template(f"{later} {divide} {n} - {year} {divide} {n}", SUM) for unit, n in _AGES}


_AGES: Final = (("decade", 10), ("century", 100), ("millennium", 1000))
"""Units of several years, and how many they have."""
