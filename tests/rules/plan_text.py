"""Reads plans from the text in which `describe` prints them, for fixtures that people write."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping

from wayfed_optimizer.expressions import (
    Expression,
    Named,
    Opaque,
    Parameter,
    SortKey,
    WindowCall,
    call,
    case,
    cast_to,
    column,
    in_list,
    literal,
)
from wayfed_optimizer.relations import (
    Aggregate,
    Cache,
    Distinct,
    Explode,
    Filter,
    Hint,
    Join,
    JoinKind,
    Limit,
    MapBatches,
    MapKind,
    Read,
    Relation,
    Sample,
    Select,
    SetKind,
    SetOperation,
    Sort,
    TimeWindow,
    Window,
)
from wayfed_optimizer.types import INT64, Schema, parse_type

_TOKEN = re.compile(r"\s*(?:(\d+\.\d+|\d+)|('(?:[^']|'')*')|(<=|>=|<>|//|[-+*/%(),=<>])|(:?\w+))")
_OPERATORS: tuple[Mapping[str, str], ...] = (
    {"or": "or"},
    {"and": "and"},
    {
        "=": "equal",
        "<>": "not_equal",
        "<": "less",
        "<=": "less_equal",
        ">": "greater",
        ">=": "greater_equal",
    },
    {"+": "add", "-": "subtract"},
    {"*": "multiply", "/": "divide", "//": "floor_divide", "%": "modulo"},
)


def read_plan(text: str, tables: Mapping[str, Schema]) -> Relation:
    """Read a plan: a relation on each line, what it is computed from indented below it."""
    lines = [(len(line) - len(line.lstrip()), line.strip()) for line in text.splitlines() if line]
    plan, rest = _relation(lines, tables)
    assert not rest, f"too much: {rest}"
    return plan


def _relation(
    lines: list[tuple[int, str]], tables: Mapping[str, Schema]
) -> tuple[Relation, list[tuple[int, str]]]:
    (depth, line), rest = lines[0], lines[1:]
    inputs: list[Relation] = []
    while rest and rest[0][0] > depth:
        below, rest = _relation(rest, tables)
        inputs.append(below)
    name, _, details = line.partition(" ")
    return _HEADLINES[name.rstrip(":")](details, inputs, tables), rest


def _read(details: str, _: list[Relation], tables: Mapping[str, Schema]) -> Relation:
    table, _, names = details.partition(": ")
    schema = tables[table]
    return Read(table, schema.select(names.split(", ")) if names else schema)


def _join(details: str, inputs: list[Relation], _: Mapping[str, Schema]) -> Relation:
    left, right = inputs
    kind, on, asof, where = _clauses(details, "on", "asof", "where")
    pairs = [tuple(pair.split(" = ")) for pair in on.split(", ") if pair]
    both = Schema((*left.schema, *right.schema))
    return Join(
        left,
        right,
        JoinKind(kind),
        tuple((a, b) for a, b in pairs),
        read_expression(where, both) if where else None,
        (asof.split(" >= ")[0], asof.split(" >= ")[1]) if asof else None,
    )


def _aggregate(details: str, inputs: list[Relation], _: Mapping[str, Schema]) -> Relation:
    aggregates, keys = _clauses(f" {details}", "by")
    schema = inputs[0].schema
    return Aggregate(inputs[0], _outputs(keys, schema), _outputs(aggregates, schema))


def _sort(details: str, inputs: list[Relation], _: Mapping[str, Schema]) -> Relation:
    return Sort(inputs[0], _Reader(details, inputs[0].schema).sort_keys())


def _limit(details: str, inputs: list[Relation], _: Mapping[str, Schema]) -> Relation:
    count, offset = _clauses(details, "offset")
    return Limit(inputs[0], None if count == "all" else int(count), int(offset or 0))


def _set_operation(details: str, inputs: list[Relation], _: Mapping[str, Schema]) -> Relation:
    kind, _, all = details.partition(" ")
    return SetOperation(SetKind(kind), *inputs, all=bool(all))


def _sample(details: str, inputs: list[Relation], _: Mapping[str, Schema]) -> Relation:
    low, _, high, _, key = details.split()
    return Sample(inputs[0], (key,), float(low), float(high))


def _time_window(details: str, inputs: list[Relation], _: Mapping[str, Schema]) -> Relation:
    name, size, _ = details.replace(",", "").split()
    return TimeWindow(inputs[0], name, float(size), float(size))


def _hint(details: str, inputs: list[Relation], _: Mapping[str, Schema]) -> Relation:
    return Hint(inputs[0], platform=details.removeprefix("on "))


_HEADLINES: Mapping[str, Callable[[str, list[Relation], Mapping[str, Schema]], Relation]] = {
    "Read": _read,
    "Select": lambda text, below, _: Select(below[0], _outputs(text, below[0].schema)),
    "Filter": lambda text, below, _: Filter(below[0], read_expression(text, below[0].schema)),
    "Join": _join,
    "Aggregate": _aggregate,
    "Window": lambda text, below, _: Window(below[0], _outputs(text, below[0].schema)),
    "Sort": _sort,
    "Limit": _limit,
    "Distinct": lambda text, below, _: Distinct(
        below[0], tuple(name for name in text.removeprefix("on ").split(", ") if name)
    ),
    "SetOperation": _set_operation,
    "Sample": _sample,
    "Explode": lambda text, below, _: Explode(
        below[0], text.removesuffix(" or NULL"), text.endswith(" or NULL")
    ),
    "TimeWindow": _time_window,
    "Cache": lambda text, below, _: Cache(below[0], text),
    "Hint": _hint,
    "MapBatches": lambda text, below, _: MapBatches(
        below[0], text.partition(",")[0], "tests.function", MapKind.BATCHES, below[0].schema
    ),
}


def _clauses(text: str, *words: str) -> list[str]:
    """Split ``a on b where c`` at its words; what is absent is empty."""
    found = []
    for word in reversed(words):
        text, _, clause = text.partition(f" {word} ")
        found.append(clause)
    return [text.strip(), *reversed(found)]


def _outputs(text: str, schema: Schema) -> tuple[Named, ...]:
    return _Reader(text, schema).outputs()


def read_expression(text: str, schema: Schema) -> Expression:
    """Read an expression over the columns of a schema."""
    reader = _Reader(text, schema)
    found = reader.expression()
    assert not reader.tokens, f"too much: {reader.tokens}"
    return found


class _Reader:
    """Reads tokens from left to right; operators by precedence."""

    def __init__(self, text: str, schema: Schema) -> None:
        self.schema = schema
        self.tokens = [next(filter(None, match)) for match in _TOKEN.findall(text)]

    def take(self, *wanted: str) -> bool:
        if self.tokens and self.tokens[0].lower() in wanted:
            self.tokens.pop(0)
            return True
        return False

    def outputs(self) -> tuple[Named, ...]:
        return tuple(self.listed(self.output))

    def output(self) -> Named:
        name = self.tokens[0]
        if len(self.tokens) > 1 and self.tokens[1] == "=":
            del self.tokens[:2]
            return Named(name, self.expression())
        return Named(name, self.expression())

    def listed(self, one: Callable[[], object]) -> Iterable[object]:
        if not self.tokens or self.tokens[0] == ")":
            return
        yield one()
        while self.take(","):
            yield one()

    def sort_keys(self) -> tuple[SortKey, ...]:
        return tuple(self.listed(self.sort_key))

    def sort_key(self) -> SortKey:
        expression = self.expression()
        descending = self.take("desc")
        return SortKey(expression, descending, self.take("nulls") and self.take("first"))

    def expression(self, level: int = 0) -> Expression:
        if level == len(_OPERATORS):
            return self.operand()
        parts = [self.expression(level + 1)]
        while self.tokens and (name := _OPERATORS[level].get(self.tokens[0].lower())):
            self.tokens.pop(0)
            parts.append(self.expression(level + 1))
            if name not in ("and", "or"):
                parts = [call(name, *parts)]
        if len(parts) > 1:
            return call(_OPERATORS[level][next(iter(_OPERATORS[level]))], *parts)
        if level == 3 and self.take("in"):
            self.take("(")
            values = tuple(self.listed(self.operand))
            self.take(")")
            return in_list(parts[0], values)
        return parts[0]

    def operand(self) -> Expression:
        token = self.tokens.pop(0)
        if token == "(":
            inner = self.expression()
            assert self.take(")")
            return inner
        if token[0].isdigit():
            return literal(float(token) if "." in token else int(token))
        if token[0] == "'":
            return literal(token[1:-1].replace("''", "'"))
        match token.lower():
            case "true" | "false":
                return literal(token.lower() == "true")
            case "null":
                return literal(None)
            case "date":
                return literal(datetime.date.fromisoformat(self.tokens.pop(0)[1:-1]))
            case "case":
                return self.case()
            case "cast" | "try_cast":
                return self.cast(safe=token == "try_cast")
        if token[0] == ":":
            return Parameter(token[1:], INT64)
        return self.call(token) if self.take("(") else column(self.schema, token)

    def call(self, name: str) -> Expression:
        args = tuple(self.listed(self.expression))
        assert self.take(")")
        if name.startswith("python_"):
            return Opaque(name, "tests.function", args, INT64)
        if not self.take("over"):
            return call(name, *args)
        assert self.take("(")
        partitioned = self.take("partition") and self.take("by")
        partition = tuple(self.listed(self.expression)) if partitioned else ()
        order = self.sort_keys() if self.take("order") and self.take("by") else ()
        assert self.take(")")
        return WindowCall(name, args, partition, order)

    def case(self) -> Expression:
        branches = []
        while self.take("when"):
            condition = self.expression()
            assert self.take("then")
            branches.append((condition, self.expression()))
        otherwise = self.expression() if self.take("else") else None
        assert self.take("end")
        return case(tuple(branches), otherwise)

    def cast(self, *, safe: bool) -> Expression:
        assert self.take("(")
        arg = self.expression()
        assert self.take("as")
        kind = ""
        while not self.take(")"):
            kind += self.tokens.pop(0)
            if "(" in kind and self.take(")"):
                kind += ")"
        return cast_to(arg, parse_type(kind), safe=safe)
