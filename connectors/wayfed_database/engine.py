"""What each kind of database has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_database.capabilities import Profile
    from wayfed_database.catalog import Catalog
    from wayfed_database.location import Location
    from wayfed_optimizer.platform import Run, Session, TableReference, Target, TargetRequest
    from wayfed_optimizer.relations import Relation


class Engine(Protocol):
    """One database: its kind's properties, its catalog, and sessions on it."""

    kind: str
    profile: Profile
    readers: int

    @property
    def asked_by_others(self) -> bool:
        """Whether other engines may put queries to it themselves."""
        ...

    @property
    def location(self) -> Location:
        """Where it is."""
        ...

    @property
    def catalog(self) -> Catalog:
        """What it says about itself."""
        ...

    def compile(self, relation: Relation, tables: Mapping[str, Any]) -> str:
        """Return the statement for a fragment."""
        ...

    def temporary_table(self, name: str) -> TableReference:
        """Return what the temporary table for a fragment's rows is called in statements."""
        ...

    def open(self, run: Run, platform: str) -> Session:
        """Start a session for a run."""
        ...

    def target(self, request: TargetRequest) -> Target:
        """Return the table that rows are to go to."""
        ...

    def prepare(self) -> None:
        """Open the first connection, where that takes a while."""
        ...

    def started(self) -> bool:
        """Say whether a connection has been used already."""
        ...

    def version(self) -> str:
        """Return the engine's version."""
        ...

    def close(self) -> None:
        """Close what was kept open."""
        ...
