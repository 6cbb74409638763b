"""News of parties that end: whole lines, which nobody waits for."""

from __future__ import annotations

import json
import os
import select
import threading
from collections.abc import Iterator

import pytest

from wayfed.federated.grids.lines import Lines
from wayfed.federated.grids.rpc import nursery
from wayfed_optimizer.errors import PartyError


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Give both ends of a pipe that takes what it has room for."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    yield reading, writing
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("letter", ["a", "é", "\N{GRINNING FACE}", "\0", "\ud800"], ids=ascii)
def test_last_words_are_cut_to_what_goes_into_a_pipe_at_once(
    letter: str, pipe: tuple[int, int]
) -> None:
    reading, writing = pipe

    assert nursery._tell(writing, party=9999, said=nursery._last_words(PartyError(letter * 9000)))

    line = os.read(reading, 1 << 16)
    assert select.PIPE_BUF - 64 < len(line) <= select.PIPE_BUF
    assert letter * 300 in json.loads(line)["said"]


def test_last_words_that_are_short_are_whole() -> None:
    assert nursery._last_words(PartyError("no such table 'tä'")).endswith("no such table 'tä'")


def test_last_words_that_nobody_reads_are_dropped_and_how_a_process_ended_waits_for_room(
    pipe: tuple[int, int],
) -> None:
    reading, writing = pipe
    told = 0
    while nursery._tell(writing, party=told, said="x" * 3000):
        told += 1
    waits = threading.Thread(
        target=nursery._tell_surely, args=(writing,), kwargs={"party": 0, "code": 1}, daemon=True
    )
    waits.start()

    found: list[dict[str, object]] = []
    with os.fdopen(reading, "rb", closefd=False) as end:
        lines = Lines(end)
        while not found or "code" not in found[-1]:
            news = lines.take(120)
            assert news, "what was to wait for room did not come"
            found += map(json.loads, news)
        waits.join(120)

    assert [each["party"] for each in found] == [*range(told), 0]


def test_who_tells_of_an_end_goes_on_when_whoever_listened_is_gone() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    nursery._tell_surely(writing, party=0, code=1)
    os.close(writing)
