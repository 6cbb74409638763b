"""An explanation as HTML that needs nothing else: for notebooks and reports, in light and dark.

Colours are translucent greys and mid-tones over whatever the page has, and text inherits the
page's colour, so that it needs not know which theme it is in.
"""

from __future__ import annotations

from html import escape
from itertools import cycle
from typing import TYPE_CHECKING, Final

from wayfed.explain.numbers import in_bytes, in_seconds
from wayfed.explain.reasons import considered, reason_text
from wayfed.explain.text import (
    actual_text,
    columns_text,
    facts,
    loop_text,
    operator_lines,
    rejected_cost,
    size_text,
    source_text,
    sql_lines,
    title_text,
    told_besides,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wayfed.explain.model import ExchangeView, Explanation, FragmentView

_WIDTH: Final = 96
_BADGES: Final = ("#2f6fd0", "#b45309", "#0f8a5f", "#b83280", "#6d4bd0", "#55647a")
_STYLE: Final = """
.wayfed-plan{font:13px/1.5 system-ui,sans-serif;max-width:64rem}
.wayfed-plan h4{font-size:1.1em;font-weight:600;margin:.2em 0}
.wayfed-plan .part{border:1px solid rgba(128,128,128,.35);border-radius:8px;
padding:.6em .9em;margin:.5em 0}
.wayfed-plan .feeds{margin-left:1em;padding-left:1em;border-left:2px solid rgba(128,128,128,.35)}
.wayfed-plan .badge{color:#fff;border-radius:5px;padding:.1em .6em;font-weight:600;
margin-right:.5em}
.wayfed-plan dl{display:grid;grid-template-columns:6em 1fr;gap:.15em .6em;margin:.5em 0}
.wayfed-plan dt,.wayfed-plan p{opacity:.65}
.wayfed-plan p,.wayfed-plan ul{margin:.3em 0}
.wayfed-plan dd{margin:0;overflow-wrap:anywhere}
.wayfed-plan summary{cursor:pointer;opacity:.8}
.wayfed-plan pre{font:12px/1.45 ui-monospace,monospace;white-space:pre;overflow-x:auto;
margin:.3em 0;padding:.6em .8em;border-radius:6px;background:rgba(128,128,128,.1);color:inherit}
.wayfed-plan .bar{height:4px;border-radius:2px;background:rgba(128,128,128,.18);margin-top:.5em}
.wayfed-plan .bar i{display:block;height:100%;border-radius:2px}
.wayfed-plan .flow{opacity:.8;margin:.3em 0 0}
.wayfed-plan table{border-collapse:collapse;margin:.3em 0;font:inherit;color:inherit}
.wayfed-plan th{font-weight:600;opacity:.65}
.wayfed-plan td:first-child{white-space:nowrap}
.wayfed-plan td,.wayfed-plan th{padding:.1em 1em .1em 0;text-align:left;background:none;border:0;
vertical-align:top;white-space:pre-wrap}
"""


def to_html(explanation: Explanation) -> str:
    """Return an explanation as a piece of HTML with its own style."""
    return "".join(_Page(explanation).pieces())


def to_page(explanation: Explanation) -> str:
    """Return an explanation as a whole HTML page, for a file."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>wayfed: {escape(explanation.stage)} plan</title></head><body>"
        f"{to_html(explanation)}</body></html>\n"
    )


class _Page:
    def __init__(self, explanation: Explanation) -> None:
        self._explanation = explanation
        self._colours = dict(zip(explanation.platforms, cycle(_BADGES), strict=False))
        self._written: set[str] = set()
        self._slowest = max(map(_seconds, explanation.fragments), default=0.0)

    def pieces(self) -> Iterator[str]:
        explanation = self._explanation
        yield f'<div class="wayfed-plan"><style>{_STYLE}</style>'
        yield f"<h4>{escape(title_text(explanation).capitalize())}</h4>"
        yield f"<dl>{_described(facts(explanation))}</dl>"
        if explanation.fragments:
            yield from self._part(explanation.fragments[-1])
        else:
            tree = "\n".join(operator_lines(explanation.operators, _WIDTH, placed=True))
            yield f"<pre>{escape(tree)}</pre>"
        if explanation.rules:
            opened = " open" if explanation.stage == "rewritten" else ""
            rows = ((rule.name, rule.before, rule.after) for rule in explanation.rules)
            yield f"<details{opened}><summary>rewrite rules that fired</summary>"
            yield f"{_table(('rule', 'before', 'after'), rows)}</details>"
        if explanation.with_alternatives and explanation.rejected:
            rows = (
                (rejected_cost(each, explanation), each.text, each.reason)
                for each in explanation.rejected
            )
            yield "<details open><summary>rejected plans</summary>"
            yield f"{_table(('whole plan', 'what is different', 'why not'), rows)}</details>"
        for title, sentences in told_besides(explanation):
            yield f"<p>{escape(title)}</p><ul>"
            yield from (f"<li>{escape(sentence)}</li>" for sentence in sentences)
            yield "</ul>"
        yield "</div>"

    def _part(self, fragment: FragmentView) -> Iterator[str]:
        self._written.add(fragment.id)
        colour = self._colours[fragment.platform]
        yield '<div class="part">'
        yield f'<span class="badge" style="background:{colour}">{escape(fragment.platform)}</span>'
        yield f"<b>{escape(fragment.id)}</b>"
        told = [("gives", columns_text(fragment.columns)), ("estimated", size_text(fragment))]
        if fragment.actual is not None:
            told.append(("actual", actual_text(fragment, self._explanation.seconds)))
        told.append(("why here", reason_text(fragment, self._explanation.cost)))
        if fragment.loop is not None:
            told.append(("loop", loop_text(fragment)))
        told += [("reads", source_text(source)) for source in fragment.sources]
        yield f"<dl>{_described(told)}</dl>"
        asked = "\n".join(sql_lines(fragment.asked, _WIDTH))
        yield f"<details open><summary>asked ({escape(fragment.language)})</summary>"
        yield f"<pre>{escape(asked)}</pre></details>"
        plan = "\n".join(operator_lines(fragment.operators, _WIDTH))
        yield f"<details><summary>plan</summary><pre>{escape(plan)}</pre></details>"
        opened = " open" if self._explanation.with_alternatives else ""
        columns = ("platform", "up to here", "by part, or why it cannot")
        yield f"<details{opened}><summary>platforms considered</summary>"
        yield f"{_table(columns, considered(fragment))}</details>"
        yield from self._bar(fragment, colour)
        yield "</div>"
        if fragment.exchanges:
            yield '<div class="feeds">'
            for exchange in fragment.exchanges:
                yield from self._arriving(exchange)
            yield "</div>"

    def _arriving(self, exchange: ExchangeView) -> Iterator[str]:
        producer = self._explanation.fragment(exchange.fragment)
        size = producer.actual.bytes if producer.actual else exchange.bytes
        about = "" if producer.actual else "~"
        again = f", {exchange.role}" if exchange.role else ""
        again += " (shown above)" if producer.id in self._written else ""
        through = f"↑ {producer.id}: {about}{in_bytes(size)} as {' → '.join(exchange.channels)}"
        yield f'<p class="flow">{escape(through + again)}</p>'
        if producer.id not in self._written:
            yield from self._part(producer)

    def _bar(self, fragment: FragmentView, colour: str) -> Iterator[str]:
        if self._slowest:
            part = 100 * _seconds(fragment) / self._slowest
            told = f"{in_seconds(_seconds(fragment))} in this part"
            yield f'<div class="bar" title="{escape(told)}">'
            yield f'<i style="width:{part:.0f}%;background:{colour}"></i></div>'


def _described(told: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in told)


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _seconds(fragment: FragmentView) -> float:
    return fragment.actual.seconds if fragment.actual else fragment.cost.seconds
