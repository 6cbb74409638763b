"""parties.toml: the published schema of a federation, and its parties where they are simulated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from wayfed.configuration import (
    Names,
    Strict,
    TableConfiguration,
    parse,
    read_toml,
    resolve_path,
    with_secrets,
)
from wayfed.federated.parties.policy import Policy, Role
from wayfed_optimizer.errors import ColumnNotFound, InvalidOption, TableNotFound, TypeMismatch
from wayfed_optimizer.types import Schema, parse_type

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping


class PartyTable(TableConfiguration):
    """``[party.NAME.tables.TABLE]``: where a party has a published table.

    Parameters
    ----------
    cast
        Published column -> published type, where the source's type does not widen to it by itself.
    """

    cast: dict[str, str] = Field(default_factory=dict)


class PartyPolicy(Strict):
    """``[party.NAME.policy]``; see `Policy`."""

    min_rows: int = Field(default=1, ge=1)
    columns: dict[str, Literal["feature", "label", "join_key", "aggregate_only", "never"]] = Field(
        default_factory=dict
    )


class PartyConfiguration(Strict):
    """``[party.NAME]``: its catalog, engines and policy."""

    tables: dict[str, PartyTable]
    engines: dict[str, dict[str, Any]] = Field(default_factory=dict)
    policy: PartyPolicy = Field(default_factory=PartyPolicy)


class FederationConfiguration(Strict):
    """A whole parties.toml.

    Parameters
    ----------
    published
        ``[schema.TABLE]``: the columns and types that plans are written against.
    keys
        ``[keys]``: the key of each published table; joins without ``on=`` use them.
    party
        The parties.
    """

    published: dict[str, dict[str, str]] = Field(alias="schema")
    keys: dict[str, Names] = Field(default_factory=dict)
    party: dict[str, PartyConfiguration]


@dataclass(frozen=True, slots=True)
class Federation:
    """A federation, checked: what is published, and each party's side of it."""

    published: Mapping[str, Schema]
    keys: Mapping[str, tuple[str, ...]]
    parties: Mapping[str, PartyConfiguration]


def load_federation(source: str | os.PathLike[str] | Mapping[str, Any]) -> Federation:
    """Read and check a parties.toml, or what would stand in it.

    Raises
    ------
    SourceError, InvalidOption, TypeMismatch, TableNotFound, ColumnNotFound
        Where the file cannot be read, or a key, value, type, table or column is wrong.
    """
    values, directory, place = read_toml(source, kind="federation")
    found = parse(FederationConfiguration, with_secrets(values, directory, place), place)
    if not found.party:
        raise InvalidOption(f"{place} has no parties", hint="add [party.NAME.tables.TABLE]")
    published = {name: Schema.of(**columns) for name, columns in found.published.items()}
    for table, key in found.keys.items():
        if table not in published:
            raise TableNotFound(table, published, of=f"{place}: keys")
        for column in key:
            published[table].field(column, of=f"{table} ({place}: keys)")
    for name, party in found.party.items():
        _check_party(f"{place}: party.{name}", party, published)
    parties = {
        name: party.model_copy(
            update={
                "tables": {
                    table: bound.model_copy(
                        update={"source": resolve_path(bound.source, directory)}
                    )
                    for table, bound in party.tables.items()
                }
            }
        )
        for name, party in sorted(found.party.items())
    }
    return Federation(published, found.keys, parties)


def _check_party(place: str, party: PartyConfiguration, published: Mapping[str, Schema]) -> None:
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


def policy_of(party: PartyConfiguration) -> Policy:
    """Return a party's rules."""
    columns = {name: Role(role) for name, role in party.policy.columns.items()}
    return Policy(party.policy.min_rows, columns)
