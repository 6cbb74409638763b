"""SQL laid out for people: a clause a line, not one token changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wayfed_sql.dialect import Dialect

_CLAUSES: Final = frozenset(
    {"FROM", "WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "OFFSET", "SELECT", "WITH"}
)
_JOINS: Final = frozenset({"JOIN", "LEFT", "RIGHT", "FULL", "CROSS", "ASOF"})
_COMPOUNDS: Final = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_INDENT: Final = "  "


def format_sql(text: str, dialect: Dialect) -> str:
    """Lay out a statement, a clause a line and subqueries indented.

    Examples
    --------
    >>> from wayfed_sql import DUCKDB
    >>> print(format_sql("SELECT a FROM t WHERE b IN (SELECT c FROM u) LIMIT 3", DUCKDB))
    SELECT a
    FROM t
    WHERE b IN (
      SELECT c
      FROM u
    )
    LIMIT 3
    """
    from sqlglot.dialects.dialect import Dialect as Reader

    pieces: list[str] = []
    nested: list[bool] = []
    end = 0
    previous = ""
    tokens = Reader.get_or_raise(dialect.sqlglot).tokenize(text)
    for index, token in enumerate(tokens):
        word = text[token.start : token.end + 1]
        upper = word.upper()
        gap = text[end : token.start]
        following = tokens[index + 1].text.upper() if index + 1 < len(tokens) else ""
        depth = sum(nested)
        in_query = not nested or nested[-1]
        if word == "(":
            nested.append(following in ("SELECT", "WITH"))
            pieces.append(gap + word)
        elif word == ")":
            closes = nested.pop() if nested else False
            pieces.append(f"\n{_INDENT * (depth - 1)})" if closes else gap + word)
        elif pieces and in_query and _begins_line(upper, following, previous):
            pieces.append(f"\n{_INDENT * depth}{word}")
        else:
            pieces.append(gap + word)
        end = token.end + 1
        previous = upper
    return "".join(pieces) + text[end:]


def _begins_line(word: str, following: str, previous: str) -> bool:
    if word in _JOINS:
        return previous not in _JOINS and (word in ("JOIN", "ASOF") or following in _JOINS)
    if word in _COMPOUNDS:
        return True
    if word in ("GROUP", "ORDER"):
        return following == "BY"
    return word in _CLAUSES or word.startswith(("GROUP BY", "ORDER BY"))
