"""Arrays that stay where they are: one set at each party, of which only the shape is known here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from wayfed_optimizer.errors import ColumnNotFound, InvalidOption, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wayfed.arrays import Arrays
    from wayfed.explain import Explanation
    from wayfed.federated.parties.policy import Role
    from wayfed_optimizer.types import Schema


class FederatedArrays:
    """What `to_numpy` gives in a federated context: arrays at each party, not their values.

    Parameters
    ----------
    schema
        The columns that every party's arrays have.
    roles
        What each column may be used for, by the strictest of the parties' policies.
    held
        The arrays, by party; never shown.
    explanations
        By party, what explains how it runs the plan.
    min_rows
        By party, the least number of training rows with which it takes part.
    """

    __slots__ = ("_explanations", "_held", "min_rows", "roles", "schema")

    def __init__(
        self,
        schema: Schema,
        roles: Mapping[str, Role],
        held: Mapping[str, Arrays],
        explanations: Mapping[str, Callable[[], Explanation]],
        min_rows: Mapping[str, int],
    ) -> None:
        self.schema = schema
        self.roles = roles
        self.min_rows = min_rows
        self._held = held
        self._explanations = explanations

    @property
    def parties(self) -> tuple[str, ...]:
        """The parties, by name."""
        return tuple(sorted(self._held))

    def explain(self, party: str | None = None) -> Explanation:
        """Return how a party, by default the first, runs the plan; not where, nor by which queries.

        Raises
        ------
        InvalidOption
            Where there is no such party.
        """
        name = self.parties[0] if party is None else party
        if name not in self._explanations:
            raise InvalidOption.unknown(name, self.parties, of="the federation's parties")
        return self._explanations[name]()

    def held(self) -> Mapping[str, Arrays]:
        """Return the parties' arrays: for the grid that trains on them, and nobody else."""
        return self._held

    def __getitem__(self, name: str) -> NoReturn:
        if name not in self.schema:
            raise ColumnNotFound(name, self.schema.names)
        self._refuse(f"reading '{name}'")

    def __iter__(self) -> Iterator[str]:
        self._refuse("iterating over the values")

    def __array__(self, *_: object, **__: object) -> NoReturn:
        self._refuse("a numpy array of them")

    def matrix(self, *_: object, **__: object) -> NoReturn:
        """Refuse: there is no matrix of rows that stay with their owners."""
        self._refuse("matrix()")

    def _refuse(self, what: str) -> NoReturn:
        raise Unsupported(
            what,
            "federated arrays",
            "the rows stay with the parties",
            hint="train on them with ctx.run_federated(arrays, label=…, model=…, rounds=…)",
        )

    def __repr__(self) -> str:
        columns = ", ".join(map(str, self.schema))
        return f"FederatedArrays at {', '.join(self.parties)}\n  {columns}"
