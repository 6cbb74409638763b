"""What stands in a dialect's table of functions: how a call is written, given its arguments.

A `Template` is text with holes; an `Operator` stands between its operands; a `Choice` looks at the
arguments first. All of them answer a `Text`: SQL that knows how tightly it binds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.types import NULL, DataType, Decimal, is_float, is_integer

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Expression

# How tightly text binds; what binds no tighter than its surroundings needs parentheses.
OR: Final = 1
AND: Final = 2
NOT: Final = 3
COMPARISON: Final = 4
OTHER: Final = 5
"""Between comparison and sum, where PostgreSQL has ``||`` and operators of its own."""
SUM: Final = 6
PRODUCT: Final = 7
UNARY: Final = 8
ATOM: Final = 9

# How a text compares in an engine.
BY_CODE_POINT: Final = 0
ORDERED_OTHERWISE: Final = 1
EQUAL_OTHERWISE: Final = 2


class Text(NamedTuple):
    """A piece of SQL.

    Parameters
    ----------
    sql
        The text itself.
    level
        How tightly it binds, from `OR` to `ATOM`.
    loose
        Whether the engine may give it another type than the plan does: a bare 1, a sum of decimals.
    collated
        How far the engine compares it otherwise than by code point (`BY_CODE_POINT` …).
    column
        The name of the column that it is, if it is nothing but a column.
    constant
        Whether it is a constant as one writes it.
    steps
        The conditions that it evaluates one after the other, as long as they are true; if it is
        such a condition.
    digits
        Of an exact number: how many digits it has at most, where that is known.
    """

    sql: str
    level: int = ATOM
    loose: bool = False
    collated: int = BY_CODE_POINT
    column: str | None = None
    constant: bool = False
    steps: tuple[Text, ...] = ()
    digits: int | None = None

    @property
    def is_decimal(self) -> bool:
        """Whether the engine has a decimal of these digits, not an integer, though maybe wider."""
        return self.digits is not None and not (self.constant and "." not in self.sql)

    def within(self, level: int) -> str:
        """Return the text for a place that needs something that binds tighter than `level`."""
        return self.sql if self.level > level else f"({self.sql})"


class Key(NamedTuple):
    """A key of an order, the direction that stands behind it, and both of its parts."""

    sql: str
    direction: str
    descending: bool
    nulls_first: bool
    type: DataType


class Site(NamedTuple):
    """A call that is to be written.

    Parameters
    ----------
    function
        Its name, for messages.
    args, texts
        The arguments, as they are in the plan and as they are written.
    type
        The type of the result.
    types
        The names that the engine has for the type of the result and those of the arguments.
    over
        What comes behind the function in a window call: `` OVER (…)``; otherwise empty.
    platform
        Who is asked, for messages.
    distinct, nulls
        What an aggregate's DISTINCT and a window call's IGNORE NULLS are written as; else empty.
    keys
        What an aggregate orders its rows by.
    """

    function: str
    args: tuple[Expression, ...]
    texts: tuple[Text, ...]
    type: DataType
    types: Callable[[DataType], str]
    over: str = ""
    platform: str = ""
    distinct: str = ""
    nulls: str = ""
    keys: tuple[Key, ...] = ()

    @property
    def order(self) -> str:
        """What stands behind an aggregate's arguments: `` ORDER BY …``; otherwise empty."""
        keys = ", ".join(key.sql + key.direction for key in self.keys)
        return f" ORDER BY {keys}" if keys else ""

    def refuse(self, operation: str, reason: str) -> Unsupported:
        """Return the error that the engine does not do something here."""
        return Unsupported(operation, self.platform, reason)


class Row(Protocol):
    """How an engine writes a function."""

    def render(self, site: Site) -> Text:
        """Write a call; raises Unsupported where the engine cannot do it with these arguments."""
        ...


_HOLE = re.compile(r"\{(\w+)\}")
_BARE = re.compile(r"(?:[(,]|\bAS|\bTHEN|\bWHEN|\bELSE|\bWHERE|\bFROM|\bBY|\bCASE)\s*$")
_BARE_END = re.compile(r"\s*(?:[),]|AS\b|THEN\b|WHEN\b|ELSE\b|END\b|FROM\b)")
_CLAUSE = re.compile(r"\{(?:distinct|order|nulls)\}")
_CLAUSES: Final = MappingProxyType(
    {
        "over": "{} over a window",
        "distinct": "DISTINCT in {}",
        "order": "ORDER BY in {}",
        "nulls": "IGNORE NULLS in {}",
    }
)
"""What only a template with such a hole can write, and what else is refused."""


@dataclass(frozen=True, slots=True)
class Template:
    """Text with holes: {0} {1} … for arguments, {args} for all, {type} and {type0} for types.

    ``{over}`` is where a window call's OVER goes, ``{distinct}``, ``{order}`` and ``{nulls}`` are
    where an aggregate's DISTINCT and ORDER BY and a window call's IGNORE NULLS do; a template
    without one of these refuses calls that have it. An argument is put in parentheses unless the
    text around it is a call's, or it binds tighter than `level`. With `any_width` it may have other
    digits than its type says, as long as its value and scale are right.

    Examples
    --------
    >>> Template("{0} || {1}", OTHER).pieces
    ('', (0, 5), ' || ', (1, 5), '')
    """

    text: str
    level: int = ATOM
    any_width: bool = False
    pieces: tuple[str | tuple[str | int, int], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pieces: list[str | tuple[str | int, int]] = []
        end = 0
        for hole in _HOLE.finditer(self.text):
            before = _CLAUSE.sub("", self.text[: hole.start()])
            bare = _BARE.search(before) and _BARE_END.match(
                _CLAUSE.sub("", self.text[hole.end() :])
            )
            level = 0 if bare else (UNARY if self.level == ATOM else self.level)
            name = hole[1]
            pieces += [
                self.text[end : hole.start()],
                (int(name) if name.isdigit() else name, level),
            ]
            end = hole.end()
        pieces.append(self.text[end:])
        object.__setattr__(self, "pieces", tuple(pieces))

    def render(self, site: Site) -> Text:
        """Fill the holes."""
        for hole, words in _CLAUSES.items():
            if getattr(site, hole) and f"{{{hole}}}" not in self.text:
                raise site.refuse(words.format(site.function), "it has none")
        sql = "".join(
            piece if isinstance(piece, str) else self._fill(piece[0], piece[1], site)
            for piece in self.pieces
        )
        unsure = is_integer(site.type) and bool(site.texts) and all(t.loose for t in site.texts)
        loose = isinstance(site.type, Decimal) or (unsure and not self.text.startswith("CAST("))
        return Text(sql, self.level, loose)

    def _fill(self, hole: str | int, level: int, site: Site) -> str:
        if isinstance(hole, int):
            if self.any_width and site.texts[hole].is_decimal:
                return site.texts[hole].within(level)
            return exact(site, hole).within(level)
        return _filled(hole, site)


def _filled(hole: str, site: Site) -> str:
    match hole:
        case "over" | "distinct" | "order" | "nulls":
            return str(getattr(site, hole))
        case "args":
            return ", ".join(exact(site, i).sql for i in range(len(site.args)))
        case "type":
            return site.types(site.type)
        case "scale":
            return str(site.type.scale) if isinstance(site.type, Decimal) else "0"
        case "rotations":
            return _rotations([exact(site, i).sql for i in range(len(site.args))])
    return site.types(site.args[int(hole.removeprefix("type"))].type)


def _rotations(args: list[str]) -> str:
    turned = [args[i:] + args[:i] for i in range(len(args))]
    return ", ".join(f"COALESCE({', '.join(turn)})" for turn in turned)


def exact(site: Site, index: int) -> Text:
    """Return an argument's text, cast where the engine might take it for another type."""
    text = site.texts[index]
    kind = site.args[index].type
    if not text.loose or kind == NULL or (is_integer(kind) and text.sql != "NULL"):
        return text
    return Text(f"CAST({text.sql} AS {site.types(kind)})")


@dataclass(frozen=True, slots=True)
class Operator:
    """Something that stands between its operands, two or more.

    `associative` operators need no parentheses on the right.
    """

    symbol: str
    level: int
    associative: bool = False

    def render(self, site: Site) -> Text:
        """Put the operator between the operands."""
        texts = [
            exact(site, i) if text.sql == "NULL" else text for i, text in enumerate(site.texts)
        ]
        first = texts[0]
        if all(text.loose for text in texts) and site.function in _COMPUTES:
            first = Text(f"CAST({first.sql} AS {site.types(site.args[0].type)})")
        left = self.level if self.level == COMPARISON else self.level - 1
        right = self.level - 1 if self.associative else self.level
        rest = (text.within(right) for text in texts[1:])
        sql = f" {self.symbol} ".join((first.within(left), *rest))
        return Text(sql, self.level, isinstance(site.type, Decimal))


_COMPUTES: Final = frozenset({"add", "subtract", "multiply", "divide"})

Condition: TypeAlias = Callable[[Site], bool]


@dataclass(frozen=True, slots=True)
class Choice:
    """The row of the first condition that the arguments meet; `otherwise` says why there is none.

    `otherwise` is a row, or the reason that the engine has for not doing it.
    """

    cases: tuple[tuple[Condition, Row], ...]
    otherwise: Row | str

    def render(self, site: Site) -> Text:
        """Write the call as the first fitting case does."""
        for condition, row in self.cases:
            if condition(site):
                return row.render(site)
        if isinstance(self.otherwise, str):
            raise Unsupported(site.function, site.platform, self.otherwise)
        return self.otherwise.render(site)


def function(name: str) -> Template:
    """Make the row of a function that is called with the plan's arguments as they are.

    Examples
    --------
    >>> function("LOWER").text
    'LOWER({args})'
    """
    return Template(f"{name}({{args}})")


def aggregate(name: str) -> Template:
    """Make the row of an aggregate or window function that needs nothing said."""
    return Template(f"{name}({{distinct}}{{args}}){{over}}")


def by_count(*rows: Row) -> Choice:
    """Choose by the number of arguments, the first row being for one."""
    cases = tuple((_has_count(i + 1), row) for i, row in enumerate(rows[:-1]))
    return Choice(cases, rows[-1])


def _has_count(count: int) -> Condition:
    return lambda site: len(site.args) == count


def by_type(
    otherwise: Row, *, integer: Row | None = None, decimal: Row | None = None, **named: Row
) -> Choice:
    """Choose by the type of the first argument: a class of numbers, or a type by its name."""
    cases: list[tuple[Condition, Row]] = []
    if integer:
        cases.append((lambda site: is_integer(site.args[0].type), integer))
    if decimal:
        cases.append((lambda site: isinstance(site.args[0].type, Decimal), decimal))
    cases.extend((_has_type(name), row) for name, row in named.items())
    return Choice(tuple(cases), otherwise)


def _has_type(name: str) -> Condition:
    return lambda site: site.args[0].type.name == name


def any_float(site: Site) -> bool:
    """Say whether an argument is a float."""
    return any(is_float(arg.type) for arg in site.args)
