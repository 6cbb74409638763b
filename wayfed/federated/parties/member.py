"""One party of a federation: it binds plans that arrive to its own catalog, and runs them there."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from wayfed.configuration import ContextConfiguration, TableConfiguration
from wayfed.federated.parties.audit import AuditLog
from wayfed.federated.parties.configuration import PartyConfiguration, policy_of
from wayfed.federated.parties.policy import Purpose
from wayfed.federated.parties.thresholds import aggregate_of, with_least_groups
from wayfed.federated.privacy.account import Account
from wayfed.federated.privacy.reach import copies, reach
from wayfed.local import Context
from wayfed.selecting import project
from wayfed_optimizer.coercion import common_type, is_castable
from wayfed_optimizer.errors import WayfedError, suggestion
from wayfed_optimizer.expressions import Call, Cast, Column, Named
from wayfed_optimizer.lineage import lineage
from wayfed_optimizer.relations import (
    Aggregate,
    Hint,
    Read,
    Relation,
    Select,
    reads,
    transform,
    variables,
)
from wayfed_optimizer.rewrite import rewrite
from wayfed_optimizer.wire import from_wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed.dataset import Dataset
    from wayfed.federated.parties.policy import Role
    from wayfed_optimizer.types import Field, Schema

_MOST_ALONE: Final = 64
"""How many columns of a plan are looked at one by one: one message costs no more than that."""
_COUNTED: Final = frozenset({Purpose.COUNT, Purpose.DESCRIBE})
LOG: Final = logging.getLogger("wayfed.federated.party")


@dataclass(frozen=True, slots=True)
class BoundPlan:
    """A party's answer to a plan: its own version of it, or all that does not fit.

    Parameters
    ----------
    dataset
        The plan over the party's own sources; None where something does not fit.
    roles
        What each column of the result may be used for.
    problems
        One sentence each: mismatches of the catalog.
    violations
        One sentence each: rules of the policy.
    reach
        For each table: how many rows of the result one of its rows can change.
    least
        For each column of the result: of how many rows a statistic of it must be, counted with as
        many copies of a row as the plan may make, where that is a number.
    least_rows
        Of how many rows the result must be, counted so, that anything but a model is told of it.
    digest
        Of the plan, as it arrived.
    """

    dataset: Dataset | None
    roles: Mapping[str, Role]
    problems: tuple[str, ...]
    violations: tuple[str, ...]
    reach: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    least: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    digest: str = ""
    least_rows: float = 1


class Member:
    """A party in this process, with a context of its own.

    Parameters
    ----------
    name, configuration, published, context
        The party, what stands in its file, the federation's tables, and its engines.
    key
        The party's own, from which the secret of its digests is made: the same after it was
        started anew. None where all parties are simulated by whoever asks.
    """

    def __init__(
        self,
        name: str,
        configuration: PartyConfiguration,
        published: Mapping[str, Schema],
        context: Context,
        key: bytes | None = None,
    ) -> None:
        self.name = name
        self.context = context
        self.secret = hmac.digest(key, b"wayfed digests of rows", "sha256") if key else b""
        self.policy = policy_of(configuration)
        self.audit = AuditLog(configuration.audit.path) if configuration.audit else None
        self.models = {
            model: EntryPoint(model, place, "wayfed.models")
            for model, place in configuration.models.items()
        }
        self._tables = configuration.tables
        self._on = configuration.on
        self._published = published

    @classmethod
    def of(
        cls,
        name: str,
        configuration: PartyConfiguration,
        published: Mapping[str, Schema],
        *,
        optimize_for: str = "time",
        key: bytes | None = None,
    ) -> Member:
        """Make a party of what stands in its file, with a context that its owner closes."""
        tables = {
            table: TableConfiguration.model_validate(
                bound.model_dump(exclude={"cast"}, by_alias=True)
            )
            for table, bound in configuration.tables.items()
        }
        own = ContextConfiguration(engines=configuration.engines, tables=tables)
        context = Context(own, optimize_for=optimize_for)
        return cls(name, configuration, published, context, key)

    @property
    def tables(self) -> tuple[str, ...]:
        """The published tables that the party has."""
        return tuple(self._tables)

    def problems(self) -> tuple[str, ...]:
        """Return what does not fit of the catalog and the models, one sentence each."""
        found: list[str] = []
        for table in self._tables:
            self._bind_table(Read(table, self._published[table]), found, openly=True)
        found += self._missing_platform(openly=True)
        for model, point in self.models.items():
            try:
                point.load()
            except (Exception, SystemExit) as error:  # noqa: BLE001  # raised at import
                reason = f"{type(error).__name__}: {error}"
                found.append(f"model '{model}': {point.value} cannot be loaded: {reason}")
        return tuple(found)

    def bind(
        self, plan: bytes, purpose: Purpose = Purpose.LEARN, *, openly: bool = True
    ) -> BoundPlan:
        """Check a plan against the catalog and the policy; reads schemas, no rows.

        Parameters
        ----------
        plan
            The plan as it arrived.
        purpose
            What is to be made of its rows.
        openly
            Whether it is told where a source is that cannot be read, and what columns it has.
        """
        return self._bind(from_wire(plan), hashlib.sha256(plan).hexdigest(), purpose, openly)

    def bind_partly(
        self, plan: bytes, *, openly: bool = True
    ) -> tuple[BoundPlan, Mapping[str, str]]:
        """Check a plan that is to be described; leave out the columns that are not to be.

        Returns
        -------
        tuple
            The plan without these columns, and for each of them the rule that it would break. All
            of the plan, with every rule that it breaks, where that does not mend it.
        """
        digest = hashlib.sha256(plan).hexdigest()
        logical = from_wire(plan)
        whole = self._bind(logical, digest, Purpose.DESCRIBE, openly)
        if whole.problems or not whole.violations:
            return whole, {}
        closed = {
            name: sentence.partition(";")[0]  # its remedy is for plans
            for name, sentence in self.policy.undescribed(rewrite(logical).relation).items()
        }
        kept = [name for name in logical.schema.names if name not in closed]
        told = self._bind_columns(logical, kept, digest, openly) if closed and kept else whole
        if told.violations and len(kept) <= _MOST_ALONE:
            # What a column of the result takes besides its values, a plan of that column tells.
            for name in kept:
                alone = self._bind_columns(logical, [name], digest, openly)
                if alone.violations:
                    closed[name] = alone.violations[0].partition(";")[0]
            kept = [name for name in kept if name not in closed]
            told = self._bind_columns(logical, kept, digest, openly) if kept else whole
        if told.violations:
            return whole, {}
        return replace(told, roles=whole.roles), closed

    def _bind_columns(
        self, logical: Relation, names: Sequence[str], digest: str, openly: bool
    ) -> BoundPlan:
        return self._bind(project(logical, names), digest, Purpose.DESCRIBE, openly)

    def _bind(self, logical: Relation, digest: str, purpose: Purpose, openly: bool) -> BoundPlan:
        rows = rewrite(logical).relation
        if purpose is Purpose.COUNT:
            logical = Aggregate(logical, (), (Named("rows", Call("count", ())),))
        needed = rewrite(logical).relation
        problems: list[str] = []
        loops = variables(needed)
        # A table that hides behind a loop's variable would escape the policy.
        problems += [
            f"a loop calls its rows '{name}', as a table is called"
            for name in sorted(loops & {*self._tables, *self._published})
        ]
        own = {
            read: read if read.table in loops else self._bind_table(read, problems, openly)
            for read in reads(needed)
        }
        problems += self._missing_platform(openly)
        told = aggregate_of(needed) if purpose is Purpose.DESCRIBE else needed
        _, unmended = with_least_groups(told, self.policy, self._keys)
        repeated = self._copies(rows)
        violations = (*self.policy.violations(told), *unmended)
        if purpose in _COUNTED:
            violations += _unbounded(repeated, self.policy.min_rows)
        roles = self.policy.result_roles(needed)
        if problems or violations:
            return BoundPlan(None, roles, tuple(problems), violations)
        guarded, _ = with_least_groups(needed, self.policy, self._keys)
        replaced = transform(guarded, lambda r: own[r] if isinstance(r, Read) else r)
        origins = lineage(needed).values
        if purpose is Purpose.LEARN:
            # Joins without a declared key are what most plans are that are learned from.
            repeated = {table: 1.0 if math.isinf(n) else n for table, n in repeated.items()}
        most = max(repeated.values(), default=1.0)
        least = {
            name: each * max((repeated.get(o.table, 1.0) for o in origins[name]), default=most)
            if purpose is Purpose.LEARN
            else each * most
            for name, each in self.policy.least_rows(needed).items()
        }
        found = reach(needed, self._keys, failing=True)
        dataset = self.context.dataset(replaced if self._on is None else Hint(replaced, self._on))
        floor = self.policy.min_rows * most
        return BoundPlan(dataset, roles, (), (), found, least, digest, floor)

    def _copies(self, rows: Relation) -> Mapping[str, float]:
        """Return for each table in how many rows of a result one of its rows may be.

        Where a single row may be told, nobody asks.
        """
        policy = self.policy
        if policy.min_rows <= 1:
            return {}
        public = policy.privacy.public if policy.privacy is not None else ()
        found = copies(rows, self._keys)
        return {table: each for table, each in found.items() if table not in public}

    def account(self, plan: BoundPlan) -> Account:
        """Return what pays for runs over a plan."""
        sources = {
            name: f"{_place_of(table.source)}#{table.table or table.query or ''}"
            for name, table in self._tables.items()
        }
        tables = {name: rows for name, rows in plan.reach.items() if name in self._tables}
        return Account(tables, self.policy.privacy, sources, plan.digest)

    def _keys(self, table: str) -> tuple[tuple[str, ...], ...]:
        """Return the key that this party declares for a table, by published names."""
        own = self._tables.get(table)
        if own is None or not own.key:
            return ()
        return (tuple(own.rename.get(column, column) for column in own.key),)

    def _missing_platform(self, openly: bool) -> tuple[str, ...]:
        """Return a sentence where plans are to run on what is not here; databases are when read."""
        names = self.context.platform_names
        if self._on is None or self._on in names:
            return ()
        if not openly:
            LOG.warning("on = '%s' is no engine or store here: %s", self._on, ", ".join(names))
            return ("its engine is missing; `wayfed party check` says why, at the party",)
        return (f"on = '{self._on}' is no engine or store here ({', '.join(names)})",)

    def _bind_table(self, read: Read, problems: list[str], openly: bool) -> Relation:
        """Return the party's version of a read; the read itself where something does not fit."""
        table = self._tables.get(read.table)
        if table is None:
            problems.append(f"table '{read.table}' is not in its catalog")
            return read
        try:
            relation = self.context.read(read.table).relation
        except WayfedError as error:
            hint = f" ({error.hint})" if error.hint else ""
            told = f"{error.message}{hint}"
            if not openly:
                LOG.warning("table '%s': %s", read.table, told)
                told = "its source cannot be read; `wayfed party check` says why, at the party"
            problems.append(f"table '{read.table}': {told}")
            return read
        outputs = [
            self._bind_column(read.table, wanted, relation, problems, openly)
            for wanted in read.schema
        ]
        if any(output is None for output in outputs):
            return read
        return Select(relation, tuple(output for output in outputs if output is not None))

    def _bind_column(
        self, table: str, wanted: Field, relation: Relation, problems: list[str], openly: bool
    ) -> Named | None:
        place = f"column '{wanted.name}' of '{table}'"
        published = self._published[table]
        if wanted.name not in published or published[wanted.name].type != wanted.type:
            problems.append(f"{place} is not published as {wanted.type}")
            return None
        if wanted.name not in relation.schema:
            # What else the party's table has is nobody's business elsewhere.
            hint = suggestion(wanted.name, relation.schema.names) if openly else None
            problems.append(
                f"{place} is missing" + (f" ({hint})" if hint else "") + "; add it to rename"
            )
            return None
        found = relation.schema[wanted.name]
        column = Column(found.name, found.type, found.nullable)
        if found.type == wanted.type:
            return Named(wanted.name, column)
        widens = common_type([found.type, wanted.type]) == wanted.type
        if not widens and self._tables[table].cast.get(wanted.name) is None:
            problems.append(
                f"{place} is {found.type}, but is published as {wanted.type}; "
                f'add cast = {{ {wanted.name} = "{wanted.type}" }}'
            )
            return None
        if not is_castable(found.type, wanted.type):
            problems.append(f"{place} is {found.type}, which cannot be cast to {wanted.type}")
            return None
        return Named(wanted.name, Cast(column, wanted.type))


def _unbounded(repeated: Mapping[str, float], least: int) -> tuple[str, ...]:
    """Return a sentence for each table of which one row may be as many as are asked for."""
    return tuple(
        f"a row of '{table}' may be in any number of rows, of which its min_rows={least:,} is "
        "then no least number; join on keys that it declares, without windows and subqueries"
        for table, most in repeated.items()
        if math.isinf(most)
    )


def _place_of(source: str) -> str:
    """Return what stays of a source when its password or its options change."""
    if "://" not in source:
        return source
    url = urlsplit(source)
    port = f":{url.port}" if url.port is not None else ""
    return f"{url.scheme.partition('+')[0]}://{url.hostname or ''}{port}{url.path}"
