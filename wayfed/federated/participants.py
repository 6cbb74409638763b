"""Who takes part in a run, and what is known of their arrays before they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn, Protocol

from wayfed.arrays import Arrays, PartitionedArrays
from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.parties.learning import learning_party
from wayfed.federated.parties.rules import Rules
from wayfed.federated.privacy.account import Account
from wayfed_arrow.types import from_arrow_type
from wayfed_optimizer.errors import ColumnNotFound, InvalidOption, Unsupported, WayfedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import ExitStack

    import pyarrow as pa

    from wayfed.explain import Explanation
    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.parties.party import Party
    from wayfed.federated.privacy.account import PrivacyPolicy


class Participants(Protocol):
    """The parties of a run, wherever their arrays are."""

    @property
    def plan(self) -> str | None:
        """The plan that made the arrays, as it travels; None where they were given."""
        ...

    def types(self, names: Sequence[str]) -> dict[str, str]:
        """Return the types of these columns, as a schema writes them."""
        ...

    def explain(self, party: str | None = None, *, analyze: bool = False) -> Explanation:
        """Return how a party, by default the first, runs the plan."""
        ...

    def require(self, columns: Iterable[str]) -> None:
        """Raise ColumnNotFound where no party has one of these columns."""
        ...

    def features(self, beside: Sequence[str]) -> tuple[str, ...]:
        """Return the columns to learn from where nobody named them: all but those of `beside`."""
        ...

    def check_features(self, names: Sequence[str]) -> None:
        """Raise PolicyViolation where one of these must be no feature."""
        ...

    def bools(self, names: Sequence[str]) -> list[str]:
        """Return those of `names` that hold yes or no."""
        ...

    def grid(
        self,
        runner: str | None,
        *,
        threads: int | None,
        features: int,
        paying: PrivacyPolicy | None = None,
    ) -> PartyGrid:
        """Return what carries messages to the parties.

        Parameters
        ----------
        runner, threads
            As in `wayfed.federated.run.run_federated`.
        features
            How wide a row is.
        paying
            How a private run is paid for by parties that have no policy of their own.
        """
        ...

    def done(self, grid: PartyGrid) -> None:
        """Let go of a grid when a run has ended."""
        ...

    def clients(
        self, make: Callable[[str, Arrays], Party], min_rows: int
    ) -> tuple[list[Party], dict[str, int]]:
        """Return parties that answer by code of the user's own, and how many rows each has."""
        ...


class GivenArrays:
    """Parties whose arrays are here: each value of a column is one, or they were given by name.

    Parameters
    ----------
    parties
        Arrays by party.
    min_rows
        The least number of training rows that a party needs.
    """

    def __init__(self, parties: Mapping[str, Arrays], min_rows: int) -> None:
        self._parties = parties
        self._min_rows = min_rows
        self._rules = Rules(min_rows)
        self._processes: dict[int, ExitStack] = {}

    def require(self, columns: Iterable[str]) -> None:
        """Raise where no party has a column; one that only some lack is said when they bind."""
        for column in columns:
            if not any(column in arrays for arrays in self._parties.values()):
                raise ColumnNotFound(column, self._first, of="the parties' arrays")

    def features(self, beside: Sequence[str]) -> tuple[str, ...]:
        """Return all columns but those of `beside`, and the one that the arrays are parted by."""
        by = [self._parties.by] if isinstance(self._parties, PartitionedArrays) else []
        return tuple(name for name in self._first if name not in (*beside, *by))

    def check_features(self, names: Sequence[str]) -> None:
        """Allow all: the arrays are the user's own."""

    def bools(self, names: Sequence[str]) -> list[str]:
        """Return those of `names` that hold yes or no."""
        from pyarrow import types

        arrays = self._parties.values()
        schema = next((a for a in arrays if all(n in a for n in names)), self._first).schema
        return [name for name in names if types.is_boolean(schema.field(name).type)]

    @property
    def plan(self) -> None:
        """None: whatever made the arrays is over."""
        return

    def explain(self, party: str | None = None, *, analyze: bool = False) -> NoReturn:
        """Refuse: whatever made the arrays is over."""
        raise Unsupported(
            "explain()",
            reason="the parties were given arrays, and no plan",
            hint="dataset.explain()",
        )

    def types(self, names: Sequence[str]) -> dict[str, str]:
        """Return the types of these columns where a party's arrays have them."""
        arrays = self._parties.values()
        schema = next((a for a in arrays if all(n in a for n in names)), self._first).schema
        return {name: _type_name(schema.field(name)) for name in names}

    def grid(
        self,
        runner: str | None,
        *,
        threads: int | None,
        features: int,
        paying: PrivacyPolicy | None = None,
    ) -> PartyGrid:
        """Return a grid in this process, or to processes that have been handed the arrays."""
        if runner == "processes":
            from wayfed.federated.grids.handed import handed_over

            apart, ending = handed_over(self._parties, self._min_rows, paying)
            self._processes[id(apart)] = ending
            return apart
        if runner not in (None, "local"):
            raise Unsupported(
                f"runner={runner!r}",
                reason="these arrays are on this machine, and so are their parties",
                available=("local", "processes"),
                hint="a federated context has parties elsewhere",
            )
        grid = LocalGrid(
            [
                learning_party(name, arrays, self._rules_of(name, paying))
                for name, arrays in self._parties.items()
            ],
            threads=threads,
        )
        rows = [arrays.rows for arrays in self._parties.values()]
        where_a_row_lies = sum(n * n for n in rows) / max(1, sum(rows))
        grid.expect(int(where_a_row_lies * features))
        return grid

    def _rules_of(self, name: str, paying: PrivacyPolicy | None) -> Rules:
        if paying is None:
            return self._rules
        return Rules(self._min_rows, account=Account({name: 1.0}, paying))

    def done(self, grid: PartyGrid) -> None:
        """Forget the parties, and end their processes where they have some."""
        grid.close()
        if (ending := self._processes.pop(id(grid), None)) is not None:
            ending.close()

    def clients(
        self, make: Callable[[str, Arrays], Party], min_rows: int
    ) -> tuple[list[Party], dict[str, int]]:
        """Return parties that answer by code of the user's own, and how many rows each has."""
        rows = {name: arrays.rows for name, arrays in self._parties.items()}
        enough = [name for name in rows if rows[name] >= min_rows]
        return [make(name, self._parties[name]) for name in enough], rows

    @property
    def _first(self) -> Arrays:
        return self._parties[min(self._parties)]


def _type_name(field: pa.Field) -> str:
    try:
        return str(from_arrow_type(field.type, field.name))
    except WayfedError:  # arrays may be of a type that no plan gives
        return str(field.type)


def participants_of(parties: object, min_rows: int = 1) -> Participants:
    """Return the participants that are meant by arrays by party.

    Raises
    ------
    InvalidOption
        These are not arrays by party.
    """
    from wayfed.federated.arrays import FederatedArrays

    if isinstance(parties, FederatedArrays | GivenArrays):
        return parties
    if isinstance(parties, Arrays):
        raise InvalidOption(
            "these arrays are of one party",
            hint="arrays.partition_by('column') makes each of its values a party",
        )
    if hasattr(parties, "to_numpy") and hasattr(parties, "relation"):
        raise InvalidOption(
            "a dataset has no arrays before it runs",
            hint="dataset.to_numpy(), in a local context followed by .partition_by('…')",
        )
    if not isinstance(parties, Mapping) or not parties:
        raise InvalidOption("a federation needs at least one party's arrays, by name")
    return GivenArrays(parties, min_rows)
