"""The demo's report: one HTML page that stands by itself."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed.demo.stores import AirlineStore
    from wayfed.demo.training import Comparison
    from wayfed.explain import Explanation
    from wayfed.federated.runs.results import FederatedRun

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2430; --quiet: #667085; --line: #d8dee6;
        --page: #ffffff; --panel: #f5f7fa; --mark: #1f6feb; --own: #8b95a5; --all: #2da44e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --quiet: #9aa7b5; --line: #30363d; --page: #0d1117; --panel: #161b22; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
       max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.quiet, td.quiet { color: var(--quiet); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; } td.best { font-weight: 600; color: var(--all); }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; }
details { background: var(--panel); border: 1px solid var(--line); border-radius: 6px;
          padding: .4rem .8rem; margin: .5rem 0; overflow-x: auto; }
"""


def render(
    run: FederatedRun,
    compared: Sequence[Comparison],
    stores: Sequence[AirlineStore],
    explanations: Mapping[str, Explanation],
) -> str:
    """Return the page: the curve, the table by airline, and how each kind of store was asked."""
    by_carrier = {store.carrier: store for store in stores}
    plans = "".join(
        f"<details><summary>{escape(_store_line(by_carrier[carrier]))}</summary>"
        f"{explanation._repr_html_()}</details>"
        for carrier, explanation in explanations.items()
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>wayfed: late flights</title><style>{_STYLE}</style></head><body>"
        "<h1>Which flight will be late?</h1>"
        f"<p>{len(stores)} airlines trained one model of flights that left New York in 2013. Each "
        "kept its flights in a store of its own; only model updates left an airline. Trained on "
        "January to September, measured on October to December.</p>"
        f"<h2>Learning</h2><figure>{_curve(run)}</figure>"
        f"<p class='quiet'>Held-out AUC over all airlines: {run.metrics['auc']:.3f} after "
        f"{len(run.history)} rounds of {escape(run.strategy)}.</p>"
        "<h2>Airlines</h2><p class='quiet'>Area under the ROC curve over each airline's held-out "
        "flights; 0.5 is chance. Only a demo may see the centralised model.</p>"
        f"{_table(compared, by_carrier)}"
        f"<h2>What each kind of store was asked</h2>{plans}"
        "</body></html>\n"
    )


def _curve(run: FederatedRun) -> str:
    from wayfed.federated.runs.curve import learning_curve

    measured = [each.metrics.get("auc", float("nan")) for each in run.history]
    return learning_curve({"auc": measured}, title="AUC on held-out flights")


def _store_line(store: AirlineStore) -> str:
    return f"{store.name} ({store.carrier}): {store.rows:,} flights in {store.kind}"


def _table(compared: Sequence[Comparison], stores: Mapping[str, AirlineStore]) -> str:
    rows = "".join(_row(each, stores[each.carrier]) for each in compared)
    return (
        "<table><thead><tr><th>airline</th><th>store</th><th class='number'>flights</th>"
        "<th class='number'>its own model</th><th class='number'>federated</th>"
        f"<th class='number'>centralised</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(each: Comparison, store: AirlineStore) -> str:
    name = f"<td>{escape(store.name)}</td><td>{escape(store.kind)}</td>"
    flights = f"<td class='number'>{each.flights:,}</td>"
    if each.left_out:
        told = f"left out: {escape(each.left_out)}"
        return f"<tr>{name}{flights}<td colspan='3' class='quiet'>{told}</td></tr>"
    wins = each.alone is not None and each.federated is not None and each.federated >= each.alone
    cells = (
        ("number", each.alone),
        ("number best" if wins else "number", each.federated),
        ("number", each.centralised),
    )
    measures = "".join(
        f"<td class='{kind}'>{'' if value is None else f'{value:.3f}'}</td>"
        for kind, value in cells
    )
    return f"<tr>{name}{flights}{measures}</tr>"
