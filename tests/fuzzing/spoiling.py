"""Ways to spoil a text or a JSON document: a little, at random, and again the same from a seed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

_TOKEN: Final = re.compile(r"\s+|'[^']*'|\"[^\"]*\"|\w+|[^\w\s]")
_WORDS: Final = tuple(
    """
    SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET DISTINCT ON AS JOIN LEFT RIGHT
    FULL CROSS NATURAL LATERAL USING UNION INTERSECT EXCEPT ALL ANY EXISTS IN NOT AND OR
    IS NULL TRUE FALSE CASE WHEN THEN ELSE END CAST TRY_CAST BETWEEN LIKE ILIKE ESCAPE
    WITH RECURSIVE OVER PARTITION ROWS RANGE UNBOUNDED PRECEDING FOLLOWING CURRENT ROW
    WINDOW FILTER WITHIN EXCLUDE ROLLUP CUBE GROUPING SETS VALUES INTERVAL DATE TIMESTAMP
    ARRAY STRUCT UNNEST EXTRACT POSITION SUBSTRING TRIM QUALIFY PIVOT TABLESAMPLE INSERT
    UPDATE DELETE DROP COPY ATTACH PRAGMA SET EXPLAIN ANALYZE count sum avg min max median
    quantile row_number lag coalesce nullif round sqrt ln power concat orders customers
    order_id customer amount weight note ordered name joined retail id x t
    """.split()  # noqa: SIM905 - one word a line would fill a page
)
_MARKS: Final = (
    *"( ) , . ; * + - / // % ^ & | ~ ! = <> != < <= > >= :: : -> [ ] { } ?".split(),  # noqa: SIM905
    *"$1 @ # ` \\ ' \" -- /* */ ||".split(),  # noqa: SIM905 - as above
    "\n",
    "\x00",
    "\ufeff",
    "\U0001f600",
    "é",
)
_CONSTANTS: Final = (
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "9223372036854775808",
    "1" * 60,
    "1e400",
    "1e-400",
    ".5",
    "0x1F",
    "1_000",
    "'x'",
    "''",
    "'2024-02-30'",
    "DATE '0001-01-01'",
    "DATE '99999-12-31'",
    "TIMESTAMP '2024-01-01 00:00:00'",
    "INTERVAL '1' MONTH",
    "'\U0001f600'",
    "NULL",
)


def spoilt_text(seeds: Sequence[str], random: Random) -> str:
    """Return one of the texts with a few of its words dropped, doubled, swapped or replaced."""
    tokens = _TOKEN.findall(random.choice(seeds))
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if not tokens:
            break
        random.choice(_TEXT_CHANGES)(tokens, seeds, random)
    return "".join(tokens)


def _drop(tokens: list[str], _: Sequence[str], random: Random) -> None:
    start = random.randrange(len(tokens))
    del tokens[start : start + random.choice((1, 1, 2, 5))]


def _double(tokens: list[str], _: Sequence[str], random: Random) -> None:
    start = random.randrange(len(tokens))
    part = tokens[start : start + random.choice((1, 3, 9))]
    tokens[start:start] = [*part, " "]


def _swap(tokens: list[str], _: Sequence[str], random: Random) -> None:
    i, j = random.randrange(len(tokens)), random.randrange(len(tokens))
    tokens[i], tokens[j] = tokens[j], tokens[i]


def _replace(tokens: list[str], _: Sequence[str], random: Random) -> None:
    tokens[random.randrange(len(tokens))] = f" {random.choice((*_WORDS, *_MARKS, *_CONSTANTS))} "


def _exchange(tokens: list[str], seeds: Sequence[str], random: Random) -> None:
    """Put a word in the place of one of its kind, so that the text often stays a statement."""
    at = random.randrange(len(tokens))
    kind = _kind(tokens[at])
    likes = [token for token in _TOKEN.findall(random.choice(seeds)) if _kind(token) == kind]
    if likes:
        tokens[at] = random.choice(likes)


def _kind(token: str) -> str:
    if token.isdigit():
        return "number"
    return "keyword" if token.isupper() else "name" if token.isidentifier() else token[:1]


def _insert(tokens: list[str], _: Sequence[str], random: Random) -> None:
    word = random.choice((*_WORDS, *_MARKS, *_CONSTANTS))
    tokens.insert(random.randrange(len(tokens) + 1), f" {word} ")


def _splice(tokens: list[str], seeds: Sequence[str], random: Random) -> None:
    other = _TOKEN.findall(random.choice(seeds))
    start = random.randrange(len(other))
    part = other[start : start + random.choice((3, 10, 40))]
    if random.random() < 0.5:
        part = ["(", *part, ")"]
    at = random.randrange(len(tokens))
    tokens[at : at + random.choice((0, 1, 5))] = [" ", *part, " "]


def _nest(tokens: list[str], _: Sequence[str], random: Random) -> None:
    start = random.randrange(len(tokens))
    depth = random.choice((1, 2, 40, 400))
    opening, closing = random.choice((("(", ")"), ("-", ""), ("NOT ", ""), ("(SELECT ", ")")))
    tokens.insert(start, opening * depth)
    tokens.insert(random.randrange(start, len(tokens)) + 1, closing * depth)


def _cut(tokens: list[str], _: Sequence[str], random: Random) -> None:
    del tokens[random.randrange(len(tokens)) :]


_TEXT_CHANGES: Final[tuple[Callable[[list[str], Sequence[str], Random], None], ...]] = (
    _exchange,
    _exchange,
    _exchange,
    _exchange,
    _drop,
    _double,
    _swap,
    _replace,
    _insert,
    _splice,
    _nest,
    _cut,
)

_VALUES: Final = (
    None,
    True,
    0,
    -1,
    1.5,
    2**63,
    10**40,
    1e308,
    "",
    "int64",
    "decimal(38,2)",
    "list<int64>",
    "text",
    "a",
    "\x00",
    "\U0001f600",
    [],
    {},
    [[]],
    [0],
    [0, 0],
    {"type": "Read"},
)


def spoilt_bytes(document: bytes, random: Random) -> bytes:
    """Return bytes with some of them replaced, dropped or doubled."""
    spoilt = bytearray(document)
    for _ in range(random.choice((1, 1, 2, 10))):
        if not spoilt:
            break
        at = random.randrange(len(spoilt))
        match random.randrange(4):
            case 0:
                spoilt[at] = random.randrange(256)
            case 1:
                del spoilt[at : at + random.choice((1, 1, 10, 1000))]
            case 2:
                spoilt[at:at] = spoilt[at : at + random.choice((1, 20, 200))]
            case _:
                spoilt[at:at] = random.choice((b"[", b"{", b'"', b",", b"9" * 50, b"[" * 500))
    return bytes(spoilt)


def spoilt_json(document: Any, others: Sequence[Any], random: Random) -> Any:
    """Return a document of JSON with parts of it replaced, dropped, doubled, or another's."""
    spoilt = _copied(document)
    for _ in range(random.choice((1, 1, 2, 4))):
        places = list(_places(spoilt))
        if not places:
            break
        container, key = random.choice(places)
        match random.randrange(5):
            case 0:
                container[key] = _copied(random.choice(_VALUES))
            case 1:
                del container[key]
            case 2:
                container[key] = _copied(_part(random.choice(others), random))
            case 3:
                container[key] = _copied(_part(spoilt, random))
            case _:
                container[key] = _nudged(container[key], random)
    return spoilt


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _places(value: Any) -> Any:
    """Yield every place of a document as its container and the key in there."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield value, key
        if isinstance(item, dict | list):
            yield from _places(item)


def _part(document: Any, random: Random) -> Any:
    container, key = random.choice(list(_places(document)))
    return container[key]


def _nudged(value: Any, random: Random) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + random.choice((-1, 1, 1000))
        case str():
            return value[:-1] if random.random() < 0.5 else value + random.choice(("x", "_2", " "))
        case list():
            return _copied(value * 2) if random.random() < 0.5 else value[::-1]
        case dict():
            return {random.choice(("x", "type", key)): item for key, item in value.items()}
    return "null"
