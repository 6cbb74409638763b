"""The picture of the results: how good choices and predictions are, beside their goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.use("svg")

GOAL = {"color": "tab:red", "linewidth": 1, "linestyle": "--"}


def draw(found: Mapping[str, Any], file: Path) -> None:
    """Draw what there are results of."""
    panels: list[tuple[Callable[[Axes, list[dict[str, Any]]], None], list[dict[str, Any]]]] = [
        (draw_panel, found[part]["lines"])
        for part, draw_panel in PANELS.items()
        if found.get(part, {}).get("lines")
    ]
    figure = Figure(figsize=(6 * max(1, len(panels)), 4.2), layout="constrained")
    for place, (draw_panel, lines) in enumerate(panels, 1):
        draw_panel(figure.add_subplot(1, len(panels), place), lines)
    figure.savefig(file, metadata={"Date": None})


def _choice(axes: Axes, lines: list[dict[str, Any]]) -> None:
    """Draw the regret of each case, the worst first, and what fixed policies are worth."""
    regrets = sorted((line["regret"] for line in lines if "regret" in line), reverse=True)
    axes.bar(range(len(regrets)), [regret - 1 for regret in regrets], bottom=1, width=1.0)
    axes.axhline(2.0, **GOAL)
    summary = lines[-1]
    policies = ", ".join(
        f"{policy} {share:.0%}" for policy, share in summary["policies_right"].items()
    )
    axes.set_title(
        f"choice: regret of {summary['cases']} cases, "
        f"geometric mean {summary['geometric_mean_regret']}\n"
        f"right: free {summary['right']:.0%}, {policies}",
        fontsize=9,
    )
    axes.set_ylabel("time of the free choice / best placement")


def _calibration(axes: Axes, lines: list[dict[str, Any]]) -> None:
    """Draw the q-errors of each platform, calibrated and not."""
    kinds = {kind: each for line in lines[:-1] for kind, each in line.items()}
    for shift, how in ((-0.2, "not_calibrated"), (0.2, "held_out")):
        for place, each in enumerate(kinds.values()):
            color = "tab:blue" if how == "held_out" else "tab:gray"
            quantiles = each[how]["median"], each[how]["p95"]
            axes.plot([place + shift] * 2, quantiles, color=color, marker="o")
    for goal in lines[-1]["goals"].values():
        axes.axhline(goal, **GOAL)
    axes.set_xticks(range(len(kinds)), list(kinds))
    axes.set_yscale("log")
    axes.set_ylabel("q-error of fragment seconds: median, 95th percentile")
    axes.set_title("calibration: assumed (gray), held-out half (blue)", fontsize=9)


PANELS: Mapping[str, Callable[[Axes, list[dict[str, Any]]], None]] = {
    "choice": _choice,
    "calibration": _calibration,
}
