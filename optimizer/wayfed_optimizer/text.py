"""Plans as text: a line for each relation, what it is computed from indented below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.relations import (
    Aggregate,
    Cache,
    Distinct,
    Explode,
    Filter,
    FirstMatches,
    Hint,
    Iterate,
    Join,
    Limit,
    MapBatches,
    Read,
    Relation,
    Sample,
    Select,
    SetOperation,
    Sort,
    TimeWindow,
    Values,
    Watermark,
    Window,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wayfed_optimizer.expressions import Named

_INDENT = "  "


def describe(relation: Relation) -> str:
    """Return a plan as indented text.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import Named, call, column
    >>> from wayfed_optimizer.types import Schema
    >>> t = Read("t", Schema.of(a="int64", b="int64"))
    >>> a, b = column(t.schema, "a"), column(t.schema, "b")
    >>> plan = Select(Filter(t, call("greater", a, b)), (Named("total", call("add", a, b)),))
    >>> print(describe(plan))
    Select total = a + b
      Filter a > b
        Read t: a, b
    """
    return "\n".join(_lines(relation, 0))


def _lines(relation: Relation, depth: int) -> Iterator[str]:
    yield _INDENT * depth + headline(relation)
    for below in relation.inputs:
        yield from _lines(below, depth + 1)


def headline(relation: Relation) -> str:
    """Return one line that says what a relation does to its inputs.

    Examples
    --------
    >>> from wayfed_optimizer.types import Schema
    >>> headline(Limit(Read("t", Schema.of(a="int64")), 10, offset=5))
    'Limit 10 offset 5'
    """
    name = type(relation).__name__
    details = _details(relation)
    return f"{name} {details}" if details else name


def _details(relation: Relation) -> str:  # noqa: PLR0912  # one short case for each relation
    match relation:
        case Read(table, schema):
            return f"{table}: {_listed(schema.names)}"
        case Values(schema, rows):
            return f"{len(rows)} rows: {_listed(schema.names)}" if len(schema) else "one row"
        case Select(_, outputs) | Window(_, outputs):
            return _outputs(outputs)
        case Filter(_, predicate):
            return str(predicate)
        case Join():
            return _join(relation)
        case Aggregate(_, keys, aggregates):
            return _clauses(("", _outputs(aggregates)), ("by ", _outputs(keys)))
        case Sort(_, keys):
            return _listed(keys)
        case Limit(_, count, offset):
            limit = "all" if count is None else str(count)
            return f"{limit} offset {offset}" if offset else limit
        case Distinct(_, on):
            return _clauses(("on ", _listed(on)))
        case Explode(_, column, keep_empty):
            return f"{column} or NULL" if keep_empty else column
        case SetOperation(kind, all=all):
            return f"{kind.value} all" if all else kind.value
        case MapBatches(_, name, kind=kind):
            return f"{name}, {kind.value}"
        case Sample(_, keys, low, high, seed):
            part = f"{low:g} to {high:g} by {_listed(keys)}"
            return f"{part} seed {seed}" if seed else part
        case Cache(_, key):
            return key
        case Iterate(variable=variable, max_iterations=most):
            return f"{variable}, at most {most} times"
        case FirstMatches(variable=variable, count=number):
            return f"{number}, looked up by {variable}"
        case Watermark(_, column, delay):
            return f"{column}, {delay:g} s late at most"
        case TimeWindow(_, column, size, slide):
            every = f" every {slide:g} s" if slide != size else ""
            return f"{column}, {size:g} s{every}"
        case Write(_, target, mode):
            return f"{target} ({mode.value})"
        case Hint(_, platform, rows):
            return _clauses(
                ("on ", platform or ""), ("of rows ", "" if rows is None else str(rows))
            )
    return ""


def _join(join: Join) -> str:
    return _clauses(
        ("", join.kind.value),
        ("on ", _listed(f"{a} = {b}" for a, b in join.on)),
        ("asof ", "{} >= {}".format(*join.asof) if join.asof else ""),
        ("where ", "" if join.predicate is None else str(join.predicate)),
    )


def _outputs(outputs: Iterable[Named]) -> str:
    return _listed(o.name if o.is_plain else f"{o.name} = {o.expression}" for o in outputs)


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))


def _clauses(*clauses: tuple[str, str]) -> str:
    return " ".join(word + text for word, text in clauses if text)
