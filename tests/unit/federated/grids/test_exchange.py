"""What a hub makes of connections that break, and of who comes back in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wayfed.federated.grids.rpc.desk import Batch, Mailbox, Presence
from wayfed.federated.grids.rpc.exchange import Exchange, Limits, PartyLink
from wayfed.federated.grids.rpc.outgoing import Outgoing
from wayfed.federated.grids.rpc.pace import Pace
from wayfed.federated.grids.rpc.roster import Roster
from wayfed.federated.grids.rpc.seats import LocalSeat


def with_a_message_to_ash(check: Callable[[Exchange, Mailbox], None]) -> None:
    """Run a check on a hub that has a message to a party that it has not seen yet."""

    async def run() -> None:
        exchange = Exchange(Roster({"f": "ash"}), Limits(grace_seconds=600))
        seat = LocalSeat("analyst", "a", 1 << 20)
        exchange.seat(seat)
        mailbox = Mailbox(expected={1})
        seat.open("s", mailbox)
        exchange.post(seat, Batch("s", {"ash": (1, b"")}, b""))
        check(exchange, mailbox)

    asyncio.run(run())


def link_of_ash() -> PartyLink:
    task = asyncio.current_task()
    assert task is not None
    return PartyLink("ash", "f", Presence("boot"), task, Outgoing())


def test_each_break_of_a_connection_has_its_own_time_to_come_back() -> None:
    def check(exchange: Exchange, mailbox: Mailbox) -> None:
        first, second = link_of_ash(), link_of_ash()
        for link in (first, second):
            exchange.connect(link)
            exchange.disconnect(link)
        second.lost = "was silent for 9 s"

        exchange._lose(first)
        assert mailbox.expected == {1}
        exchange._lose(second)
        assert mailbox.answers == {1: "was silent for 9 s, and was not back within 600 s"}

    with_a_message_to_ash(check)


def test_who_lost_a_connection_that_had_just_begun_is_back_at_once_but_only_once() -> None:
    pace = Pace()
    assert [pace.after(None) for _ in range(8)][-1] == 5.0
    assert [pace.after(lasted=3.0) for _ in range(3)] == [0.1, 0.2, 0.4]
    assert pace.after(lasted=11.0) == 0.1


def test_processes_of_one_party_that_end_each_others_connections_do_so_less_and_less() -> None:
    pace = Pace()
    pauses = [pace.after(lasted=0.1, displaced=True) for _ in range(8)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 5.0
    assert pace.after(lasted=11.0, displaced=True) == 0.1
