"""Functions of text."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.coercion import fixed, texts
from wayfed_optimizer.functions.row import Agreement, Function
from wayfed_optimizer.types import BOOL, INT64, TEXT

TEXTS: Final = (
    Function("lower", fixed(TEXT, TEXT), "x", "Lower case.", agreement=Agreement.ASCII),
    Function("upper", fixed(TEXT, TEXT), "x", "Upper case.", agreement=Agreement.ASCII),
    Function("length", fixed(INT64, TEXT), "x", "Number of code points."),
    Function("trim", fixed(TEXT, TEXT), "x", "Without spaces at both ends."),
    Function("ltrim", fixed(TEXT, TEXT), "x", "Without spaces at the start."),
    Function("rtrim", fixed(TEXT, TEXT), "x", "Without spaces at the end."),
    Function(
        "substring",
        fixed(TEXT, TEXT, INT64, INT64, optional=1),
        "x, start[, length]",
        "Code points from the 1-based start on.",
    ),
    Function("concat", texts, "a, …", "Texts joined; NULL when any is NULL."),
    Function("replace", fixed(TEXT, TEXT, TEXT, TEXT), "x, old, new", "Every old replaced by new."),
    Function("starts_with", fixed(BOOL, TEXT, TEXT), "x, prefix", "Whether x starts so."),
    Function("ends_with", fixed(BOOL, TEXT, TEXT), "x, suffix", "Whether x ends so."),
    Function("contains", fixed(BOOL, TEXT, TEXT), "x, part", "Whether part occurs in x."),
    Function(
        "like",
        fixed(BOOL, TEXT, TEXT),
        "x, pattern",
        "SQL's LIKE: % any text, _ any code point; case-sensitive, no escape.",
    ),
    Function(
        "ilike",
        fixed(BOOL, TEXT, TEXT),
        "x, pattern",
        "LIKE without regard to case.",
        agreement=Agreement.ASCII,
    ),
    Function(
        "hash",
        fixed(INT64, TEXT),
        "x",
        "First 60 bits of the MD5 of the text in UTF-8: for sampling, not for secrecy.",
    ),
)
