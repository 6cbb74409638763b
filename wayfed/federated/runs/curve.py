"""A run's learning curve as inline SVG: nothing to install, and it stays in a saved notebook."""

from __future__ import annotations

from html import escape
from math import isnan
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDTH: Final = 560
_HEIGHT: Final = 220
_LEFT: Final = 52
_RIGHT: Final = 84
_TOP: Final = 14
_BOTTOM: Final = 28
_COLORS: Final = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a")
_TICKS: Final = 4


def learning_curve(lines: Mapping[str, Sequence[float]], *, title: str) -> str:
    """Draw each line over rounds 1, 2, ….

    Parameters
    ----------
    lines
        A value a round, by the line's name; NaN leaves a gap.
    title
        What stands above.

    Examples
    --------
    >>> learning_curve({"auc": [0.5, 0.7]}, title="held-out rows")[:4]
    '<svg'
    """
    values = [v for line in lines.values() for v in line if not isnan(v)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high == low:
        low, high = low - 0.5, high + 0.5
    rounds = max((len(line) for line in lines.values()), default=1)

    def x(number: int) -> float:
        share = (number - 1) / (rounds - 1) if rounds > 1 else 0.5
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="11" '
        f'role="img"><title>{escape(title)}</title>'
    ]
    for tick in range(_TICKS + 1):
        value = low + (high - low) * tick / _TICKS
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="#d0d7de" stroke-width="0.6"/><text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" '
            f'text-anchor="end" fill="#57606a">{value:.4g}</text>'
        )
    for number in sorted({1, rounds}):
        parts.append(
            f'<text x="{x(number):.1f}" y="{_HEIGHT - 10}" text-anchor="middle" '
            f'fill="#57606a">round {number}</text>'
        )
    for position, (name, line) in enumerate(lines.items()):
        color = _COLORS[position % len(_COLORS)]
        points = [(x(n), y(v)) for n, v in enumerate(line, start=1) if not isnan(v)]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.8"/>')
        if points:
            parts.append(
                f'<circle cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="2.5" '
                f'fill="{color}"/><text x="{_WIDTH - _RIGHT + 8}" y="{points[-1][1] + 4:.1f}" '
                f'fill="{color}">{escape(name)}</text>'
            )
    return "".join([*parts, "</svg>"])
