"""Arrays that stay where they are: one set at each party, of which only the shape is known here."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NoReturn

from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.parties.policy import Role
from wayfed.federated.rounds.binding import bind_plan, named_parties
from wayfed.federated.rounds.guard import GuardedGrid
from wayfed.federated.rounds.joining import bind_arrivals
from wayfed.federated.wire import flower_process, question, read_json
from wayfed_optimizer.errors import (
    ColumnNotFound,
    InvalidOption,
    PartyError,
    PolicyViolation,
    Unsupported,
)
from wayfed_optimizer.types import BOOL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from wayfed.arrays import Arrays
    from wayfed.explain import Explanation
    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.parties.party import Party
    from wayfed.federated.privacy.account import PrivacyPolicy
    from wayfed.federated.rounds.binding import BoundParties
    from wayfed_optimizer.types import Schema


class FederatedArrays:
    """What `to_numpy` gives in a federated context: arrays at each party, not their values.

    Every party has bound the plan; it makes its arrays when a run first needs them, and keeps them
    for the next run.

    Parameters
    ----------
    schema
        The columns that every party's arrays have.
    plan
        The plan, as it travels.
    runner
        How the parties are reached where nothing else is said.
    reach
        Opens a session with every party, by a runner.
    """

    __slots__ = ("_bound", "_grids", "_lock", "_plan", "_reach", "_runner", "_training", "schema")

    def __init__(
        self, schema: Schema, plan: bytes, runner: str, reach: Callable[[str], PartyGrid]
    ) -> None:
        self.schema = schema
        self._plan = plan
        self._runner = runner
        self._reach = reach
        self._lock = Lock()
        self._grids: dict[str, PartyGrid] = {}
        self._training: list[PartyGrid] = []
        self._bound: BoundParties
        self._opened(runner)

    @property
    def parties(self) -> tuple[str, ...]:
        """The parties that have bound the plan, by name."""
        return self._bound.parties

    @property
    def left_out(self) -> dict[str, str]:
        """The parties that have not, and why."""
        return dict(self._bound.left_out)

    def explain(self, party: str | None = None, *, analyze: bool = False) -> Explanation:
        """Return how a party, by default the first, runs the plan; not where, nor by which queries.

        Parameters
        ----------
        party
            Whose plan.
        analyze
            Whether the party runs it, and tells what took how long.

        Raises
        ------
        InvalidOption
            Where there is no such party.
        PartyError
            Where it does not answer.
        """
        name = self.parties[0] if party is None else party
        if name not in self.parties:
            raise InvalidOption.unknown(name, self.parties, of="the federation's parties")
        return self.explanation(name, analyze=analyze)

    def explanation(
        self, party: str, *, stage: str = "physical", analyze: bool, alternatives: bool = False
    ) -> Explanation:
        """Return what a party tells of its plan; see `wayfed.dataset.Dataset.explain`."""
        from wayfed.explain.wire import from_plain
        from wayfed.federated.parties.session import EXPLAIN
        from wayfed.federated.releases import ReleaseKind

        asked = {"stage": stage, "analyze": analyze, "alternatives": alternatives}
        with flower_process():
            guarded = GuardedGrid(self._opened(self._runner))
            for other in self.parties:
                if other != party:
                    guarded.leave_out(other)
            answers = guarded.ask(question(asked), EXPLAIN)
        return from_plain(read_json(answers[party], ReleaseKind.EXPLANATION))

    # What a run asks of its participants.

    def require(self, columns: Iterable[str]) -> None:
        """Raise ColumnNotFound where the arrays have no such column."""
        for column in columns:
            if column not in self.schema:
                raise ColumnNotFound(column, self.schema.names, of="the parties' arrays")

    def features(self, beside: Sequence[str]) -> tuple[str, ...]:
        """Return the columns that some party's policy does not keep from being features."""
        return tuple(
            name
            for name in self.schema.names
            if name not in beside and self._role(name) is Role.FEATURE
        )

    def check_features(self, names: Sequence[str]) -> None:
        """Raise PolicyViolation where a column is none by the policy of some party."""
        for name in names:
            role = self._role(name)
            if role is not Role.FEATURE:
                parties = named_parties(self._bound.decided_by[name])
                raise PolicyViolation(
                    f"'{name}' is a {role.value} by the policy of {parties}, and no feature",
                    hint=f"leave it out of features=, or out of the plan: .drop('{name}')",
                )

    def bools(self, names: Sequence[str]) -> list[str]:
        """Return those of `names` that hold yes or no."""
        return [name for name in names if self.schema[name].type == BOOL]

    @property
    def plan(self) -> str:
        """The plan, as it travels."""
        return self._plan.decode()

    def types(self, names: Sequence[str]) -> dict[str, str]:
        """Return the types of these columns."""
        return {name: str(self.schema[name].type) for name in names}

    def grid(
        self,
        runner: str | None,
        *,
        threads: int | None,
        features: int,
        paying: PrivacyPolicy | None = None,
    ) -> PartyGrid:
        """Return what carries messages to the parties; opened once, and kept.

        Raises
        ------
        PartyError
            Where another run trains on these arrays: a party answers one question at a time.
        """
        grid = self._opened(runner or self._runner)
        with self._lock:
            if grid in self._training:
                raise PartyError(
                    "another run trains on these arrays",
                    hint="wait for its end, or train on arrays of your own: dataset.to_numpy()",
                )
            self._training.append(grid)
        return grid

    def done(self, grid: PartyGrid) -> None:
        """Keep the grid for the next run."""
        with self._lock:
            self._training.remove(grid)

    def clients(
        self, make: Callable[[str, Arrays], Party], min_rows: int
    ) -> tuple[list[Party], dict[str, int]]:
        """Return parties that answer by code of the user's own; in this process only."""
        grid = self._opened("local")
        if not isinstance(grid, LocalGrid):
            raise Unsupported(
                "code of your own",
                reason="parties of other organisations run what they have installed",
                hint="wf.models.custom('name'), with the model installed at the parties",
            )
        made, rows = [], {}
        for party in grid.seated:
            arrays = _rows_of(party)
            rows[party.name] = arrays.rows
            made.append(make(party.name, arrays))
        return made, rows

    def _opened(self, runner: str) -> PartyGrid:
        with self._lock:
            grid = self._grids.get(runner)
            if grid is None:
                grid = self._reach(runner)
                with flower_process():
                    bound = bind_plan(GuardedGrid(grid), self._plan)
                self._grids[runner] = grid
                if runner == self._runner:
                    self._bound = bound
            else:
                with flower_process():
                    bind_arrivals(GuardedGrid(grid), self._plan.decode())
            return grid

    def _role(self, name: str) -> Role:
        return self._bound.roles.get(name, Role.FEATURE)

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


def _rows_of(party: Party) -> Arrays:
    try:
        return party.rows()
    except PartyError as error:
        raise PartyError(error.message, party=party.name, hint=error.hint) from error
