"""What ``calibrate`` does: measures, keeps what it found, shows it beside what was assumed."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING

from wayfed.calibration import forget, load, save
from wayfed.calibration.machine import busy
from wayfed_java.telling import telling
from wayfed_optimizer.cost import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from wayfed.calibration import Measured
    from wayfed_optimizer.cost import CostProfile


def measure(engines: Sequence[str], stores: Sequence[str], *, quick: bool) -> None:
    """Measure platforms, keep what was found, and tell how well it predicts."""
    from wayfed.calibration.links import measure_link
    from wayfed.calibration.measuring import benches, calibrate

    began = monotonic()
    if busy():
        sys.stderr.write("this machine is busy: what is measured will be slower than it is\n")
    chosen = benches(engines) if engines or not stores else ()
    for bench in chosen:
        with telling(f"measuring {bench.kind}") as progress:
            found = calibrate(bench, quick=quick, tell=progress)
        _keep(found)
    for url in stores:
        with telling("measuring a store's link"):
            found = measure_link(url, quick=quick)
        _keep(found)
    sys.stdout.write(f"in {monotonic() - began:.0f} s; --show tells the rates\n")


def show_all() -> None:
    """Print the rates that were measured beside those that are assumed otherwise."""
    from rich.console import Console

    known = load()
    if not known:
        sys.stdout.write("nothing was measured yet: `wayfed calibrate` does\n")
        return
    for each in known:
        Console().print(_table(each, _assumed(each.platform)))


def forget_all() -> None:
    """Remove what was measured and noted."""
    from wayfed.calibration.runlog import forget_runs

    forget()
    forget_runs()


def _keep(found: Measured) -> None:
    kept = save([found])
    sys.stdout.write(
        f"{_title(found)}: {found.observations} fragments, "
        f"half of them predicted within {found.error:.2f}x{'' if kept else '; not kept'}\n"
    )


def _title(found: Measured) -> str:
    return f"{found.platform} {found.version}" + (f" at {found.place}" if found.place else "")


def _table(found: Measured, assumed: CostProfile | None) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{_title(found)}, measured {found.day}",
        title_justify="left",
    )
    for column in ("rate", "ns each", "assumed", "ratio", "what"):
        table.add_column(column, justify="right" if column in _NUMBERS else "left")
    meanings = {quantity.name: quantity.meaning for quantity in QUANTITIES}
    order = list(meanings)
    for name in sorted(found.rates, key=lambda n: (order.index(n.partition(".")[0]), n)):
        rate, base = found.rates[name], name.partition(".")[0]
        known = assumed.rate(name) if assumed is not None and base not in _MOVES else None
        ratio = f"{rate / known:.2f}" if known else ""
        table.add_row(name, _nanoseconds(rate), _nanoseconds(known), ratio, meanings[base])
    return table


_NUMBERS = ("ns each", "assumed", "ratio")
_MOVES = ("move", "move_byte")


def _nanoseconds(rate: float | None) -> str:
    return "" if rate is None else f"{rate * 1e9:,.3g}" if rate < 1e-6 else f"{rate * 1e9:,.0f}"


def _assumed(kind: str) -> CostProfile | None:
    """Return what is assumed of a kind of platform where nothing was measured."""
    from wayfed.calibration.defaults import assumed_of

    return assumed_of(kind)
