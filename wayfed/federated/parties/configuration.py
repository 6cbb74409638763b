"""parties.toml and federation.toml: what is published, and who or where the parties are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from wayfed.configuration import (
    ADDRESS,
    PLACE,
    Names,
    RunsConfiguration,
    Strict,
    TableConfiguration,
    parse,
    read_toml,
    resolve_path,
    with_secrets,
)
from wayfed.federated.parties.policy import LARGEST_MATRIX, Policy, Role
from wayfed.federated.privacy.account import PrivacyPolicy
from wayfed.federated.privacy.charges import Budget
from wayfed.federated.rounds.strategies import STRATEGIES
from wayfed_optimizer.errors import (
    ColumnNotFound,
    InvalidOption,
    SourceError,
    TableNotFound,
    TypeMismatch,
)
from wayfed_optimizer.types import Schema, parse_type

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from wayfed.federated.grids.rpc.identity import Identity
    from wayfed.federated.grids.rpc.outbound import Coordinator
    from wayfed.federated.grids.superlink.place import SuperLinkPlace


_MAKES_IT: Final = "`wayfed coordinator serve --superlink` makes the secret when it first starts"


class PartyTable(TableConfiguration):
    """``[party.NAME.tables.TABLE]``: where a party has a published table.

    Parameters
    ----------
    cast
        Published column -> published type, where the source's type does not widen to it by itself.
    """

    cast: dict[str, str] = Field(default_factory=dict)


class PrivacyTable(Strict):
    """``[party.NAME.policy.privacy]``; see `PrivacyPolicy`."""

    epsilon: float = Field(gt=0, allow_inf_nan=False)
    delta: float = Field(gt=0, lt=1)
    ledger: str
    unit: Literal["example", "client"] = "example"
    required: bool = True
    public: Names = ()

    @classmethod
    def of(cls, policy: PrivacyPolicy) -> PrivacyTable:
        """Return what would have to stand in a file for a policy."""
        return cls(
            epsilon=policy.budget.epsilon,
            delta=policy.budget.delta,
            ledger=str(policy.ledger),
            unit=policy.unit,
            required=policy.required,
            public=policy.public,
        )

    def checked(self) -> PrivacyPolicy:
        """Return what the party keeps to."""
        return PrivacyPolicy(
            Budget(self.epsilon, self.delta),
            Path(self.ledger),
            self.unit,
            self.required,
            self.public,
        )


class PartyPolicy(Strict):
    """``[party.NAME.policy]``; see `Policy`."""

    min_rows: int = Field(default=1, ge=1)
    columns: dict[str, Literal["feature", "label", "join_key", "aggregate_only", "never"]] = Field(
        default_factory=dict
    )
    models: Names | None = None
    strategies: Names | None = None
    max_rounds: int | None = Field(default=None, ge=1)
    secure_aggregation: bool = False
    opaque: Names = ()
    privacy: PrivacyTable | None = None
    min_group: int | None = Field(default=None, ge=2)
    max_matrix: int = Field(default=LARGEST_MATRIX, ge=1)

    def resolved(self, directory: Path) -> PartyPolicy:
        """Return it with the ledger's path as an absolute one."""
        if self.privacy is None:
            return self
        ledger = resolve_path(self.privacy.ledger, directory)
        return self.model_copy(
            update={"privacy": self.privacy.model_copy(update={"ledger": ledger})}
        )


class PartyAudit(Strict):
    """``[party.NAME.audit]``: where it writes what it was asked, and what left it.

    Parameters
    ----------
    path
        The file; see `wayfed.federated.parties.audit.AuditLog`.
    """

    path: str


class PartyConfiguration(Strict):
    """``[party.NAME]``: its catalog, engines, policy, audit log and models of its own.

    Parameters
    ----------
    on
        The engine or store that runs its part of every plan, whatever it costs, as
        `wayfed.dataset.Dataset.on` has it; without it, those where it costs least.
    models
        ``[party.NAME.models]``: name -> ``module:function``, as an entry point of the group
        ``wayfed.models`` says it, of code that the party can import.
    """

    tables: dict[str, PartyTable] = Field(default_factory=dict)
    engines: dict[str, dict[str, Any]] = Field(default_factory=dict)
    on: str | None = None
    policy: PartyPolicy = Field(default_factory=PartyPolicy)
    audit: PartyAudit | None = None
    models: dict[str, Annotated[str, Field(pattern=PLACE)]] = Field(default_factory=dict)


class CoordinatorAddress(Strict):
    """``[coordinator]``: where a party or a requester connects to.

    Parameters
    ----------
    address
        ``host:port``.
    fingerprint
        Of the coordinator's certificate.
    superlink
        Whether that is a Flower SuperLink, to which a party connects as a node.
    """

    address: str = Field(pattern=ADDRESS)
    fingerprint: str
    superlink: bool = False

    def resolved(self, place: str) -> Coordinator:
        """Return it, checked."""
        from wayfed.federated.grids.rpc.identity import as_fingerprint
        from wayfed.federated.grids.rpc.outbound import Coordinator

        where = f"{place}: coordinator.fingerprint"
        return Coordinator(self.address, as_fingerprint(self.fingerprint, where))


class SuperLinkFiles(Strict):
    """``[superlink]``: a Flower SuperLink on this machine, at which parties elsewhere are nodes.

    Parameters
    ----------
    address
        ``host:port``, on this machine.
    certificate
        The path of the certificate that it shows.
    secret
        The path of the secret by which it lets runs be taken over.
    parties
        The paths of the parties' certificates, by name.
    """

    address: str = Field(pattern=ADDRESS)
    certificate: str
    secret: str
    parties: dict[str, str] = Field(min_length=1)

    def load(self, directory: Path) -> SuperLinkPlace:
        """Read them."""
        from wayfed.federated.grids.superlink.place import SuperLinkPlace

        return SuperLinkPlace(
            self.address,
            _content(self.certificate, directory),
            _content(self.secret, directory, _MAKES_IT),  # byte for byte, as Flower reads it
            {name: _content(path, directory) for name, path in sorted(self.parties.items())},
        )


def _content(path: str, directory: Path, hint: str | None = None) -> bytes:
    found = Path(resolve_path(path, directory))
    try:
        return found.read_bytes()
    except OSError as error:
        raise SourceError(f"{found} cannot be read: {error.strerror}", hint=hint) from error


class IdentityFiles(Strict):
    """``[identity]``: the files of a certificate and its key.

    Parameters
    ----------
    certificate, key
        Their paths; only the owner may read the key.
    """

    certificate: str
    key: str

    def load(self, directory: Path) -> Identity:
        """Read and check them."""
        from wayfed.federated.grids.rpc.identity import load_identity

        return load_identity(
            Path(resolve_path(self.certificate, directory)),
            Path(resolve_path(self.key, directory)),
        )


class FederationConfiguration(Strict):
    """A whole parties.toml, or federation.toml.

    Parameters
    ----------
    published
        ``[schema.TABLE]``: the columns and types that plans are written against.
    keys
        ``[keys]``: the key of each published table; joins without ``on=`` use them.
    party
        ``[party.NAME]``: the parties, where they are simulated here.
    coordinator, identity
        Where the parties are reached, and who asks, where they are elsewhere.
    superlink
        ``[superlink]``: a Flower SuperLink where they are reached instead.
    runs
        ``[runs]``: where runs of training are kept.
    """

    published: dict[str, dict[str, str]] = Field(alias="schema")
    keys: dict[str, Names] = Field(default_factory=dict)
    party: dict[str, PartyConfiguration] = Field(default_factory=dict)
    coordinator: CoordinatorAddress | None = None
    identity: IdentityFiles | None = None
    superlink: SuperLinkFiles | None = None
    runs: RunsConfiguration = RunsConfiguration()


@dataclass(frozen=True, slots=True)
class Federation:
    """A federation, checked: what is published, and each party's side of it.

    Parameters
    ----------
    published, keys
        What plans are written against.
    parties
        The parties that are simulated here.
    coordinator, identity
        Where the parties are reached, and who asks, where they are elsewhere.
    superlink
        A Flower SuperLink where they are reached instead.
    runs
        Where runs of training are kept; None where nobody says it.
    """

    published: Mapping[str, Schema]
    keys: Mapping[str, tuple[str, ...]]
    parties: Mapping[str, PartyConfiguration]
    coordinator: Coordinator | None = None
    identity: Identity | None = None
    superlink: SuperLinkPlace | None = None
    runs: str | None = None


def load_federation(source: str | os.PathLike[str] | Mapping[str, Any]) -> Federation:
    """Read and check a parties.toml, or what would stand in it.

    Raises
    ------
    SourceError, InvalidOption, TypeMismatch, TableNotFound, ColumnNotFound
        Where the file cannot be read, or a key, value, type, table or column is wrong.
    """
    values, directory, place = read_toml(source, kind="federation")
    values = with_published(with_secrets(values, directory, place), directory, place)
    found = parse(FederationConfiguration, values, place)
    published = check_published(found.published, found.keys, place)
    runs = found.runs.resolved(directory).store
    if found.superlink is not None and not found.party and found.coordinator is None:
        place_of_all = found.superlink.load(directory)
        return Federation(published, found.keys, {}, superlink=place_of_all, runs=runs)
    if found.coordinator is not None and found.identity is not None and not found.party:
        coordinator = found.coordinator.resolved(place)
        identity = found.identity.load(directory)
        return Federation(published, found.keys, {}, coordinator, identity, runs=runs)
    if not found.party or found.coordinator is not None or found.identity is not None:
        raise InvalidOption(
            f"{place} has no parties"
            if not found.party
            else f"{place} has both parties of its own and a coordinator's",
            hint="add [party.NAME.tables.TABLE] for parties simulated here, [coordinator] and "
            "[identity] for those elsewhere, or [superlink] for those at a Flower SuperLink",
        )
    for name, party in found.party.items():
        if not name.strip():
            raise InvalidOption(f"{place}: a party has no name", hint="[party.NAME.tables.TABLE]")
        check_party(f"{place}: party.{name}", party, published)
    parties = {
        name: resolved_tables(party, directory) for name, party in sorted(found.party.items())
    }
    return Federation(published, found.keys, parties, runs=runs)


def with_published(values: Mapping[str, Any], directory: Path, place: str) -> dict[str, Any]:
    """Return what stands in a file, with the schema from the file that it names, if it does."""
    if not isinstance(values.get("schema"), str):
        return dict(values)
    shared, _, _ = read_toml(resolve_path(values["schema"], directory), kind="schema")
    if "keys" in values:
        raise InvalidOption(f"{place}: keys stand in {values['schema']}, beside the schema")
    return {**values, "keys": shared.get("keys", {}), "schema": shared.get("schema", {})}


def check_published(
    tables: Mapping[str, Mapping[str, str]], keys: Mapping[str, tuple[str, ...]], place: str
) -> dict[str, Schema]:
    """Return the published tables' schemas; raises where a key is of none of them."""
    published = {name: Schema.of(**columns) for name, columns in tables.items()}
    for table, key in keys.items():
        if table not in published:
            raise TableNotFound(table, published, of=f"{place}: keys")
        for column in key:
            published[table].field(column, of=f"{table} ({place}: keys)")
    return published


def resolved_tables(party: PartyConfiguration, directory: Path) -> PartyConfiguration:
    """Return a party's part of a file, its relative paths as absolute ones."""
    audit = party.audit and PartyAudit(path=resolve_path(party.audit.path, directory))
    tables = {
        name: table.model_copy(update={"source": resolve_path(table.source, directory)})
        for name, table in party.tables.items()
    }
    policy = party.policy.resolved(directory)
    return PartyConfiguration(
        tables=tables,
        engines=party.engines,
        on=party.on,
        policy=policy,
        audit=audit,
        models=party.models,
    )


def check_party(place: str, party: PartyConfiguration, published: Mapping[str, Schema]) -> None:
    """Raise where a party's part of a file has no table, or names what is not published."""
    if not party.tables:
        raise InvalidOption(
            f"{place} has none of the published tables",
            available=tuple(published),
            hint="[tables.TABLE] of a party says where it has one",
        )
    for table, bound in party.tables.items():
        if table not in published:
            raise TableNotFound(table, published, of=f"the published schema ({place}.tables)")
        for column in (*bound.rename.values(), *bound.cast):
            published[table].field(column, of=f"the published {table} ({place}.tables.{table})")
        for column, kind in bound.cast.items():
            if (wanted := published[table][column].type) != parse_type(kind):
                raise TypeMismatch(
                    f"{place}.tables.{table}.cast makes '{column}' {kind}, but it is published "
                    f"as {wanted}"
                )
    names = {name for schema in published.values() for name in schema.names}
    for column in party.policy.columns:
        if column not in names:
            raise ColumnNotFound(column, sorted(names), of=f"any published table ({place}.policy)")
    for table in party.policy.privacy.public if party.policy.privacy is not None else ():
        if table not in published:
            place = f"{place}.policy.privacy.public"
            raise TableNotFound(table, published, of=f"the published schema ({place})")
    for strategy in party.policy.strategies or ():
        if strategy not in STRATEGIES:
            raise InvalidOption.unknown(strategy, STRATEGIES, of=f"{place}.policy.strategies")


def policy_of(party: PartyConfiguration) -> Policy:
    """Return a party's rules."""
    columns = {name: Role(role) for name, role in party.policy.columns.items()}
    told = party.policy
    return Policy(
        told.min_rows,
        columns,
        told.models,
        told.strategies,
        told.max_rounds,
        told.opaque,
        None if told.privacy is None else told.privacy.checked(),
        told.min_group,
        told.secure_aggregation,
        told.max_matrix,
    )
