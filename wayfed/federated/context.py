"""The federated context: plans over published tables, bound and run by each party for itself."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn, Self
from weakref import WeakSet

from wayfed.catalog import TableInfo
from wayfed.display import Listing
from wayfed.federated.arrays import FederatedArrays
from wayfed.federated.dataset import FederatedDataset
from wayfed.federated.grids.processes import DOORS, ProcessRunner
from wayfed.federated.grids.runners import HubRunner, LocalRunner
from wayfed.federated.grids.superlink.place import SuperLinkRunner
from wayfed.federated.listing import PartyInfo, look
from wayfed.federated.parties.configuration import load_federation
from wayfed.federated.parties.member import Member
from wayfed.training import Training
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import (
    InvalidOption,
    PlanError,
    TableNotFound,
    Unsupported,
)
from wayfed_optimizer.relations import Read, Relation
from wayfed_optimizer.wire import from_wire, to_wire

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from wayfed.explain import Explanation
    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.grids.runners import Runner
    from wayfed.federated.participants import Participants
    from wayfed.federated.statistics.description import FederatedDescription
    from wayfed_optimizer.platform import TargetRequest


class FederatedContext(Training):
    r"""Plans against the published schema of a federation and trains over its parties.

    Made by ``wf.context(env="federated", parties=…)``. A plan travels as versioned JSON that names
    published tables only; each party binds it to its own catalog, checks it against its policy,
    and optimizes it for its own engines.

    Parameters
    ----------
    parties
        The path of a parties.toml, or what would stand in it: parties that are simulated here.
        Or of a federation.toml, for parties elsewhere.
    optimize_for
        ``time`` or ``bytes``, at each party.

    Examples
    --------
    >>> import tempfile, pathlib, wayfed as wf
    >>> directory = tempfile.TemporaryDirectory()
    >>> for bank in ("a", "b"):
    ...     path = pathlib.Path(directory.name, f"{bank}.csv")
    ...     _ = path.write_text("id,amount\n1,2.5\n2,4.0\n")
    >>> with wf.context(env="federated", parties={
    ...     "schema": {"tx": {"id": "int64", "amount": "float64"}},
    ...     "party": {
    ...         bank: {"tables": {"tx": {"source": f"{directory.name}/{bank}.csv"}}}
    ...         for bank in ("a", "b")
    ...     },
    ... }) as ctx:
    ...     ctx.read("tx").filter(lambda t: t.amount > 3).to_numpy()
    FederatedArrays at a, b
      id int64, amount float64
    >>> directory.cleanup()
    """

    def __init__(
        self,
        parties: str | os.PathLike[str] | Mapping[str, Any],
        *,
        optimize_for: str = "time",
    ) -> None:
        federation = load_federation(parties)
        self._federation = federation
        self._runs_place = federation.runs
        self._closed = False
        self._names = 0
        self._lock = Lock()
        self._training: WeakSet[CancellationToken] = WeakSet()
        self._members = tuple(
            Member.of(name, party, federation.published, optimize_for=optimize_for)
            for name, party in federation.parties.items()
        )
        self._hub: HubRunner | None = None
        self._superlink: SuperLinkRunner | None = None
        self._runners: dict[str, Runner]
        if federation.coordinator is not None and federation.identity is not None:
            self._hub = HubRunner(federation.coordinator, federation.identity)
            self._runners = {"grpc": self._hub}
        elif federation.superlink is not None:
            self._superlink = SuperLinkRunner(federation.superlink)
            self._runners = {"flower": self._superlink}
        else:
            self._runners = {
                "local": LocalRunner(self._members),
                **{
                    runner: ProcessRunner(federation, door, optimize_for=optimize_for)
                    for runner, door in DOORS.items()
                },
            }
        self._default_runner = next(iter(self._runners))

    def read(self, source: str, **options: Any) -> FederatedDataset:
        """Return a published table as a dataset; each party has rows of its own in it.

        Raises
        ------
        TableNotFound
            Where nothing of that name is published.
        """
        self._require_open()
        if not isinstance(source, str) or options:
            raise Unsupported(
                f"reading {source!r:.60}",
                "a federated context",
                "plans here name published tables, and nothing else",
                available=tuple(self._federation.published),
            )
        return self.dataset(self._relation(source))

    def sql(self, query: str) -> FederatedDataset | Explanation:
        """Return what a query over published tables means."""
        from wayfed_sql import parse_query, split_explain

        self._require_open()
        mode, text = split_explain(query)
        dataset = self.dataset(parse_query(text, self._relation))
        return dataset if mode is None else dataset.explain(analyze=mode == "analyze")

    def _relation(self, name: str) -> Relation:
        published = self._federation.published
        if name not in published:
            raise TableNotFound(name, published, of="the published schema")
        return Read(name, published[name])

    def register(self, *_: object, **__: object) -> NoReturn:
        """Refuse: the parties' catalogs are their own."""
        raise Unsupported(
            "register()",
            "a federated context",
            "the published schema is the federation's",
            hint="add tables to parties.toml",
        )

    def tables(self) -> Listing[TableInfo]:
        """List the published tables."""
        return Listing(
            "published table",
            tuple(
                TableInfo(name, "published", self._federation.keys.get(name, ()), schema.names)
                for name, schema in self._federation.published.items()
            ),
        )

    def parties(self, *, check: bool = False) -> Listing[PartyInfo]:
        """List the parties, what they have and insist on; of those elsewhere, who is there now.

        Of parties elsewhere it is known who is there and, but for a SuperLink, what tables they
        have; their rules they tell when they are asked.

        Parameters
        ----------
        check
            Whether they are asked what of their tables does not fit the published ones, and what
            their rules are.

        Raises
        ------
        PartyError
            Where their coordinator does not answer, or refuses.
        """
        self._require_open()
        if self._hub is not None:
            self._hub.desk.require_place()
            present = self._hub.desk.present
            found = tuple(PartyInfo(n, p.tables, p.min_rows) for n, p in present.items())
        elif self._superlink is not None:
            found = tuple(PartyInfo(n, (), 1) for n in sorted(self._superlink.present()))
        else:
            found = tuple(
                PartyInfo(m.name, m.tables, m.policy.min_rows, m.policy.in_words())
                for m in self._members
            )
        if check and found:
            told = look(self._reach(self._default_runner), self._federation.published)
            found = tuple(told.get(each.name, each) for each in found)
        return Listing("party", found)

    def arrays(self, relation: Relation) -> FederatedArrays:
        """Let every party bind a plan; see `FederatedDataset.to_numpy`."""
        self._require_open()
        plan = self._plan(relation)
        return FederatedArrays(relation.schema, plan, self._default_runner, self._reach)

    def planned(self, plan: bytes) -> FederatedArrays:
        """Let every party bind a plan that was written down."""
        self._require_open()
        return FederatedArrays(from_wire(plan).schema, plan, self._default_runner, self._reach)

    def count(self, relation: Relation, *, deadline: float | None = None) -> int:
        """Ask every party how many rows a plan gives; see `FederatedDataset.count`."""
        from wayfed.federated.statistics.asking import count_rows

        grid = self._reach(self._default_runner)
        return count_rows(grid, self._plan(relation), deadline=deadline)

    def describe(
        self,
        relation: Relation,
        *,
        quantiles: Sequence[float],
        top: int,
        min_count: int,
        histograms: Mapping[str, Sequence[float]],
        partly: bool,
        deadline: float | None = None,
    ) -> FederatedDescription:
        """Ask every party for statistics of a plan's rows; see `FederatedDataset.describe`."""
        from wayfed.federated.statistics.asking import describe_rows

        return describe_rows(
            self._reach(self._default_runner),
            self._plan(relation),
            relation.schema,
            quantiles=quantiles,
            top=top,
            min_count=min_count,
            histograms=histograms,
            partly=partly,
            deadline=deadline,
        )

    def _plan(self, relation: Relation) -> bytes:
        return to_wire(relation, names=tuple(self._federation.published))

    def participants(self, arrays: object) -> Participants:
        """Return who takes part in a run over arrays."""
        self._require_open()
        if not isinstance(arrays, FederatedArrays):
            raise InvalidOption(
                f"a federated run takes what to_numpy() gave, not a {type(arrays).__name__}",
                hint="arrays = ctx.read(…).to_numpy()",
            )
        return arrays

    def new_token(self) -> CancellationToken:
        """Return a token that closing this context cancels."""
        token = CancellationToken()
        with self._lock:
            self._require_open()
            self._training.add(token)
        return token

    def _reach(self, runner: str) -> PartyGrid:
        self._require_open()
        if runner not in self._runners:
            raise Unsupported(
                f"runner={runner!r}",
                reason="its parties are elsewhere"
                if not self._members
                else "its parties are simulated here",
                available=tuple(self._runners),
                hint=f"runner='{self._default_runner}'",
            )
        return self._runners[runner].open()

    @property
    def platform_names(self) -> tuple[str, ...]:
        """The platforms that every party has: what `Dataset.on` takes here.

        None where the parties are elsewhere: their engines are their own.
        """
        if not self._members:
            return ()
        names = [set(member.context.platform_names) for member in self._members]
        return tuple(sorted(set.intersection(*names)))

    def dataset(self, relation: Relation) -> FederatedDataset:
        """Return a dataset of this context for a plan."""
        return FederatedDataset(self, relation)

    def declared_keys(self, table: str) -> tuple[tuple[str, ...], ...]:
        """Return the key that the federation declares for a published table."""
        key = self._federation.keys.get(table)
        return (key,) if key else ()

    def describe_table(self, table: str) -> str:
        """Return where the rows of a published table lie."""
        if not self._members:
            return "at the parties"
        holders = [member.name for member in self._members if table in member.tables]
        return f"at {', '.join(holders) or 'no party'}"

    def unique_name(self, stem: str) -> str:
        """Return a name that no published table has."""
        self._names += 1
        return f"{stem}#{self._names}"

    def loop_variable(self) -> str:
        """Return a name for the rows of a loop."""
        return self.unique_name("iteration")

    def run(self, relation: Relation) -> NoReturn:  # the seam's argument
        """Refuse: rows stay with the parties."""
        raise Unsupported("the rows of a plan", "a federated context", "they stay with the parties")

    def write(self, relation: Relation, request: TargetRequest) -> NoReturn:
        """Refuse: rows stay with the parties."""
        raise Unsupported("the rows of a plan", "a federated context", "they stay with the parties")

    def explain(
        self, relation: Relation, *, stage: str, analyze: bool, alternatives: bool
    ) -> Explanation:
        """Explain how the first party would run a plan; `FederatedArrays.explain` tells of each.

        Where its tables are and what its engines are asked stays with the party.
        """
        arrays = self.arrays(relation)
        return arrays.explanation(
            arrays.parties[0], stage=stage, analyze=analyze, alternatives=alternatives
        )

    def close(self) -> None:
        """Stop what trains, and close every party's context; closing twice does nothing."""
        with self._lock:
            self._closed = True
        for token in tuple(self._training):
            token.cancel("the context was closed")
        for runner in self._runners.values():
            runner.close()
        self.close_runs()
        for member in self._members:
            member.context.close()

    def __enter__(self) -> Self:
        self._require_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        parties = ", ".join(member.name for member in self._members)
        return f"FederatedContext: {parties or 'parties elsewhere'}"

    def _require_open(self) -> None:
        if self._closed:
            raise PlanError("this context is closed", hint="make another one")
