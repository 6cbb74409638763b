"""A row as a Python function sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wayfed_optimizer.errors import ColumnNotFound


class Row(Mapping[str, Any]):
    """The values of one row, by name: ``row.amount``, ``row["amount"]``, ``{**row}``.

    Examples
    --------
    >>> row = Row({"amount": 3})
    >>> row.amount, {**row, "twice": row["amount"] * 2}
    (3, {'amount': 3, 'twice': 6})
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise ColumnNotFound(name, self._values, of="the row") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Row({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"
