"""What is known of the keys of relations, and that what the optimizer makes does not travel."""

from __future__ import annotations

import pytest

from wayfed_optimizer.dependencies import Dependencies
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Named, call, column, literal
from wayfed_optimizer.relations import (
    Aggregate,
    Filter,
    FirstMatches,
    Join,
    JoinKind,
    Read,
    Select,
    Sort,
)
from wayfed_optimizer.types import INT64, TEXT, Field, Schema
from wayfed_optimizer.wire import to_wire

CUSTOMERS = Read("customers", Schema((Field("id", INT64, False), Field("name", TEXT))))
CODES = Read("codes", Schema((Field("code", INT64), Field("label", TEXT))))
SALES = Read("sales", Schema((Field("customer", INT64), Field("amount", INT64))))
KEYS = {"customers": "id", "codes": "code"}
KNOWN = Dependencies(lambda table: (frozenset({KEYS[table]}),) if table in KEYS else ())


def test_a_key_that_may_be_null_is_one_where_nulls_are_left_aside() -> None:
    given = Filter(CODES, call("greater", column(CODES.schema, "code"), literal(0)))

    assert not KNOWN.of(CODES).is_unique({"code"})
    assert KNOWN.of(CODES).is_unique({"code"}, nulls_aside=True)
    assert KNOWN.of(given).is_unique({"code"})


def test_a_join_with_a_key_repeats_no_row() -> None:
    joined = Join(SALES, CUSTOMERS, JoinKind.INNER, (("customer", "id"),))

    assert KNOWN.of(joined).determined_by({"customer"}) >= {"id", "name"}
    assert not KNOWN.of(joined).is_unique({"customer"})
    assert KNOWN.of(Join(CUSTOMERS, CODES, JoinKind.LEFT, (("id", "code"),))).is_unique({"id"})


def test_a_row_of_nulls_that_an_outer_join_makes_decides_nothing() -> None:
    full = Join(CUSTOMERS, SALES, JoinKind.FULL, (("id", "customer"),))
    left = Join(SALES, CODES, JoinKind.LEFT, (("customer", "code"),))

    assert not KNOWN.of(full).is_unique({"id"})
    assert "label" in KNOWN.of(left).determined_by({"customer"})
    assert "label" not in KNOWN.of(left).determined_by({"code"})


def test_groups_are_unique_and_decided_by_what_decided_their_rows() -> None:
    keys = tuple(Named(name, column(CUSTOMERS.schema, name)) for name in ("id", "name"))
    groups = Aggregate(CUSTOMERS, keys, (Named("n", call("count")),))
    names = Select(groups, keys[1:])

    assert KNOWN.of(groups).is_unique({"id"})
    assert not KNOWN.of(names).is_unique({"name"})


def test_what_the_optimizer_makes_does_not_travel() -> None:
    plan = FirstMatches(Sort(SALES, ()), SALES, "candidates", 3)

    with pytest.raises(Unsupported, match="FirstMatches"):
        to_wire(plan)
