"""An explanation as a Mermaid flowchart: fragments as boxes, rows flow upwards to the result."""

from __future__ import annotations

from itertools import count, cycle
from typing import TYPE_CHECKING, Final

from wayfed.explain.numbers import in_bytes, in_rows, in_seconds, short, times_as_much

if TYPE_CHECKING:
    from wayfed.explain.model import Explanation, FragmentView, OperatorView

_LABEL_LENGTH: Final = 110
_STROKES: Final = ("#3b82f6", "#f59e0b", "#10b981", "#ec4899", "#8b5cf6", "#64748b")


def to_mermaid(explanation: Explanation) -> str:
    """Return an explanation as the text of a Mermaid flowchart.

    Labels are quoted and what has a meaning in Mermaid is written as an entity, so that any
    predicate or path can stand in them.
    """
    return "\n".join(_Chart(explanation).lines)


def escaped(text: str) -> str:
    """Write text so that it stands for itself within a quoted Mermaid label.

    Examples
    --------
    >>> escaped('name = "a#1"')
    'name = #quot;a#35;1#quot;'
    """
    shown = text if len(text) <= _LABEL_LENGTH else text[: _LABEL_LENGTH - 1] + "…"
    named = {'"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "\n": "<br/>", "\r": ""}
    special = "#`\\[]{}()|*_~$"
    return "".join(named.get(c, f"#{ord(c)};" if c in special else c) for c in shown)


class _Chart:
    """The lines of one flowchart; nodes are numbered as they are written."""

    def __init__(self, explanation: Explanation) -> None:
        self.lines = ["flowchart BT"]
        self._numbers = count(1)
        self._edges: list[str] = []
        self._readers: dict[str, str] = {}
        self._roots: dict[str, str] = {}
        self._waiting: dict[str, list[str]] = {}
        if explanation.fragments:
            self._physical(explanation)
        else:
            self._operator(explanation.operators, "  ")
        self.lines += self._edges

    def _physical(self, explanation: Explanation) -> None:
        colours = dict(zip(explanation.platforms, cycle(_STROKES), strict=False))
        self._within(None, explanation)
        for fragment in explanation.fragments:
            stroke = colours[fragment.platform]
            self._edges.append(f"  style {fragment.id}_part stroke:{stroke},stroke-width:2px")
        self.lines.append('  result(["the result"])')
        self._edges.append(f"  {self._roots[explanation.fragments[-1].id]} ==> result")

    def _within(self, variable: str | None, explanation: Explanation) -> None:
        """Write the fragments inside of a loop, or outside of all; a loop with all inside of it."""
        for fragment in explanation.fragments:
            if fragment.inside != variable:
                continue
            if fragment.loop is None:
                self._fragment(fragment, explanation)
                continue
            title = fragment.loop.title
            self.lines.append(f'  subgraph {fragment.id}_loop["{escaped(title)}"]')
            self._within(fragment.loop.variable, explanation)
            self._fragment(fragment, explanation)
            self.lines.append("  end")
            for reader in self._waiting.pop(fragment.loop.variable, ()):
                self._edges.append(f'  {self._roots[fragment.id]} -. "again" .-> {reader}')

    def _fragment(self, fragment: FragmentView, explanation: Explanation) -> None:
        whole = explanation.cost
        title = f"{fragment.id} on {fragment.platform}"
        if fragment.actual is not None:
            title += f": {in_rows(fragment.actual.rows)}, {in_seconds(fragment.actual.seconds)}"
        else:
            title += f": {short(fragment.rows)}, ~{in_seconds(fragment.cost.seconds, 2)}"
        if fragment.rival is not None and whole is not None:
            much = times_as_much(whole.seconds, fragment.rival.cost.seconds)
            rival = f"the {fragment.rival.operator} on {fragment.rival.platform} costs more"
            title += f" ({rival}{much and f', {much} in all'})"
        self._readers = {}
        self.lines.append(f'  subgraph {fragment.id}_part["{escaped(title)}"]')
        self._roots[fragment.id] = self._operator(fragment.operators, "    ")
        self.lines.append("  end")
        for source in fragment.sources:
            told = (source.table, source.description, short(source.rows))
            node = self._node("  ", '[("{}")]', "<br/>".join(map(escaped, told)))
            self._edges.append(f"  {node} --> {self._readers[source.table]}")
        for variable in fragment.variables:
            self._waiting.setdefault(variable, []).append(self._readers[variable])
        for exchange in fragment.exchanges:
            actual = explanation.fragment(exchange.fragment).actual
            through = " → ".join(exchange.channels)
            size = in_bytes(actual.bytes) if actual else f"~{in_bytes(exchange.bytes)}"
            label = f"{escaped(through)}<br/>{escaped(size)}"
            if exchange.role:
                label += f"<br/>{escaped(exchange.role)}"
            root, reader = self._roots[exchange.fragment], self._readers[exchange.fragment]
            self._edges.append(f'  {root} == "{label}" ==> {reader}')

    def _operator(self, operator: OperatorView, indent: str) -> str:
        place = f" on {operator.platform}" if operator.platform else ""
        told = [operator.text + place, *([short(operator.rows)] if operator.rows else [])]
        node = self._node(indent, '["{}"]', "<br/>".join(map(escaped, told)))
        if operator.table is not None:
            self._readers.setdefault(operator.table, node)
        for below in operator.inputs:
            child = self._operator(below, indent)
            through = escaped(" → ".join(below.arrives))
            edge = f'== "{through}" ==>' if through else "-->"
            self._edges.append(f"  {child} {edge} {node}")
        return node

    def _node(self, indent: str, shape: str, label: str) -> str:
        name = f"n{next(self._numbers)}"
        self.lines.append(f"{indent}{name}{shape.format(label)}")
        return name
