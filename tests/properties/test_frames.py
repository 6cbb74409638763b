"""Frames of the grid: any bytes give a frame or a reason, and messages come back whole."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfed.federated.grids.rpc import frames
from wayfed.federated.grids.rpc.frames import (
    Assembler,
    Frame,
    MalformedFrame,
    MessageTooLarge,
    bundled,
    decode,
    framed,
    unbundled,
)
from wayfed.federated.grids.rpc.messages import MalformedMessage, from_bytes

HEADER = {"session": "s", "number": 1}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_say_why_not(data):
    try:
        assert decode(data).kind
    except MalformedFrame as error:
        assert error.message


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_say_why_not(data):
    try:
        from_bytes(data)
    except MalformedMessage as error:
        assert error.message


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=8)))
def test_any_header_is_read_or_refused(header):
    for kind in ("ask", "answer", "hello", "parties", "part"):
        try:
            decode(Frame(kind, header).encode())
        except MalformedFrame as error:
            assert error.message


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4), st.integers(1, 16))
def test_a_message_in_parts_comes_back_whole(pieces, part):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "PART_BYTES", part)
        cut = [decode(each.encode()) for each in framed("answer", HEADER, *pieces)]
    assembler = Assembler(10_000)
    whole = [found for each in cut if (found := assembler.take(each)) is not None]

    assert [data for _, data in whole] == [b"".join(pieces)]
    assert all(len(each.payload) <= max(part, 1) for each in cut)


@given(st.integers(0, 2**32))
def test_parts_in_any_order_give_a_message_or_a_reason(seed):
    cut = [
        Frame("answer", {**HEADER, "size": 6}, b"ab"),
        Frame("part", HEADER, b"cd"),
        Frame("part", HEADER, b"ef"),
    ]
    random.Random(seed).shuffle(cut)
    assembler = Assembler(100)
    for frame in cut * 2:
        try:
            assembler.take(frame)
        except (MalformedFrame, MessageTooLarge) as error:
            assert error.message


def test_unfinished_messages_are_limited_together():
    assembler = Assembler(100, together=100)
    for number in range(2):
        assert (
            assembler.take(Frame("answer", {"session": "s", "number": number, "size": 50})) is None
        )

    with pytest.raises(MessageTooLarge, match="a message of 1 bytes, beyond 0"):
        assembler.take(Frame("answer", {"session": "s", "number": 2, "size": 1}))


def test_headers_of_unfinished_messages_count_as_their_bytes_do():
    assembler = Assembler(1000, together=1000)
    header = {"session": "s" * 500, "size": 500}
    first, second = (decode(Frame("answer", {**header, "number": n}).encode()) for n in (1, 2))

    assert assembler.take(first) is None
    with pytest.raises(MessageTooLarge, match="a message of 500 bytes, beyond 0"):
        assembler.take(second)
    assembler.drop(("s" * 500, 1))
    assert assembler.take(second) is None


def test_unfinished_messages_are_limited_in_number(monkeypatch):
    monkeypatch.setattr(frames, "_MOST_UNFINISHED", 2)
    assembler = Assembler(100)
    for number in range(2):
        assembler.take(Frame("answer", {"session": "s", "number": number, "size": 1}))

    with pytest.raises(MalformedFrame, match="more than 2 messages at once"):
        assembler.take(Frame("answer", {"session": "s", "number": 2, "size": 1}))


def test_the_parts_of_a_message_that_is_too_large_pass_and_others_come_whole():
    assembler = Assembler(4)
    with pytest.raises(MessageTooLarge, match="a message of 5 bytes, beyond 4"):
        assembler.take(Frame("answer", {**HEADER, "size": 5}, b"ab"))
    other = Frame("answer", {"session": "s", "number": 2, "size": 1}, b"x")

    assert assembler.take(Frame("part", HEADER, b"cd")) is None
    assert assembler.take(other) == (other, b"x")
    assert assembler.take(Frame("part", HEADER, b"e")) is None
    with pytest.raises(MalformedFrame, match="has not begun"):
        assembler.take(Frame("part", HEADER, b"f"))


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_frames_that_are_sent_as_one_come_as_they_were(payloads):
    sent = [Frame("part", {**HEADER, "number": n}, data) for n, data in enumerate(payloads)]

    assert list(unbundled(decode(bundled(sent).encode()))) == sent


@given(st.lists(st.integers(-1, 30) | st.none(), max_size=4), st.binary(max_size=60))
def test_any_bundle_is_read_or_refused(sizes, payload):
    inner = Frame("end", {"session": "s", "fingerprint": ""}).encode()
    try:
        list(unbundled(decode(Frame("bundle", {"sizes": sizes}, inner + payload).encode())))
    except MalformedFrame as error:
        assert error.message
