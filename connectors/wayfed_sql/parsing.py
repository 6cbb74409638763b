"""SQL text in: the doors to the parser, which is loaded when the first of them is opened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import InvalidSql, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot import Token
    from sqlglot.expressions import Expr as Node

    from wayfed_optimizer.expressions import Expression
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.types import Schema

_TIMES: Final = frozenset({"DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPNTZ", "TIMESTAMPLTZ"})
_UNREAD_ESCAPE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\[^nrtbf\\']")
_READ_AS: Final = "duckdb"
"""The dialect of SQL that people write here."""
_QUERIES: Final = "only queries can be asked"
_PARSER_FAILS: Final = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What sqlglot raises, beside errors of its own, at some texts that are no SQL."""
_EXPLAIN: Final = re.compile(r"\s*EXPLAIN\b(\s+ANALYZE\b)?\s*", re.IGNORECASE)


def parse_query(text: str, resolve: Callable[[str], Relation]) -> Relation:
    """Read a query.

    Parameters
    ----------
    text
        One SELECT, or several put together by UNION, INTERSECT and EXCEPT.
    resolve
        Returns the relation that a table's name means; raises TableNotFound.

    Raises
    ------
    InvalidSql
        With the place in the text, where it is not SQL.
    Unsupported
        Where plans cannot say it; names what.
    PlanError
        Where names or types do not fit.

    Examples
    --------
    >>> from wayfed_optimizer.relations import Read
    >>> from wayfed_optimizer.types import Schema
    >>> read = Read("tx", Schema.of(id="int64", amount="float64"))
    >>> parse_query("SELECT id FROM tx WHERE amount > 10", lambda name: read).schema.names
    ('id',)
    """
    from wayfed_sql.binder import Binder
    from wayfed_sql.unnesting import unnested

    try:
        return unnested(Binder(resolve).query(_parse(text)))
    except RecursionError as error:
        raise InvalidSql("the SQL is nested too deeply") from error


def parse_expression(text: str, schema: Schema) -> Expression:
    """Read an expression over the columns of a schema.

    Raises
    ------
    InvalidSql, ColumnNotFound, TypeMismatch, Unsupported
        As `parse_query` does.

    Examples
    --------
    >>> from wayfed_optimizer.types import Schema
    >>> str(parse_expression("amount > 10 OR id IS NULL", Schema.of(id="int64", amount="int64")))
    '(amount > 10) OR is_null(id)'
    """
    from wayfed_optimizer.relations import Read
    from wayfed_sql.expression_binder import ExpressionBinder
    from wayfed_sql.scope import Scope

    def refuse(_query: Node, _scope: Scope) -> Relation:
        raise Unsupported("a subquery in an expression", hint="ctx.sql() takes whole queries")

    scope = Scope.of_table(Read("", schema), "", ())
    try:
        return ExpressionBinder(scope, refuse).bind(_parse(text, prefix="SELECT "))
    except RecursionError as error:
        raise InvalidSql("the SQL is nested too deeply") from error


def split_explain(text: str) -> tuple[str | None, str]:
    """Split ``EXPLAIN`` or ``EXPLAIN ANALYZE`` from the query behind it.

    Returns
    -------
    tuple
        ``"explain"``, ``"analyze"`` or None, and the rest.

    Examples
    --------
    >>> split_explain("explain analyze SELECT 1")
    ('analyze', 'SELECT 1')
    """
    found = _EXPLAIN.match(text)
    if not found:
        return None, text
    return ("analyze" if found[1] else "explain"), text[found.end() :]


def _parse(text: str, *, prefix: str = "") -> Node:
    """Parse one statement; with a prefix, the one expression that stands behind it."""
    from sqlglot import Dialect
    from sqlglot import expressions as exp
    from sqlglot.errors import ParseError, TokenError

    whole = prefix + text
    try:
        dialect = Dialect.get_or_raise(_READ_AS)
        # Positions in lists stay as they are written; this instance would count some from 0.
        dialect.INDEX_OFFSET = 0
        tokens = dialect.tokenize(whole)
        commands = {*dialect.parser_class.STATEMENT_PARSERS, *dialect.tokenizer_class.COMMANDS}
        if tokens and tokens[0].text != ";" and tokens[0].token_type in commands:
            raise Unsupported(f"{tokens[0].text.upper()} in SQL", hint=_QUERIES)
        found_statements = dialect.parser().parse(_read(tokens, text, len(prefix)), whole)
        statements = [s for s in found_statements if s is not None and s.key != "semicolon"]
    except ParseError as error:
        found = error.errors[0]
        offset = _offset(whole, found["line"], found["col"], found.get("highlight") or "")
        raise _invalid(text, offset - len(prefix), _problem(found)) from error
    except TokenError as error:
        raise _invalid(text, len(text), "a quote, comment or number does not end") from error
    except _PARSER_FAILS as error:
        raise InvalidSql(f"the parser cannot make sense of '{text[:200]}'") from error
    if not statements:
        raise InvalidSql("there is no SQL in the text")
    if len(statements) > 1:
        raise Unsupported("more than one statement", hint="write one query")
    statement = statements[0]
    if prefix:
        select = statement
        only = {key for key, value in select.args.items() if value} == {"expressions"}
        if not isinstance(select, exp.Select) or not only or len(select.expressions) != 1:
            raise InvalidSql(f"'{text}' is not one expression")
        expression: Node = select.expressions[0]
        for node in expression.walk():
            if node.meta.get("line") == 1:
                node.meta["col"] -= len(prefix)
        return expression
    if not isinstance(statement, exp.Query | exp.Values):
        raise Unsupported(f"{statement.key.upper()} in SQL", hint=_QUERIES)
    return statement


def _read(tokens: list[Token], text: str, shift: int) -> list[Token]:
    """Return tokens as SQL means them, where the parser would take them for something else.

    It would cast the text of ``DATE '2024-01-01'::TEXT`` before it reads the date in it, and take
    the end of ``0xff`` for the name of a 0.
    """
    from sqlglot import Token, TokenType

    read: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        kinds = [each.token_type for each in tokens[at : at + 3]]
        follows = at + 1 < len(tokens) and tokens[at + 1].start == token.end + 1
        if token.token_type is TokenType.NUMBER and follows and kinds[1] is TokenType.VAR:
            raise _invalid(text, token.start - shift, "a name begins right behind a number")
        raw = text[max(0, token.start - shift) : token.end + 1 - shift]
        if token.token_type is TokenType.BYTE_STRING and _UNREAD_ESCAPE.search(raw):
            raise _invalid(
                text, token.start - shift, "only \\n \\r \\t \\b \\f \\\\ and \\' are read"
            )
        if kinds[1:] == [TokenType.STRING, TokenType.DCOLON] and token.token_type.name in _TIMES:
            place = (token.line, token.col, token.start, token.end)
            read.append(Token(TokenType.L_PAREN, "(", *place))
            read += tokens[at : at + 2]
            read.append(Token(TokenType.R_PAREN, ")", *place))
            at += 2
            continue
        read.append(token)
        at += 1
    return read


def _problem(found: dict[str, object]) -> str:
    description = str(found["description"]).removeprefix("Invalid expression / ")
    return description[:1].lower() + description[1:].rstrip(".")


def _offset(text: str, line: int, column: int, highlight: str) -> int:
    """Return where the highlighted token starts; sqlglot says where it ends."""
    lines = text.split("\n")
    start = sum(len(each) + 1 for each in lines[: line - 1])
    return max(0, start + column - max(1, len(highlight)))


def _invalid(text: str, offset: int, problem: str) -> InvalidSql:
    """Return the error with the line, and a caret under the place."""
    offset = min(max(0, offset), len(text))
    before = text[:offset]
    number = before.count("\n") + 1
    column = offset - (before.rfind("\n") + 1)
    line = text.split("\n")[number - 1]
    return InvalidSql(
        f"line {number}, column {column + 1}: {problem}\n  {line}\n  {' ' * column}^",
    )
