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
    with_certainty,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed.explain.model import Explanation, FragmentView, OperatorView, SourceView
    from wayfed_optimizer.cost import Cost
    from wayfed_optimizer.types import Schema

_LABEL: Final = 9
_SHOWN_COLUMNS: Final = 20
_SHOWN_RULES: Final = 50
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
    if explanation.notes:
        lines += ["", "notes"]
        for note in explanation.notes:
            lines += wrap(note, width, first="  * ", hanging="    ")
    return "\n".join(line.rstrip() for line in lines)


def _heading(explanation: Explanation, width: int) -> Iterator[str]:
    where = f" on {listing(explanation.platforms)}" if explanation.platforms else ""
    parts = len(explanation.fragments)
    pieces = f", {parts} fragment{'s' if parts > 1 else ''}" if parts else ""
    yield f"{explanation.stage} plan{where}{pieces}"
    cost = explanation.cost
    if cost is not None:
        moved = f"; {in_bytes(explanation.moved)} between platforms" if explanation.moved else ""
        yield from _labelled(
            "estimated", f"{in_seconds(cost.seconds)} ({cost_parts(cost)}){moved}", width
        )
    if explanation.seconds is not None:
        bytes_moved = actual_moved(explanation.fragments)
        moved = f"; {in_bytes(bytes_moved)} between platforms" if bytes_moved else ""
        yield from _labelled("actual", f"{in_seconds(explanation.seconds)}{moved}", width)
    if explanation.planning:
        total = in_seconds(sum(seconds for _, seconds in explanation.planning))
        steps = ", ".join(f"{name} {in_seconds(s)}" for name, s in explanation.planning)
        yield from _labelled("planned", f"{total} ({steps})", width)


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
        body = _body(fragment, width - 2, alternatives=self._explanation.with_alternatives)
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


def _body(fragment: FragmentView, width: int, *, alternatives: bool) -> Iterator[str]:
    yield from _labelled("gives", columns_text(fragment.columns), width)
    size = f"{with_certainty(fragment.rows)} · {in_bytes(fragment.bytes)}"
    yield from _labelled("estimated", size, width)
    if fragment.actual is not None:
        yield from _labelled("actual", actual_text(fragment), width)
    yield from (_all_reasons if alternatives else _reason)(fragment, width)
    if fragment.loop is not None:
        yield from _labelled("loop", loop_text(fragment), width)
    yield from _block("plan", operator_lines(fragment.operators, width - _LABEL - 1))
    label = "asked" if fragment.language == "sql" else fragment.language
    yield from _block(label, sql_lines(fragment.asked, width - _LABEL - 1))


def actual_text(fragment: FragmentView) -> str:
    """Return what a fragment handed out, and how far the estimate was off."""
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
    return (
        f"{in_rows(actual.rows)}{f' (estimated {off})' if off else ''} · {in_bytes(actual.bytes)}"
        f" · {in_seconds(actual.seconds)}{runs}{counted}"
    )


def loop_text(fragment: FragmentView) -> str:
    """Return what the loop does that a fragment is, and did where it was run."""
    if fragment.loop is None:
        return ""
    return fragment.loop.text(fragment.actual.loop if fragment.actual else None)


def reason_text(fragment: FragmentView) -> str:
    """Return in one sentence why a fragment runs where it does."""
    here = f"{in_seconds(fragment.total.seconds)} on {fragment.platform}"
    rival = fragment.next_best
    if rival is not None and rival.cost is not None:
        there = f"{in_seconds(rival.cost.seconds)} on {rival.platform}"
        parts = cost_parts(rival.cost)
        why = "" if rival.reason == "costs more" else f": {rival.reason}"
        return f"{here} with all it needs; next best {there} ({parts}){why}"
    if not fragment.alternatives:
        return f"{here} with all it needs; there is no other platform"
    refused: dict[str, list[str]] = {}
    for other in fragment.alternatives:
        refused.setdefault(other.reason, []).append(other.platform)
    refusals = "; ".join(f"{listing(names)}: {reason}" for reason, names in refused.items())
    return f"{here} with all it needs; no other: {refusals}"


def _reason(fragment: FragmentView, width: int) -> Iterator[str]:
    yield from _labelled("why here", reason_text(fragment), width)


def _all_reasons(fragment: FragmentView, width: int) -> Iterator[str]:
    rows = [(fragment.platform, in_seconds(fragment.total.seconds), _parts(fragment.total))]
    for other in fragment.alternatives:
        if other.cost is None:
            rows.append((other.platform, "cannot", other.reason))
        else:
            why = "" if other.reason == "costs more" else f"; {other.reason}"
            rows.append((other.platform, in_seconds(other.cost.seconds), _parts(other.cost) + why))
    names, costs = (max(len(row[i]) for row in rows) for i in (0, 1))
    for position, (name, cost, why) in enumerate(rows):
        told = f"{name:<{names}}  {cost:>{costs}}  {why}"
        yield from _labelled("why here" if position == 0 else "", told, width, names + costs + 4)


def _parts(cost: Cost) -> str:
    return cost_parts(cost) + (f", moves {in_bytes(cost.moved)}" if cost.moved else "")


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
    yield "rules that fired"
    for rule in explanation.rules[:_SHOWN_RULES]:
        yield f"  {rule.name}"
        yield from _indented(rule.before, width)
        yield from _indented(f"=> {rule.after}", width)
    if len(explanation.rules) > _SHOWN_RULES:
        yield f"  … {len(explanation.rules) - _SHOWN_RULES} more"


def _indented(text: str, width: int) -> list[str]:
    return wrap(text, width, first="    ", hanging="      ")


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
