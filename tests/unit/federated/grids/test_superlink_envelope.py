"""Our messages inside Flower's."""

from __future__ import annotations

import pytest
from flwr.app import ConfigRecord

from wayfed.federated.grids.rpc.messages import MalformedMessage
from wayfed.federated.grids.superlink.envelope import PART_BYTES, Envelope


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1])
def test_what_is_put_in_comes_out_in_whatever_order_its_parts_come(size):
    envelope = Envelope("ask", "s", 3, "train", "1", bytes(range(256)) * (size // 256 + 1))
    records = envelope.records()
    assert Envelope.of(reversed(list(records.values()))) == envelope


def test_equal_messages_have_equal_records_so_that_they_are_stored_once():
    first, second = (Envelope("ask", "s", 3, "train", "1", b"x").records() for _ in range(2))
    assert first.object_id == second.object_id


@pytest.mark.parametrize(
    "records",
    [
        [],
        [ConfigRecord({"lr": 0.1})],
        [ConfigRecord({"part": "first"})],
        [ConfigRecord({"part": float("inf")})],
        list(Envelope("ask", "s", 3, data=bytes(PART_BYTES + 1)).records().values())[1:],
    ],
    ids=["none", "another", "no number", "no end", "incomplete"],
)
def test_records_that_are_no_message_of_ours_are_refused(records):
    with pytest.raises(MalformedMessage):
        Envelope.of(records)
