"""A party at work: its member, its sessions, and the link over which it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed.federated.grids.rpc.link import Link
from wayfed.federated.parties.opening import open_session
from wayfed.federated.parties.session import PLAN

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from wayfed.federated.grids.rpc.identity import Identity
    from wayfed.federated.grids.rpc.outbound import Coordinator
    from wayfed.federated.parties.audit import Asker
    from wayfed.federated.parties.member import Member
    from wayfed.federated.parties.party import Answering


def link_of(
    member: Member,
    identity: Identity,
    coordinator: Coordinator,
    serves: Callable[[], Container[str]],
) -> Link:
    """Give the link of a party that answers plans.

    Parameters
    ----------
    member
        The party.
    identity, coordinator
        As whom it connects, and where.
    serves
        Gives the fingerprints of the requesters that it serves.
    """

    def session(asker: Asker) -> Answering:
        return open_session(member, asker)

    return Link(
        member.name,
        identity,
        coordinator,
        tables=member.tables,
        min_rows=member.policy.min_rows,
        make=session,
        serves=serves,
        first=PLAN,
    )
