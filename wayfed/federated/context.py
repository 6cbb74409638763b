"""The federated context: plans over published tables, bound and run by each party for itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn, Self
from weakref import WeakSet

from wayfed.catalog import TableInfo
from wayfed.configuration import ContextConfiguration, TableConfiguration
from wayfed.display import Listing
from wayfed.federated.arrays import FederatedArrays
from wayfed.federated.dataset import FederatedDataset
from wayfed.federated.parties.configuration import PartyConfiguration, load_federation
from wayfed.federated.parties.member import BoundPlan, Member
from wayfed.federated.parties.policy import Role
from wayfed.local import Context
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import (
    InvalidOption,
    PartyError,
    PlanError,
    PolicyViolation,
    TableNotFound,
    Unsupported,
)
from wayfed_optimizer.relations import Read, Relation
from wayfed_optimizer.wire import to_wire

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from wayfed.explain import Explanation
    from wayfed.federated.runs.results import FederatedRun
    from wayfed_optimizer.platform import TargetRequest


@dataclass(frozen=True, slots=True)
class PartyInfo:
    """A party of the federation, as `FederatedContext.parties` lists it.

    Parameters
    ----------
    name
        The party.
    tables
        The published tables that it has.
    min_rows
        The least number of training rows with which it takes part.
    """

    name: str
    tables: tuple[str, ...]
    min_rows: int


class FederatedContext:
    r"""Plans against the published schema of a federation and trains over its parties.

    Made by ``wf.context(env="federated", parties=…)``. A plan travels as versioned JSON that names
    published tables only; each party binds it to its own catalog, checks it against its policy,
    and optimizes it for its own engines.

    Parameters
    ----------
    parties
        The path of a parties.toml, or what would stand in it.
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
        self._closed = False
        self._names = 0
        self._lock = Lock()
        self._training: WeakSet[CancellationToken] = WeakSet()
        self._members = tuple(
            Member(
                name,
                party,
                federation.published,
                Context(_own_configuration(party), optimize_for=optimize_for),
            )
            for name, party in federation.parties.items()
        )

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

    def parties(self) -> Listing[PartyInfo]:
        """List the parties and what they have."""
        return Listing(
            "party",
            tuple(PartyInfo(m.name, m.tables, m.policy.min_rows) for m in self._members),
        )

    def arrays(self, relation: Relation) -> FederatedArrays:
        """Run a plan at every party; see `FederatedDataset.to_numpy`."""
        bound = self._bind(relation)
        held = {}
        for name, answer in bound.items():
            assert answer.dataset is not None  # noqa: S101  # _bind raises where a party has none
            try:
                held[name] = answer.dataset.to_numpy()
            except PlanError:
                raise
            except Exception as error:
                # What it says names paths and queries, which are the party's own.
                told = f"its part of the plan failed with {type(error).__name__}"
                raise PartyError(told, party=name) from error
        return FederatedArrays(
            relation.schema,
            _strictest([answer.roles for answer in bound.values()]),
            held,
            {name: partial(self._explanation_of, name, answer) for name, answer in bound.items()},
            {m.name: m.policy.min_rows for m in self._members},
        )

    def run_federated(
        self,
        arrays: FederatedArrays,
        *,
        label: str,
        features: Sequence[str] | None = None,
        **options: Any,
    ) -> FederatedRun:
        """Train a model over the parties' arrays; see `wayfed.federated.run.run_federated`.

        Columns that some party's policy calls a join key or a label are no features by themselves.

        Raises
        ------
        PolicyViolation
            Where a feature is named that a policy forbids.
        """
        from wayfed.federated.run import run_federated

        _require_federated(arrays)
        if features is None:
            features = self._allowed_features(arrays, label, options)
        for name in features:
            role = arrays.roles.get(name, Role.FEATURE)
            if role is not Role.FEATURE:
                raise PolicyViolation(
                    f"'{name}' is a {role.value} by the policy of some party, and no feature",
                    hint=f"leave it out of features=, or out of the plan: .drop('{name}')",
                )
        return run_federated(
            arrays.held(),
            label=label,
            features=features,
            min_rows=arrays.min_rows,
            token=self._new_token(),
            **options,
        )

    def _allowed_features(
        self, arrays: FederatedArrays, label: str, options: Mapping[str, Any]
    ) -> tuple[str, ...]:
        from wayfed.federated.features.split import as_split

        split = as_split(options.get("test", 0.2))
        beside = {label, options.get("sample_weight"), *(split.columns if split else ())}
        return tuple(
            name
            for name in arrays.schema.names
            if name not in beside and arrays.roles.get(name, Role.FEATURE) is Role.FEATURE
        )

    def runFlower(
        self,
        arrays: FederatedArrays,
        *,
        server: Any,
        client: Callable[..., Any],
        flowerEngine: str = "numpy",  # the first users' program says so
        **options: Any,
    ) -> FederatedRun:
        """Run Flower clients of one's own over the parties; see `federated.run.run_flower`."""
        from wayfed.federated.run import run_flower

        _require_federated(arrays)
        return run_flower(
            arrays.held(),
            server=server,
            client=client,
            flower_engine=flowerEngine,
            min_rows=arrays.min_rows,
            token=self._new_token(),
            **options,
        )

    @property
    def platform_names(self) -> tuple[str, ...]:
        """The platforms that every party has: what `Dataset.on` takes here."""
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
        bound = self._bind(relation)
        first = min(bound)
        return self._explanation_of(
            first, bound[first], stage=stage, analyze=analyze, alternatives=alternatives
        )

    def _explanation_of(self, party: str, answer: BoundPlan, **options: Any) -> Explanation:
        from wayfed.explain import shared

        self._require_open()
        assert answer.dataset is not None  # noqa: S101  # _bind raises where a party has none
        return shared(answer.dataset.explain(**options), party)

    def _bind(self, relation: Relation) -> dict[str, BoundPlan]:
        """Let every party bind a plan, and raise all that does not fit in one error."""
        self._require_open()
        plan = to_wire(relation, names=tuple(self._federation.published))
        bound = {member.name: member.bind(plan) for member in self._members}
        problems = _told(bound, lambda answer: answer.problems)
        if problems:
            raise PartyError(f"the plan does not fit the parties' catalogs{problems}")
        violations = _told(bound, lambda answer: answer.violations)
        if violations:
            raise PolicyViolation(f"the plan is against the parties' policies{violations}")
        return bound

    def close(self) -> None:
        """Stop what trains, and close every party's context; closing twice does nothing."""
        with self._lock:
            self._closed = True
        for token in tuple(self._training):
            token.cancel("the context was closed")
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
        return f"FederatedContext: {', '.join(member.name for member in self._members)}"

    def _new_token(self) -> CancellationToken:
        token = CancellationToken()
        with self._lock:
            self._require_open()
            self._training.add(token)
        return token

    def _require_open(self) -> None:
        if self._closed:
            raise PlanError("this context is closed", hint="make another one")


def _own_configuration(party: PartyConfiguration) -> ContextConfiguration:
    tables = {
        name: TableConfiguration.model_validate(table.model_dump(exclude={"cast"}, by_alias=True))
        for name, table in party.tables.items()
    }
    return ContextConfiguration(engines=party.engines, tables=tables)


def _told(bound: Mapping[str, BoundPlan], pick: Callable[[BoundPlan], tuple[str, ...]]) -> str:
    return "".join(
        f"\n  party '{name}': {sentence}"
        for name, answer in sorted(bound.items())
        for sentence in dict.fromkeys(pick(answer))
    )


def _strictest(roles: Sequence[Mapping[str, Role]]) -> dict[str, Role]:
    strictness = (Role.FEATURE, Role.JOIN_KEY, Role.LABEL)
    return {name: max((each[name] for each in roles), key=strictness.index) for name in roles[0]}


def _require_federated(arrays: object) -> None:
    if not isinstance(arrays, FederatedArrays):
        raise InvalidOption(
            f"a federated run takes what to_numpy() gave, not a {type(arrays).__name__}",
            hint="arrays = ctx.read(…).to_numpy()",
        )
