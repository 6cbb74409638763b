"""Expressions to SQL, given how the columns that they read are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import (
    Call,
    Case,
    Cast,
    Column,
    Expression,
    InList,
    Literal,
    Member,
    Parameter,
    Record,
    SortKey,
    Subquery,
    SubqueryKind,
    WindowCall,
)
from wayfed_optimizer.relations.single import has_one_row
from wayfed_optimizer.types import INT64, TEXT, DataType, Decimal
from wayfed_sql.dialect import family
from wayfed_sql.digits import digits_cast
from wayfed_sql.frames import frame_text
from wayfed_sql.layering import LONGEST, TooLong
from wayfed_sql.literals import literal_text, string
from wayfed_sql.overflow import OVERFLOWS, SPREADS, is_bounded
from wayfed_sql.templates import (
    COMPARISON,
    EQUAL_OTHERWISE,
    ORDERED_OTHERWISE,
    UNARY,
    Key,
    Site,
    Template,
    Text,
)

if TYPE_CHECKING:
    from wayfed_optimizer.relations import Relation
    from wayfed_sql.dialect import Dialect
    from wayfed_sql.templates import Row

__all__ = ["Environment", "ExpressionPrinter", "has_one_row"]

Environment: TypeAlias = Mapping[str, Text]
"""How the columns of a relation are written where its expressions stand."""

_ORDERS: Final = frozenset(
    {
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "min",
        "max",
        "greatest",
        "least",
        "mode",
        "quantile_disc",
    }
)
_EQUATES: Final = frozenset(
    {"equal", "not_equal", "is_distinct", "count_distinct", "approx_count_distinct"}
)
_NOT_DISTINCT: Final = Template("{0} IS NOT DISTINCT FROM {1}", COMPARISON)
"""Engines match rows by this; where it is written as a negation they try every pair."""
_UNFRAMED: Final = frozenset(
    {
        "row_number",
        "rank",
        "dense_rank",
        "percent_rank",
        "cume_dist",
        "ntile",
        "lag",
        "lead",
    }
)
_PLAIN_CAST: Final = Template("CAST({0} AS {type})")


@dataclass(frozen=True, slots=True)
class ExpressionPrinter:
    """Writes expressions for one engine.

    Parameters
    ----------
    dialect
        The engine's SQL.
    query
        Writes a relation that an expression holds, without parentheses.
    """

    dialect: Dialect
    query: Callable[[Relation], str]

    def text(  # noqa: PLR0912  # a case for each class
        self, expression: Expression, columns: Environment, over: str = ""
    ) -> Text:
        """Write an expression.

        Raises
        ------
        Unsupported
            Where the engine does not do it with our meaning.
        """
        match expression:
            case Column(name):
                return columns[name]
            case Literal():
                return literal_text(expression, self.dialect)
            case Call("not", (Call("is_distinct") as comparison,)):
                row = self.dialect.not_distinct or _NOT_DISTINCT
                return self._call(comparison, columns, row=row)
            case Call():
                return self._checked(expression, self._call(expression, columns, over))
            case Cast():
                return self._cast(expression, columns)
            case Case():
                return self._case(expression, columns)
            case InList(arg, values):
                subject = self.compared(self.text(arg, columns), arg.type)
                listed = ", ".join(
                    self.placed(self.text(value, columns), value.type).sql for value in values
                )
                return Text(f"{subject.within(COMPARISON)} IN ({listed})", COMPARISON)
            case Member(arg, name):
                text = self.output(arg, columns)
                inner = text.sql if text.column else f"({text.sql})"
                return Text(f"{inner}.{self.dialect.identifier(name)}")
            case Record():
                return self._record(expression, columns)
            case Subquery():
                return self._subquery(expression, columns)
            case WindowCall():
                return self._window(expression, columns)
            case Parameter(name, kind):
                if self.dialect.parameter is None:
                    raise self.dialect.refuse("Parameter")
                mark = self.dialect.parameter.format(name)
                return Text(f"CAST({mark} AS {self.dialect.type_name(kind)})")
        raise Unsupported(str(expression), self.dialect.name, "only Python can compute it")

    def output(self, expression: Expression, columns: Environment) -> Text:
        """Write an expression as a column of a result: of exactly its type."""
        return self.settled(self.text(expression, columns), expression.type)

    def settled(self, text: Text, kind: DataType) -> Text:
        """Return text that is sure to have a type."""
        if not text.loose:
            return text
        return Text(f"CAST({text.sql} AS {self.dialect.type_name(kind)})", collated=text.collated)

    def sort_key(self, key: SortKey, columns: Environment) -> str:
        """Write a key of an ORDER BY, saying where NULLs go if there may be any."""
        kind = key.expression.type
        text = self.settled(self.text(key.expression, columns), kind)
        text = self.comparable(text, kind, ORDERED_OTHERWISE)
        return text.sql + self.direction(key)

    def direction(self, key: SortKey) -> str:
        """Write what stands behind a key of an ORDER BY."""
        direction = " DESC" if key.descending else ""
        if not key.expression.nullable:
            return direction
        return f"{direction} NULLS {'FIRST' if key.nulls_first else 'LAST'}"

    def comparable(self, text: Text, kind: DataType, otherwise: int) -> Text:
        """Return text that compares by code point, if `otherwise` is how it must not.

        Of other types it is what they are ordered by, or the form that they are grouped in.
        """
        if kind != TEXT:
            forms = self.dialect.orders if otherwise == ORDERED_OTHERWISE else self.dialect.groups
            return self._formed(text, kind, forms)
        if text.collated < otherwise:
            return text
        return Text(f"{text.within(UNARY)} COLLATE {self.dialect.collation}", UNARY)

    def compared(self, text: Text, kind: DataType) -> Text:
        """Return text for where it is compared with others for being equal."""
        if kind == TEXT:
            return self.comparable(text, kind, EQUAL_OTHERWISE)
        return self.placed(text, kind)

    def placed(self, text: Text, kind: DataType) -> Text:
        """Return what a value is compared by, which for most types is the value itself."""
        return self._formed(text, kind, self.dialect.orders)

    def _formed(self, text: Text, kind: DataType, forms: Mapping[str, str]) -> Text:
        form = forms.get(kind.name)
        return text if form is None else Text(form.format(self.settled(text, kind).sql))

    def _call(
        self,
        call: Call | WindowCall,
        columns: Environment,
        over: str = "",
        row: Row | None = None,
    ) -> Text:
        function, args, kind, dialect = call.function, call.args, call.type, self.dialect
        row = row or dialect.functions.get(function)
        if row is None:
            raise dialect.refuse(function)
        if dialect.checked_integers and function in SPREADS and kind == INT64:
            texts = tuple(self._unchecked(arg, columns) for arg in args)
        else:
            texts = tuple(self.text(arg, columns) for arg in args)
        distinct = isinstance(call, Call) and call.distinct
        ordered = call.order_by if isinstance(call, Call) else ()
        # A constant decides nothing, and engines take it for a position or refuse it.
        keys = tuple(k for k in ordered if not self.text(k.expression, columns).constant)
        if dialect.collation:
            texts = self._collate_arguments(call, texts)
        site = Site(
            function,
            args,
            texts,
            kind,
            dialect.type_name,
            over,
            dialect.name,
            "DISTINCT " if distinct else "",
            " IGNORE NULLS" if isinstance(call, WindowCall) and call.ignore_nulls else "",
            tuple(self._key(key, columns) for key in keys),
        )
        text = row.render(site)
        if len(text.sql) > LONGEST and len(text.sql) > 2 * sum(len(t.sql) for t in texts):
            raise TooLong(f"its SQL would have more than {LONGEST} characters")
        if kind == TEXT and dialect.computed_collates:
            nested = max((t.collated for t in texts), default=0)
            return text._replace(collated=max(ORDERED_OTHERWISE, nested))
        return text

    def _key(self, key: SortKey, columns: Environment) -> Key:
        direction = self.direction(key)
        written = self.sort_key(key, columns).removesuffix(direction)
        return Key(written, direction, key.descending, key.nulls_first, key.expression.type)

    def _unchecked(self, expression: Expression, columns: Environment) -> Text:
        """Write an operand of integer arithmetic, whose overflow its result shows."""
        if isinstance(expression, Call) and expression.function in SPREADS:
            return self._call(expression, columns)
        return self.text(expression, columns)

    def _checked(self, call: Call, text: Text) -> Text:
        """Return integer arithmetic so written that overflow is an error."""
        check = self.dialect.checked_integers
        if check is None or call.type != INT64 or call.function not in OVERFLOWS:
            return text
        if is_bounded(call):
            return text
        site = Site("add", (call,), (text,), INT64, self.dialect.type_name, "", self.dialect.name)
        return check.render(site)

    def _collate_arguments(
        self, call: Call | WindowCall, texts: tuple[Text, ...]
    ) -> tuple[Text, ...]:
        """Say how the first of several texts compares; the others follow it."""
        distinct, ordered = isinstance(call, Call) and call.distinct, bool(call.order_by)
        if call.function in _ORDERS or (distinct and ordered):
            otherwise = ORDERED_OTHERWISE
        elif call.function in _EQUATES or distinct:
            otherwise = EQUAL_OTHERWISE
        else:
            return texts
        for index, (arg, text) in enumerate(zip(call.args, texts, strict=True)):
            if arg.type == TEXT and text.collated >= otherwise:
                changed = self.comparable(text, TEXT, otherwise)
                return (*texts[:index], changed, *texts[index + 1 :])
        return texts

    def _cast(self, cast: Cast, columns: Environment) -> Text:
        dialect = self.dialect
        pair = family(cast.arg.type), family(cast.type)
        operation = f"cast {pair[0]} to {pair[1]}"
        if operation in dialect.without:
            raise dialect.refuse(operation)
        if cast.safe and dialect.safe_cast is None:
            raise dialect.refuse("try_cast")
        text = self.text(cast.arg, columns)
        safe = dialect.safe_casts.get(pair) if cast.safe else None
        row = safe or dialect.casts.get(pair, _PLAIN_CAST)
        site = Site(operation, (cast.arg,), (text,), cast.type, dialect.type_name, "", dialect.name)
        # A constant in a cast needs no other cast around it.
        site = site._replace(texts=(text._replace(loose=False),))
        written = row.render(site)
        if cast.safe and dialect.safe_cast and safe is None:
            sql = written.sql
            if not sql.startswith("CAST("):
                raise Unsupported(f"a safe {operation}", dialect.name, "it has no such cast")
            written = Text(dialect.safe_cast + sql.removeprefix("CAST"))
        computed = cast.type == TEXT and dialect.computed_collates
        digits = digits_cast(text, cast.arg.type, cast.type)
        collated = ORDERED_OTHERWISE if computed else 0
        return Text(written.sql, written.level, False, collated, digits=digits)

    def _case(self, case: Case, columns: Environment) -> Text:
        conditions = [self.text(condition, columns) for condition, _ in case.branches]
        values = [self.text(value, columns) for _, value in case.branches]
        last = self.text(case.otherwise, columns)
        branches = " ".join(
            f"WHEN {condition.sql} THEN {value.sql}"
            for condition, value in zip(conditions, values, strict=True)
        )
        otherwise = "" if last.sql == "NULL" else f" ELSE {last.sql}"
        everything = (*values, last)
        computed = ORDERED_OTHERWISE if self.dialect.computed_collates else 0
        sql = f"CASE {branches}{otherwise} END"
        if all(value.sql == "NULL" for value in everything):
            # Of no type to engines, or of text.
            return Text(f"CAST({sql} AS {self.dialect.type_name(case.type)})", collated=computed)
        return Text(
            sql,
            loose=isinstance(case.type, Decimal) or all(value.loose for value in everything),
            collated=max(computed, *(value.collated for value in everything)),
            digits=_most_digits(case, everything),
        )

    def _record(self, record: Record, columns: Environment) -> Text:
        dialect = self.dialect
        if not dialect.record:
            raise dialect.refuse("Record")
        values = [self.output(arg, columns).sql for arg in record.args]
        names = [string(name, dialect) for name in record.names]
        pairs = (part for pair in zip(names, values, strict=True) for part in pair)
        return Text(
            dialect.record.format(
                values=", ".join(values),
                pairs=", ".join(pairs),
                type=dialect.type_name(record.type),
            )
        )

    def _subquery(self, subquery: Subquery, columns: Environment) -> Text:
        scalar = subquery.kind is SubqueryKind.SCALAR
        if scalar and not (self.dialect.checked_subqueries or has_one_row(subquery.relation)):
            raise Unsupported(
                "a subquery for a value", self.dialect.name, "it takes the first of several rows"
            )
        query = self.query(subquery.relation)
        if subquery.kind is SubqueryKind.EXISTS:
            return Text(f"EXISTS ({query})")
        if scalar or subquery.arg is None:
            computed = ORDERED_OTHERWISE if self.dialect.computed_collates else 0
            return Text(f"({query})", collated=computed)
        kind = subquery.arg.type
        arg = self.compared(self.text(subquery.arg, columns), kind)
        form = self.dialect.orders.get(subquery.relation.schema.fields[0].type.name)
        if form is not None:
            query = f"SELECT {form.format('x')} FROM ({query}) AS listed(x)"  # noqa: S608  # printed
        return Text(f"{arg.within(COMPARISON)} IN ({query})", COMPARISON)

    def _window(self, call: WindowCall, columns: Environment) -> Text:
        parts = []
        if call.partition_by:
            keys = (self.compared(self.text(e, columns), e.type) for e in call.partition_by)
            parts.append(f"PARTITION BY {', '.join(key.sql for key in keys)}")
        if call.order_by:
            keys_text = ", ".join(self.sort_key(key, columns) for key in call.order_by)
            parts.append(f"ORDER BY {keys_text}")
        if call.frame is not None and call.function not in _UNFRAMED:
            parts.append(frame_text(call.frame, call.order_by, self.dialect))
        return self._call(call, columns, f" OVER ({' '.join(parts)})")


def _most_digits(case: Case, texts: tuple[Text, ...]) -> int | None:
    """Return the digits of the longest branch, where they are known of all but NULL."""
    values = (*(value for _, value in case.branches), case.otherwise)
    found = [(v.type, t) for v, t in zip(values, texts, strict=True) if t.sql != "NULL"]
    if not any(text.is_decimal for _, text in found):
        return None
    digits = [text.digits for kind, text in found if text.digits and kind == case.type]
    return max(digits) if len(digits) == len(found) else None
