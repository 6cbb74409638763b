"""An explanation as text: an indented tree with the result on top, readable in 100 columns."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final

from wayfed.explain.model import actual_moved
from wayfed.explain.numbers import (
    cost_parts,
    deviation,
    in_bytes,
    in_rows,
    in_seconds,
    listing,
    short,
    times_as_much,
    with_certainty,
)
from wayfed.explain.reasons import considered, reason_text
from wayfed.explain.rules import counts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed.explain.model import (
        Explanation,
        FragmentView,
        OperatorView,
        RejectedView,
        SourceView,
    )
    from wayfed_optimizer.types import Schema

_LABEL: Final = 10
_SHOWN_COLUMNS: Final = 20
_SHOWN_RULES: Final = 50
_WORTH_TELLING: Final = 0.9
_MUCH_HELD: Final = 1e6
_UNIT: Final = re.compile(r"(?<=\d) (?=(?:s|ms|µs|[kMGT]?B|rows?)\b|%)")
_SQL_WORD: Final = re.compile(r"""(?:'(?:[^']|'')*'|"(?:[^"]|"")*"|[^\s'"]|['"])+""")


def to_text(explanation: Explanation, width: int = 100) -> str:
    """Return an explanation as text; only words longer than `width` go beyond it."""
    lines = list(_heading(explanation, width))
    if explanation.fragments:
        lines += ["", *_Fragments(explanation).lines(width)]
    else:
        lines += ["", *operator_lines(explanation.operators, width, placed=True)]
        if explanation.with_alternatives and explanation.stage == "placed":
            lines += _considered(explanation.operators, width)
    if explanation.stage == "rewritten":
        lines += ["", *_rules(explanation, width)]
    if explanation.with_alternatives and explanation.fragments:
        lines += _rejected(explanation, width)
    for title, sentences in told_besides(explanation):
        lines += ["", title]
        for sentence in sentences:
            lines += wrap(sentence, width, first="  * ", hanging="    ")
    return "\n".join(line.rstrip() for line in lines)


def _heading(explanation: Explanation, width: int) -> Iterator[str]:
    yield title_text(explanation)
    for label, fact in facts(explanation):
        yield from _labelled(label, fact, width)


def title_text(explanation: Explanation) -> str:
    """Return which stage this is, on which platforms, in how many parts."""
    where = f" on {listing(explanation.platforms)}" if explanation.platforms else ""
    parts = len(explanation.fragments)
    pieces = f", {parts} fragment{'s' if parts > 1 else ''}" if parts else ""
    return f"{explanation.stage} plan{where}{pieces}"


def facts(explanation: Explanation) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of a plan as a whole, each with its label."""
    if explanation.cost is not None:
        yield "estimated", estimated_text(explanation)
    if explanation.seconds is not None:
        moved = actual_moved(explanation.fragments)
        between = f"; {in_bytes(moved)} between platforms" if moved else ""
        yield "actual", f"{in_seconds(explanation.seconds)}{between}"
    if explanation.planning:
        total = in_seconds(sum(seconds for _, seconds in explanation.planning), 2)
        steps = ", ".join(f"{name} {in_seconds(s, 2)}" for name, s in explanation.planning)
        before = "; made before, and used again" if explanation.cached else ""
        yield "planned", f"{total} ({steps}){before}"
    if explanation.rules and explanation.stage != "rewritten":
        yield "rewritten", rules_text(explanation)
    if explanation.cost is not None:
        yield "costs", costs_text(explanation)


def told_besides(explanation: Explanation) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the lists of sentences that stand below a plan, each with its title."""
    lists = (
        ("on the way", explanation.events),
        ("assumed", explanation.assumptions),
        ("notes", explanation.notes),
    )
    yield from ((title, sentences) for title, sentences in lists if sentences)


def estimated_text(explanation: Explanation) -> str:
    """Return the estimated cost of everything, what it is made of, and what it was chosen for."""
    cost = explanation.cost
    if cost is None:
        return "nothing"
    told = f"{in_seconds(cost.seconds, 2)} of work ({cost_parts(cost)})"
    shorter = explanation.side_by_side
    if shorter is not None and shorter < _WORTH_TELLING * cost.seconds:
        told += f", perhaps {in_seconds(shorter, 2)} with fragments side by side"
    if explanation.moved:
        told += f"; {in_bytes(explanation.moved)} between platforms"
    if explanation.objective == "bytes":
        told += "; chosen to move the fewest bytes"
    return told


def rules_text(explanation: Explanation) -> str:
    """Return which rewrite rules fired, and how often."""
    counts = counts_of(explanation.rules)
    steps = len(explanation.rules)
    fired = ", ".join(f"{name} {n}x" if n > 1 else name for name, n in counts.items())
    return f"in {steps} step{'' if steps == 1 else 's'}: {fired}"


def costs_text(explanation: Explanation) -> str:
    """Return on what the costs rest: measurements of this installation, or defaults."""
    shipped = [name for name in explanation.platforms if name not in explanation.calibrated]
    measured = listing(list(explanation.calibrated))
    if not shipped:
        return f"of {measured} as measured on this installation"
    defaults = f"of {listing(shipped)} as shipped, not measured here (wayfed calibrate)"
    return f"of {measured} as measured here, {defaults}" if explanation.calibrated else defaults


class _Fragments:
    """The fragments as a tree: each under its first consumer, a shared one written once."""

    def __init__(self, explanation: Explanation) -> None:
        self._explanation = explanation
        self._written: set[str] = set()

    def lines(self, width: int) -> Iterator[str]:
        result = self._explanation.fragments[-1]
        yield f"{result.id} on {result.platform} → the result"
        yield from self._below(result, width)

    def _below(self, fragment: FragmentView, width: int) -> Iterator[str]:
        self._written.add(fragment.id)
        last = len(fragment.sources) + len(fragment.exchanges) - 1
        body = _body(fragment, width - 2, self._explanation)
        yield from (f"{'│ ' if last >= 0 else '  '}{line}" for line in body)
        for position, source in enumerate(fragment.sources):
            first, *rest = wrap(source_text(source), width - 3)
            yield f"{'└─ ' if position == last else '├─ '}{first}"
            yield from (f"{'   ' if position == last else '│  '}{line}" for line in rest)
        for position, exchange in enumerate(fragment.exchanges, len(fragment.sources)):
            producer = self._explanation.fragment(exchange.fragment)
            size = producer.actual.bytes if producer.actual else exchange.bytes
            about = "" if producer.actual else "~"
            told = f", {exchange.role}" if exchange.role else ""
            told += ", written above" if producer.id in self._written else ""
            through = " → ".join(exchange.channels)
            yield "│"
            yield (
                f"{'└─ ' if position == last else '├─ '}{producer.id} on {producer.platform}"
                f" → {through} → {fragment.id}: {about}{in_bytes(size)}{told}"
            )
            if producer.id not in self._written:
                guide = "   " if position == last else "│  "
                yield from (f"{guide}{line}" for line in self._below(producer, width - 3))


def _body(fragment: FragmentView, width: int, explanation: Explanation) -> Iterator[str]:
    yield from _labelled("gives", columns_text(fragment.columns), width)
    yield from _labelled("estimated", size_text(fragment), width)
    if fragment.actual is not None:
        yield from _labelled("actual", actual_text(fragment, explanation.seconds), width)
    yield from _labelled("why here", reason_text(fragment, explanation.cost), width)
    if explanation.with_alternatives:
        yield from _considered_platforms(fragment, width)
    if fragment.loop is not None:
        yield from _labelled("loop", loop_text(fragment), width)
    yield from _block("plan", operator_lines(fragment.operators, width - _LABEL - 1))
    label = "asked" if fragment.language == "sql" else fragment.language
    yield from _block(label, sql_lines(fragment.asked, width - _LABEL - 1))


def size_text(fragment: FragmentView) -> str:
    """Return how much a fragment was estimated to give, and to hold meanwhile."""
    held = f", holding {in_bytes(fragment.held, 2)}" if fragment.held >= _MUCH_HELD else ""
    return f"{with_certainty(fragment.rows)} · {in_bytes(fragment.bytes)}{held}"


def actual_text(fragment: FragmentView, seconds: float | None = None) -> str:
    """Return what a fragment handed out, how far the estimate was off, and its part of the time.

    Parameters
    ----------
    fragment
        One that was run.
    seconds
        What the whole run took.
    """
    actual = fragment.actual
    if actual is None:
        return "not run"
    off = deviation(fragment.rows.likely, actual.rows / max(1, actual.runs))
    counted = "".join(
        f" · {name} {value:,.6g}"
        for name, value in actual.metrics.items()
        if name not in ("rows", "bytes", "seconds")
    )
    runs = f" in {actual.runs} runs" if actual.runs > 1 else ""
    own = f"{in_seconds(fragment.cost.seconds, 2)} of work estimated"
    part = f" ({min(1.0, actual.seconds / seconds):.0%} of the run, {own})" if seconds else ""
    spent = in_seconds(actual.seconds) + part.replace("%", " %")
    return (
        f"{in_rows(actual.rows)}{f' (estimated {off})' if off else ''} · {in_bytes(actual.bytes)}"
        f" · {spent}{runs}{counted}"
    )


def loop_text(fragment: FragmentView) -> str:
    """Return what the loop does that a fragment is, and did where it was run."""
    if fragment.loop is None:
        return ""
    return fragment.loop.text(fragment.actual.loop if fragment.actual else None)


def _considered_platforms(fragment: FragmentView, width: int) -> Iterator[str]:
    rows = considered(fragment)
    names, costs = (max(len(row[i]) for row in rows) for i in (0, 1))
    for position, (name, cost, why) in enumerate(rows):
        told = f"{name:<{names}}  {cost:>{costs}}  {why}"
        yield from _labelled("up to here" if position == 0 else "", told, width, names + costs + 4)


def _rejected(explanation: Explanation, width: int) -> Iterator[str]:
    yield ""
    yield "rejected"
    if not explanation.rejected:
        yield "  nothing: there is no other way to run this plan"
        return
    rows = [(rejected_cost(each, explanation), each) for each in explanation.rejected]
    costs = max(len(cost) for cost, _ in rows)
    for cost, each in rows:
        told = f"{cost:<{costs}}  {each.text}{each.reason and f': {each.reason}'}"
        yield from wrap(told, width, first="  ", hanging=" " * (costs + 4))


def rejected_cost(rejected: RejectedView, explanation: Explanation) -> str:
    """Return what a rejected plan would cost, beside the one that was chosen."""
    if rejected.cost is None:
        return "cannot"
    chosen = explanation.cost.seconds if explanation.cost else 0.0
    much = times_as_much(chosen, rejected.cost.seconds)
    return f"{in_seconds(rejected.cost.seconds, 2)}{much and f' ({much})'}"


def source_text(source: SourceView) -> str:
    """Return where a table is, in which form, how large, and how much of it is read."""
    columns = f"{len(source.columns)} of {source.of} columns"
    return (
        f"{source.table}: {source.description} ({source.channel}), "
        f"{with_certainty(source.rows)}, {columns}"
    )


def columns_text(columns: Schema) -> str:
    """Return columns and their types, the first twenty in full."""
    shown = ", ".join(str(column) for column in columns.fields[:_SHOWN_COLUMNS])
    more = len(columns) - _SHOWN_COLUMNS
    return f"{shown} … {more} more" if more > 0 else shown or "no columns"


def operator_lines(root: OperatorView, width: int, *, placed: bool = False) -> list[str]:
    """Return a tree of operators, one a line, with platforms and estimated rows at the right."""
    table = list(_operator_rows(root, 0, placed=placed))
    right = max((len(numbers) for _, _, numbers in table), default=0)
    lines: list[str] = []
    for depth, text, numbers in table:
        indent = "  " * depth
        room = max(20, width - right - 2)
        first, *rest = wrap(text, room, first=indent, hanging=indent + "    ") or [indent]
        lines.append(f"{first:<{room}}  {numbers:>{right}}" if numbers else first)
        lines += rest
    return lines


def _operator_rows(
    operator: OperatorView, depth: int, *, placed: bool
) -> Iterator[tuple[int, str, str]]:
    rows = short(operator.rows) if operator.rows else ""
    if placed and operator.platform:
        rows = f"{operator.platform}  {rows:>16}"
    yield depth, operator.text, rows
    for below in operator.inputs:
        if below.arrives:
            yield depth + 1, f"↑ from {below.platform} as {' → '.join(below.arrives)}", ""
        yield from _operator_rows(below, depth + 1, placed=placed)


def _considered(root: OperatorView, width: int) -> Iterator[str]:
    yield from ("", "considered, each with all it needs")
    waiting = [root]
    while waiting:
        operator = waiting.pop(0)
        waiting += operator.inputs
        costs = sorted(operator.costs, key=lambda cost: cost[1].seconds)
        told = ", ".join(f"{name} {in_seconds(cost.seconds)}" for name, cost in costs)
        if told:
            text = f"{operator.text}: {told}"
            yield from wrap(text, width, first="  ", hanging="    ")


def _rules(explanation: Explanation, width: int) -> Iterator[str]:
    if not explanation.rules:
        yield "no rule changed anything"
        return
    yield from wrap(f"rules that fired, {rules_text(explanation)}", width, hanging="  ")
    for position, rule in enumerate(explanation.rules[:_SHOWN_RULES], 1):
        yield ""
        yield f"{position:>3} {rule.name}"
        yield from _indented(rule.before, width)
        yield "    =>"
        yield from _indented(rule.after, width)
    if len(explanation.rules) > _SHOWN_RULES:
        yield f"  … {len(explanation.rules) - _SHOWN_RULES} more"


def _indented(text: str, width: int) -> Iterator[str]:
    for line in text.splitlines():
        inner = line.lstrip()
        margin = " " * (6 + len(line) - len(inner))
        yield from wrap(inner, width, first=margin, hanging=f"{margin}    ")


def sql_lines(text: str, width: int) -> list[str]:
    """Fold the long lines of SQL text at spaces that are not within quotes."""
    return [piece for line in text.splitlines() for piece in _folded(line, width)]


def _folded(line: str, width: int) -> Iterator[str]:
    indent = line[: len(line) - len(line.lstrip())]
    if len(line) <= width:
        yield line
        return
    current = indent
    for word in _SQL_WORD.findall(line):
        if current.strip() and len(current) + 1 + len(word) > width:
            yield current
            current = f"{indent}    "
        current += word if not current.strip() else f" {word}"
    yield current


def wrap(text: str, width: int, *, first: str = "", hanging: str = "") -> list[str]:
    """Break text into lines at spaces, never between a number and its unit."""
    lines = textwrap.wrap(
        _UNIT.sub("\N{NO-BREAK SPACE}", text),
        max(20, width),
        initial_indent=first,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _labelled(label: str, text: str, width: int, indent: int = 0) -> Iterator[str]:
    lines = wrap(text, width - _LABEL - 1, hanging=" " * indent)
    yield from _block(label, lines or [""])


def _block(label: str, lines: list[str]) -> Iterator[str]:
    for position, line in enumerate(lines):
        yield f"{label if position == 0 else '':<{_LABEL}} {line}"
