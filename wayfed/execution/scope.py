"""What fragments have handed out: once for the whole run, and anew in each iteration of a loop."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from wayfed_optimizer.physical import Exchange
    from wayfed_optimizer.platform import Conversion


class Scope:
    """The values of fragments in one iteration of a loop; the outermost is that of the run.

    Parameters
    ----------
    outer
        The scope around the loop.
    variable, rows
        The loop's variable, and its current rows.
    """

    def __init__(
        self, outer: Scope | None = None, variable: str | None = None, rows: pa.Table | None = None
    ) -> None:
        self.values: dict[str, Any] = {}
        self._outer = outer
        self._variable = variable
        self._rows = rows
        self._kept: dict[tuple[object, ...], Any] = {}
        self._lock = Lock()

    def rows(self, variable: str) -> pa.Table:
        """Return the current rows of a loop around this scope."""
        scope = self
        while scope._variable != variable:
            assert scope._outer is not None  # noqa: S101  # a fragment runs inside its loops only
            scope = scope._outer
        return scope._rows

    def holder(self, fragment: str) -> Scope:
        """Return the scope in which a fragment ran: this one, or one around it."""
        scope = self
        while fragment not in scope.values:
            assert scope._outer is not None  # noqa: S101  # what is read ran before
            scope = scope._outer
        return scope

    def kept(self, exchange: Exchange, convert: Callable[[Conversion, Any], Any]) -> Any:
        """Return what a fragment of this scope gave, converted once and kept in this scope.

        Each form on its way that can be read again is kept; what follows the last one is done
        again each time.
        """
        targets = tuple(conversion.target for conversion in exchange.conversions)
        with self._lock:
            at, value = 0, self.values[exchange.fragment]
            for done in range(len(targets), 0, -1):
                key = (exchange.fragment, *targets[:done])
                if key in self._kept:
                    at, value = done, self._kept[key]
                    break
            for number, conversion in enumerate(exchange.conversions[at:], at + 1):
                value = convert(conversion, value)
                if conversion.target.reusable:
                    self._kept[exchange.fragment, *targets[:number]] = value
            return value
