"""The functions of the table that are methods of a column: each computes one value from one row."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING

from wayfed_optimizer.functions.formats import check_readable, parse_format
from wayfed_optimizer.functions.patterns import parse_pattern
from wayfed_optimizer.functions.replacements import check_group, check_replacement

if TYPE_CHECKING:
    from wayfed.columns import Column, Value


class ScalarMethods:
    """Methods of `Column`, in the order of the function table: NULL, numbers, text, time."""

    __slots__ = ()

    @abstractmethod
    def _apply(self, function: str, *operands: object) -> Column:
        """Compute a function of the table from this column."""

    def is_null(self) -> Column:
        """Whether it is NULL."""
        return self._apply("is_null")

    def is_not_null(self) -> Column:
        """Whether it has a value."""
        return self._apply("is_not_null")

    def is_nan(self) -> Column:
        """Whether it is NaN; NULL where it is NULL."""
        return self._apply("is_nan")

    def is_distinct(self, other: Value) -> Column:
        """Whether it differs from `other`, where NULL is a value like any other."""
        return self._apply("is_distinct", other)

    def abs(self) -> Column:
        """Absolute value."""
        return self._apply("abs")

    def sign(self) -> Column:
        """-1, 0 or 1."""
        return self._apply("sign")

    def floor(self) -> Column:
        """Largest whole number not above it."""
        return self._apply("floor")

    def ceil(self) -> Column:
        """Smallest whole number not below it."""
        return self._apply("ceil")

    def round(self, digits: int = 0) -> Column:
        """Round half away from zero, to `digits` after the point."""
        return self._apply("round", digits) if digits else self._apply("round")

    def trunc(self) -> Column:
        """Leave out what is behind the point."""
        return self._apply("trunc")

    def sqrt(self) -> Column:
        """Square root; NULL below zero."""
        return self._apply("sqrt")

    def ln(self) -> Column:
        """Natural logarithm; NULL at zero and below."""
        return self._apply("ln")

    def log10(self) -> Column:
        """Logarithm to base 10; NULL at zero and below."""
        return self._apply("log10")

    def log(self, base: float) -> Column:
        """Logarithm to a base; NULL at zero and below."""
        return self.ln() / math.log(base)

    def exp(self) -> Column:
        """Raise e to the power of it."""
        return self._apply("exp")

    def power(self, exponent: Value) -> Column:
        """Raise it to `exponent`; NULL where that is no real number."""
        return self._apply("power", exponent)

    def sin(self) -> Column:
        """Sine of radians; NULL of infinity."""
        return self._apply("sin")

    def cos(self) -> Column:
        """Cosine of radians; NULL of infinity."""
        return self._apply("cos")

    def tan(self) -> Column:
        """Tangent of radians; NULL of infinity."""
        return self._apply("tan")

    def cot(self) -> Column:
        """Cotangent of radians; NULL of 0 and infinity."""
        return self._apply("cot")

    def asin(self) -> Column:
        """Angle with this sine, in radians; NULL beyond 1."""
        return self._apply("asin")

    def acos(self) -> Column:
        """Angle with this cosine, in radians; NULL beyond 1."""
        return self._apply("acos")

    def atan(self) -> Column:
        """Angle with this tangent, in radians."""
        return self._apply("atan")

    def atan2(self, x: Value) -> Column:
        """Angle of the point (x, itself), in radians."""
        return self._apply("atan2", x)

    def degrees(self) -> Column:
        """Radians as degrees."""
        return self._apply("degrees")

    def radians(self) -> Column:
        """Degrees as radians."""
        return self._apply("radians")

    def cbrt(self) -> Column:
        """Cube root."""
        return self._apply("cbrt")

    def bitwise_and(self, other: Value) -> Column:
        """Keep the bits that are set in both."""
        return self._apply("bitwise_and", other)

    def bitwise_or(self, other: Value) -> Column:
        """Keep the bits that are set in either."""
        return self._apply("bitwise_or", other)

    def bitwise_xor(self, other: Value) -> Column:
        """Keep the bits that are set in one of the two."""
        return self._apply("bitwise_xor", other)

    def bitwise_not(self) -> Column:
        """Turn all bits."""
        return self._apply("bitwise_not")

    def remainder(self, divisor: Value) -> Column:
        """Rest of truncated division, which has the sign of the dividend (SQL's ``%``)."""
        return self._apply("remainder", divisor)

    def lower(self) -> Column:
        """Lower case; engines agree on ASCII."""
        return self._apply("lower")

    def upper(self) -> Column:
        """Upper case; engines agree on ASCII."""
        return self._apply("upper")

    def length(self) -> Column:
        """Count the code points."""
        return self._apply("length")

    def trim(self, characters: Value = None) -> Column:
        """Take spaces, or all of some `characters`, off both ends."""
        return self._apply("trim", *_given(characters))

    def ltrim(self, characters: Value = None) -> Column:
        """Take spaces, or all of some `characters`, off the start."""
        return self._apply("ltrim", *_given(characters))

    def rtrim(self, characters: Value = None) -> Column:
        """Take spaces, or all of some `characters`, off the end."""
        return self._apply("rtrim", *_given(characters))

    def octet_length(self) -> Column:
        """Count the bytes, of a text in UTF-8."""
        return self._apply("octet_length")

    def lpad(self, length: Value, fill: Value = " ") -> Column:
        """Fill up at the start, or cut off at the end, to `length` code points."""
        return self._apply("lpad", length, fill)

    def rpad(self, length: Value, fill: Value = " ") -> Column:
        """Fill up, or cut off, at the end, to `length` code points."""
        return self._apply("rpad", length, fill)

    def left(self, count: Value) -> Column:
        """Take the first code points; below 0, all but the last."""
        return self._apply("left", count)

    def right(self, count: Value) -> Column:
        """Take the last code points; below 0, all but the first."""
        return self._apply("right", count)

    def repeat(self, times: Value) -> Column:
        """Write it several times."""
        return self._apply("repeat", times)

    def reverse(self) -> Column:
        """Turn the order of its code points round."""
        return self._apply("reverse")

    def position(self, part: Value) -> Column:
        """Find where `part` first occurs, from 1; 0 where it does not."""
        return self._apply("position", part)

    def split_part(self, separator: Value, number: Value) -> Column:
        """Take one of the parts between separators, from the end below 0; empty where none is."""
        return self._apply("split_part", separator, number)

    def translate(self, old: Value, new: Value) -> Column:
        """Put for each code point of `old` the one at its place in `new`, or nothing."""
        return self._apply("translate", old, new)

    def ascii(self) -> Column:
        """Return the number of its first code point; 0 of an empty text."""
        return self._apply("ascii")

    def chr(self) -> Column:
        """Text of the code point that it is the number of; NULL where there is none."""
        return self._apply("chr")

    def substring(self, start: Value, length: Value = None) -> Column:
        """Code points from the 1-based `start` on, `length` of them if given."""
        return self._apply("substring", start, *_given(length))

    def concat(self, *others: Value) -> Column:
        """Join with other texts; NULL when any of them is."""
        return self._apply("concat", *others)

    def replace(self, old: Value, new: Value) -> Column:
        """Put `new` in place of every `old`."""
        return self._apply("replace", old, new)

    def starts_with(self, prefix: Value) -> Column:
        """Whether it starts so."""
        return self._apply("starts_with", prefix)

    def ends_with(self, suffix: Value) -> Column:
        """Whether it ends so."""
        return self._apply("ends_with", suffix)

    def contains(self, part: Value) -> Column:
        """Whether `part` occurs in it."""
        return self._apply("contains", part)

    def like(self, pattern: Value, escape: str | None = None) -> Column:
        """SQL's LIKE: ``%`` is any text, ``_`` any code point, unless behind `escape`."""
        return self._apply("like", pattern, *_given(escape))

    def ilike(self, pattern: Value, escape: str | None = None) -> Column:
        """LIKE without regard to case; engines agree on ASCII."""
        return self._apply("ilike", pattern, *_given(escape))

    def regexp_matches(self, pattern: str) -> Column:
        """Whether a regular expression of the shared subset matches somewhere in it."""
        parse_pattern(pattern)
        return self._apply("regexp_matches", pattern)

    def regexp_extract(self, pattern: str, group: int = 0) -> Column:
        """Take what a regular expression, or a group of it, matches first; or an empty text."""
        check_group(group, parse_pattern(pattern))
        return self._apply("regexp_extract", pattern, group)

    def regexp_replace(self, pattern: str, replacement: str, *, everywhere: bool = True) -> Column:
        r"""Put a replacement, in which ``\1`` is a group, where a regular expression matches."""
        check_replacement(replacement, parse_pattern(pattern), everywhere=everywhere)
        return self._apply("regexp_replace", pattern, replacement, everywhere)

    def hash(self) -> Column:
        """First 60 bits of the MD5 of a text: for sampling, not for secrecy."""
        return self._apply("hash")

    def year(self) -> Column:
        """Year."""
        return self._apply("year")

    def quarter(self) -> Column:
        """Quarter, 1 to 4."""
        return self._apply("quarter")

    def month(self) -> Column:
        """Month, 1 to 12."""
        return self._apply("month")

    def day(self) -> Column:
        """Day of the month."""
        return self._apply("day")

    def hour(self) -> Column:
        """Hour, 0 to 23."""
        return self._apply("hour")

    def minute(self) -> Column:
        """Minute, 0 to 59."""
        return self._apply("minute")

    def second(self) -> Column:
        """Whole second, 0 to 59."""
        return self._apply("second")

    def millisecond(self) -> Column:
        """Whole milliseconds of the minute."""
        return self._apply("millisecond")

    def microsecond(self) -> Column:
        """Microseconds of the minute."""
        return self._apply("microsecond")

    def week(self) -> Column:
        """Week of the year that it belongs to (ISO 8601)."""
        return self._apply("week")

    def iso_year(self) -> Column:
        """Year that its week belongs to (ISO 8601)."""
        return self._apply("iso_year")

    def last_day(self) -> Column:
        """Last day of its month, as a date."""
        return self._apply("last_day")

    def day_of_week(self) -> Column:
        """Monday 1 to Sunday 7 (ISO 8601)."""
        return self._apply("day_of_week")

    def day_of_year(self) -> Column:
        """Day of the year, from 1."""
        return self._apply("day_of_year")

    def date_trunc(self, unit: str) -> Column:
        """Start of its millennium, century, decade, year, quarter, month, week … or microsecond."""
        return self._apply("date_trunc", unit)

    def add_days(self, days: Value) -> Column:
        """Go some days on, or back where negative."""
        return self._apply("add_days", days)

    def add_weeks(self, weeks: Column | int) -> Column:
        """Go some weeks on, or back where negative."""
        return self._apply("add_days", weeks * 7)

    def add_months(self, months: Value) -> Column:
        """Go to the same day some months later, or to the last day of a month that is shorter."""
        return self._apply("add_months", months)

    def add_years(self, years: Column | int) -> Column:
        """Go to the same day some years later; from February 29 to 28 where there is none."""
        return self._apply("add_months", years * 12)

    def add_hours(self, hours: Column | int) -> Column:
        """Go some hours on, or back where negative; timestamps only."""
        return self._apply("add_microseconds", hours * 3_600_000_000)

    def add_minutes(self, minutes: Column | int) -> Column:
        """Go some minutes on, or back where negative; timestamps only."""
        return self._apply("add_microseconds", minutes * 60_000_000)

    def add_seconds(self, seconds: Column | int) -> Column:
        """Go some seconds on, or back where negative; timestamps only."""
        return self._apply("add_microseconds", seconds * 1_000_000)

    def add_microseconds(self, microseconds: Value) -> Column:
        """Go some microseconds on, or back where negative; timestamps only."""
        return self._apply("add_microseconds", microseconds)

    def date_diff(self, end: Value, unit: str = "day") -> Column:
        """Count the boundaries of `unit` that are crossed from it to `end`."""
        return self._apply("date_diff", end, unit)

    def strftime(self, format: str) -> Column:
        """Write it by a format of ``%Y %y %m %d %H %M %S %f %j %b %B %a %A``, in English."""
        parse_format(format)
        return self._apply("strftime", format)

    def strptime(self, format: str) -> Column:
        """Read the timestamp that `strftime` writes so; anything else is an error."""
        check_readable(format)
        return self._apply("strptime", format)

    def epoch(self) -> Column:
        """Seconds since 1970-01-01 00:00 (UTC)."""
        return self._apply("epoch")


def _given(argument: Value) -> tuple[Value, ...]:
    """Return an optional argument, if it is there."""
    return () if argument is None else (argument,)
