"""Asking stores what they know: all at once, within a time, and with what is said when it fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

import pytest

from wayfed.statistics import Gatherer
from wayfed_optimizer.errors import SourceError
from wayfed_optimizer.platform import Channel, tables_of
from wayfed_optimizer.statistics import Estimate, Provenance, TableStatistics, Told
from wayfed_optimizer.types import Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORT, LONG = 0.05, 60.0


@dataclass(eq=False)
class Store:
    """A store of tables that answers when it may, with what it is told to."""

    rows: float = 10
    version: str = "1"
    may_answer: Event = field(default_factory=Event)
    asked: list[int] = field(default_factory=list)
    error: Exception | None = None
    keys: tuple[frozenset[str], ...] = ()

    def told(self, sources: Sequence[object]) -> list[Told]:
        self.asked.append(len(sources))
        self.may_answer.wait(LONG)
        if self.error is not None:
            raise self.error
        known = TableStatistics(
            Estimate.around(self.rows, Provenance.DATABASE, 1.0), keys=self.keys
        )
        return [Told(known, self.version) for _ in sources]


@dataclass(eq=False)
class Table:
    """A table of such a store."""

    teller: Store
    description: str = "a table of a test"
    schema: Schema = field(default_factory=lambda: Schema.of(a="int64"))
    channel: Channel = field(default_factory=lambda: tables_of("store"))
    bounded: bool = True


@pytest.fixture
def store():
    store = Store()
    yield store
    store.may_answer.set()


def ready(store: Store) -> Store:
    store.may_answer.set()
    return store


def test_tables_of_one_store_are_asked_about_at_once(store):
    ready(store)
    found = Gatherer(LONG).gather({name: Table(store) for name in ("a", "b", "c")})
    assert store.asked == [3]
    assert [found.statistics[name].rows.likely for name in ("a", "b", "c")] == [10, 10, 10]
    assert not found.troubles


def test_a_table_keeps_its_number_while_the_same_is_known_of_it(store):
    ready(store)
    gatherer, table = Gatherer(LONG), {"a": Table(store)}
    first = gatherer.gather(table).numbers["a"]
    assert gatherer.gather(table).numbers["a"] == first
    store.rows = 20
    assert gatherer.gather(table).numbers["a"] != first


def test_a_late_store_holds_nobody_up_and_its_answer_is_there_the_next_time(store):
    gatherer, table = Gatherer(SHORT), {"a": Table(store)}
    late = gatherer.gather(table)
    assert late.statistics["a"].rows.provenance is Provenance.DEFAULT
    (said,) = late.troubles
    assert said.startswith("a (a table of a test): its store did not tell what it knows within")
    assert "100,000" in said

    question = next(iter(gatherer._asked.values()))
    ready(store)
    assert question.answered.wait(LONG)

    assert gatherer.gather(table).statistics["a"].rows.likely == 10


def test_an_answer_that_took_longer_than_the_budget_is_late_whoever_looked_first(store):
    ready(store)
    (said,) = Gatherer(0).gather({"a": Table(store)}).troubles
    assert "did not tell what it knows within 0 s" in said


def test_one_store_that_is_late_takes_nothing_from_the_others(store):
    quick = ready(Store(rows=7))
    found = Gatherer(1.0).gather({"late": Table(store), "quick": Table(quick)})
    assert found.statistics["quick"].rows.likely == 7
    assert found.statistics["late"].rows.provenance is Provenance.DEFAULT


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SourceError("no answer from db:5432"), "no answer from db:5432"),
        (ValueError("what?"), "ValueError: what?"),
        (SourceError("postgresql://me:hunter2@db/x is down"), "postgresql://me:***@db/x is down"),
    ],
)
def test_a_store_that_fails_is_named_once_and_without_secrets(store, error, said):
    ready(store).error = error
    gatherer, table = Gatherer(LONG), {"a": Table(store)}
    found = gatherer.gather(table)
    assert said in found.troubles[0]
    assert found.statistics["a"].trouble == said
    assert not gatherer.gather(table).troubles


def test_what_a_store_told_before_is_used_while_it_is_down(store):
    ready(store)
    gatherer, table = Gatherer(LONG), {"a": Table(store)}
    gatherer.gather(table)
    store.error = SourceError("gone")
    found = gatherer.gather(table)
    assert found.statistics["a"].rows.likely == 10
    assert "~10" in found.troubles[0] or "10 (database statistics)" in found.troubles[0]


def test_garbage_is_taken_for_nothing_and_said(store):
    ready(store).rows = -3
    found = Gatherer(LONG).gather({"a": Table(store)})
    assert found.statistics["a"].rows == TableStatistics.unknown().rows
    assert "its statistics say that it has -3 rows" in found.troubles[0]


def test_a_key_that_nobody_vouches_for_now_is_none(store):
    ready(store).keys = (frozenset({"a"}),)
    gatherer, table = Gatherer(LONG), {"a": Table(store)}
    before = gatherer.gather(table)
    store.error = SourceError("gone")
    after = gatherer.gather(table)
    assert before.statistics["a"].keys == (frozenset({"a"}),)
    assert after.statistics["a"].keys == ()
    assert after.numbers["a"] != before.numbers["a"]
