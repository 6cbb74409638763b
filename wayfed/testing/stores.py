"""The tests of a store: what is written to it comes back, or is refused before anything is.

A store is certified as a platform is, by one fixture and by taking the test in::

    @pytest.fixture(scope="session")
    def store_under_test():
        with wayfed.context() as context:
            yield StoreUnderTest("mine", context, round_trip)

    from wayfed.testing.stores import *
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from wayfed.testing.cases.stored import STORED, Stored
from wayfed_optimizer.appending import holds
from wayfed_optimizer.errors import WayfedError
from wayfed_optimizer.types import Schema, parse_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed.dataset import Dataset
    from wayfed.local import Context

__all__ = ["StoreUnderTest", "test_what_is_stored_comes_back"]


@dataclass(frozen=True, slots=True, eq=False)
class StoreUnderTest:
    """A store, and how rows get into it and out of it.

    Parameters
    ----------
    name
        For people.
    context
        Where plans are made.
    round_trip
        Writes a dataset under a name that nothing there has, and reads it from there.
    refuses
        What the error says that refuses a case, by the case's text (``text: a zero``) or type;
        by a type's name alone for all of its parameters. The error names the column too.
    """

    name: str
    context: Context
    round_trip: Callable[[str, Dataset], Dataset]
    refuses: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def refusal(self, case: Stored) -> str | None:
        """Return what is said where a case is refused, and None where it is not."""
        names = (str(case), case.type, parse_type(case.type).name)
        return next((self.refuses[name] for name in names if name in self.refuses), None)


@pytest.mark.parametrize("case", STORED, ids=str)
def test_what_is_stored_comes_back(case: Stored, store_under_test: StoreUnderTest) -> None:
    """Rows come back as they were, in a type that holds them, or the error names the remedy."""
    import pyarrow as pa

    from wayfed_arrow import arrow_schema

    store = store_under_test
    kind = parse_type(case.type)
    target = arrow_schema(Schema.of(id="int64", x=kind))
    columns = [range(len(case.values)), case.values]
    rows = pa.table(
        [pa.array(column, f.type) for column, f in zip(columns, target, strict=True)], target
    )
    name = f"stored_{STORED.index(case)}"
    refusal = store.refusal(case)
    if refusal is not None:
        with pytest.raises(WayfedError, match=refusal):
            store.round_trip(name, store.context.read(rows)).to_arrow()
        return
    back = store.round_trip(name, store.context.read(rows))
    assert holds(back.schema["x"].type, kind), f"{kind} came back as {back.schema['x'].type}"
    assert back.sort("id").to_arrow().cast(target).to_pylist() == _comparable(rows.to_pylist())


class _NaN:
    """Equal to NaN."""

    def __eq__(self, other: object) -> bool:
        return other != other  # noqa: PLR0124  # NaN is what is not itself

    def __hash__(self) -> int:
        return 0


def _comparable(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{n: _NaN() if v != v else v for n, v in row.items()} for row in rows]  # noqa: PLR0124
