"""What an engine can do, read from its dialect's tables and from writing relations in it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.capabilities import Capabilities
from wayfed_optimizer.expressions import (
    Call,
    Case,
    Cast,
    Column,
    InList,
    Literal,
    Member,
    Parameter,
    Record,
    Subquery,
    WindowCall,
)
from wayfed_optimizer.functions.nested import LISTS
from wayfed_optimizer.relations import Explode
from wayfed_optimizer.types import Decimal
from wayfed_sql.query import RELATIONS
from wayfed_sql.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.relations import JoinKind, Relation
    from wayfed_optimizer.types import DataType
    from wayfed_sql.dialect import Dialect

_EXPRESSIONS: Final = frozenset({Column, Literal, Call, Cast, Case, InList, WindowCall, Subquery})


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlCapabilities(Capabilities):
    """What a dialect's tables say, and what shows only when a relation is written.

    Parameters
    ----------
    dialect
        The engine's SQL.
    """

    dialect: Dialect

    def refusal(self, relation: Relation) -> tuple[str, str] | None:
        """Return (what, why) for the first thing of `relation` itself that is not done here."""
        return Capabilities.refusal(self, relation) or refusal(relation, self.dialect)

    def keeps(self, kind: DataType) -> bool:
        """Say whether every value of a type is kept as it is when it comes from elsewhere."""
        digits = self.dialect.digits
        if digits is not None and isinstance(kind, Decimal) and kind.precision > digits:
            return False
        return self.has_type(kind)


def capabilities_of(
    dialect: Dialect, *, missing: Mapping[JoinKind, str] = MappingProxyType({})
) -> SqlCapabilities:
    """Return what an engine can do.

    Parameters
    ----------
    dialect
        The engine's SQL.
    missing
        Kinds of joins that this copy of the engine does not have, and why.

    Examples
    --------
    >>> from wayfed_sql import SQLITE
    >>> "median" in capabilities_of(SQLITE).functions
    False
    """
    named = {Parameter} if dialect.parameter is not None else set()
    nested = {Member, Record} if dialect.record else set()
    reasons = {f"{kind.value} join": reason for kind, reason in missing.items()}
    if "list" not in dialect.types:
        told = dialect.without["list"]
        reasons |= dict.fromkeys(("Explode", *(f.name for f in LISTS)), told)
    if not dialect.record:
        reasons |= dict.fromkeys(("Member", "Record"), dialect.without["struct"])
    return SqlCapabilities(
        dialect=dialect,
        relations=RELATIONS if dialect.explode else RELATIONS - {Explode},
        functions=frozenset(dialect.functions),
        expressions=_EXPRESSIONS | named | nested,
        joins=dialect.joins - frozenset(missing),
        types=frozenset(dialect.types),
        without=MappingProxyType({**dialect.without, **reasons}),
    )
