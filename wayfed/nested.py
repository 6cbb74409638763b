"""Methods of a column that holds lists or structs."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from wayfed_optimizer.errors import PlanError
from wayfed_optimizer.expressions import Expression, Member

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed.columns import Column, Value


class NestedMethods:
    """Methods of `Column` that look into its values."""

    __slots__ = ()

    @abstractmethod
    def _apply(self, function: str, *operands: object) -> Column:
        """Compute a function of the table from this column."""

    @abstractmethod
    def _computed(self, build: Callable[[Expression], Expression], text: str) -> Column:
        """Compute an expression from this column's."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The expression as one would write it."""

    def __getitem__(self, key: int | str) -> Column:
        """Take an element of a list, counted as Python does, or a field of a struct.

        ``t.tags[0]`` is the first element and ``t.tags[-1]`` the last; it is NULL where there are
        not so many. ``t.place["lat"]`` is the field called lat.
        """
        if isinstance(key, str):
            return self.field(key)
        if isinstance(key, bool) or not isinstance(key, int):
            raise PlanError(
                f"'{self.text}' cannot be indexed with {key!r:.40}",
                hint="an int takes an element of a list, a str a field of a struct;"
                " .element(position) takes a column's value for the position, from 1 on",
            )
        return self.element(key + 1 if key >= 0 else key)

    def element(self, position: Value) -> Column:
        """Take the element of a list at a position: from 1 on as in SQL, or -1 for the last."""
        return self._apply("element", position)

    def list_length(self) -> Column:
        """Count the elements of a list, NULLs among them."""
        return self._apply("list_length")

    def list_contains(self, value: Value) -> Column:
        """Whether an element of a list equals `value`."""
        return self._apply("list_contains", value)

    def list_sort(self) -> Column:
        """Sort each list upwards, NULLs last."""
        return self._apply("list_sort")

    def field(self, name: str) -> Column:
        """Take the field of a struct that has a name; NULL where the struct is."""
        found = self._computed(lambda arg: Member(arg, name), f"{self.text}.{name}")
        return found.alias(name)
