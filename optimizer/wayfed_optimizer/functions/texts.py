"""Functions of text."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.coercion import fixed, one_of, texts
from wayfed_optimizer.functions.row import Agreement, Function, Nulls
from wayfed_optimizer.types import BINARY, BOOL, INT64, TEXT

_TRIM: Final = fixed(TEXT, TEXT, TEXT, optional=1)
_TRIMMED: Final = "x[, characters]"

TEXTS: Final = (
    Function("lower", fixed(TEXT, TEXT), "x", "Lower case.", agreement=Agreement.ASCII),
    Function("upper", fixed(TEXT, TEXT), "x", "Upper case.", agreement=Agreement.ASCII),
    Function("length", fixed(INT64, TEXT), "x", "Number of code points."),
    Function("octet_length", fixed(INT64, one_of(TEXT, BINARY)), "x", "Number of bytes in UTF-8."),
    Function("trim", _TRIM, _TRIMMED, "Without spaces, or such characters, at both ends."),
    Function("ltrim", _TRIM, _TRIMMED, "Without spaces, or such characters, at the start."),
    Function("rtrim", _TRIM, _TRIMMED, "Without spaces, or such characters, at the end."),
    Function(
        "lpad",
        fixed(TEXT, TEXT, INT64, TEXT),
        "x, length, fill",
        "x filled up at the start, or cut off at the end, to so many code points.",
    ),
    Function(
        "rpad",
        fixed(TEXT, TEXT, INT64, TEXT),
        "x, length, fill",
        "x filled up, or cut off, at the end, to so many code points.",
    ),
    Function(
        "left",
        fixed(TEXT, TEXT, INT64),
        "x, n",
        "The first n code points; below 0, all but the last.",
    ),
    Function(
        "right",
        fixed(TEXT, TEXT, INT64),
        "x, n",
        "The last n code points; below 0, all but the first.",
    ),
    Function("repeat", fixed(TEXT, TEXT, INT64), "x, n", "x written n times."),
    Function("reverse", fixed(TEXT, TEXT), "x", "The code points from the last to the first."),
    Function(
        "position",
        fixed(INT64, TEXT, TEXT),
        "x, part",
        "Where part first occurs in x, from 1; 0 where it does not.",
    ),
    Function(
        "split_part",
        fixed(TEXT, TEXT, TEXT, INT64),
        "x, separator, n",
        "The n-th part of x between separators, from the end below 0; empty where there is none.",
    ),
    Function(
        "translate",
        fixed(TEXT, TEXT, TEXT, TEXT),
        "x, from, to",
        "Each code point of from replaced by that at its place in to, or left out.",
    ),
    Function("ascii", fixed(INT64, TEXT), "x", "The first code point; 0 of an empty text."),
    Function(
        "chr",
        fixed(TEXT, INT64),
        "n",
        "The text of one code point.",
        nulls=Nulls.MAY,
        domain="(n BETWEEN 1 AND 55295) OR (n BETWEEN 57344 AND 1114111)",
    ),
    Function(
        "substring",
        fixed(TEXT, TEXT, INT64, INT64, optional=1),
        "x, start[, length]",
        "Code points from the 1-based start on.",
    ),
    Function("concat", texts, "a, …", "Texts joined; NULL when any is NULL."),
    Function(
        "concat_ws",
        texts,
        "separator, a, …",
        "Those texts that are not NULL, with the separator between them.",
        nulls=Nulls.MAY,
    ),
    Function("replace", fixed(TEXT, TEXT, TEXT, TEXT), "x, old, new", "Every old replaced by new."),
    Function("starts_with", fixed(BOOL, TEXT, TEXT), "x, prefix", "Whether x starts so."),
    Function("ends_with", fixed(BOOL, TEXT, TEXT), "x, suffix", "Whether x ends so."),
    Function("contains", fixed(BOOL, TEXT, TEXT), "x, part", "Whether part occurs in x."),
    Function(
        "like",
        fixed(BOOL, TEXT, TEXT, TEXT, optional=1),
        "x, pattern[, escape]",
        "SQL's LIKE: % any text, _ any code point; case-sensitive, no escape unless given.",
    ),
    Function(
        "ilike",
        fixed(BOOL, TEXT, TEXT, TEXT, optional=1),
        "x, pattern[, escape]",
        "LIKE without regard to case.",
        agreement=Agreement.ASCII,
    ),
    Function(
        "regexp_matches",
        fixed(BOOL, TEXT, TEXT),
        "x, pattern",
        "Whether a regular expression matches somewhere in x.",
    ),
    Function(
        "regexp_extract",
        fixed(TEXT, TEXT, TEXT, INT64, optional=1),
        "x, pattern[, group]",
        "What a regular expression, or a group of it, matches first; empty where it does not.",
    ),
    Function(
        "regexp_replace",
        fixed(TEXT, TEXT, TEXT, TEXT, BOOL),
        "x, pattern, replacement, everywhere",
        "x with what a regular expression matches, first or everywhere, replaced.",
    ),
    Function(
        "hash",
        fixed(INT64, TEXT),
        "x",
        "First 60 bits of the MD5 of the text in UTF-8: for sampling, not for secrecy.",
    ),
)
