"""Held-out rows and canonical order: by content, whatever the order, the engine or the party."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from wayfed.arrays import Arrays
from wayfed.federated.features.canonical import canonical_order, digest, hash_rows
from wayfed.federated.features.split import (
    ByContent,
    Split,
    as_split,
    by_hash,
    by_time,
    held_out,
    split_from_dict,
    split_to_dict,
)
from wayfed_optimizer.errors import InvalidOption, TypeMismatch


def table(**columns: Any) -> Arrays:
    return Arrays.from_table(pa.table(columns))


def held(split: Split | None, arrays: Arrays) -> np.ndarray:
    hashes = hash_rows(arrays)
    return held_out(split, arrays, hashes, canonical_order(hashes))


def test_the_same_rows_are_held_out_in_any_order() -> None:
    rows = table(x=np.arange(1000) / 8, t=[str(i % 7) for i in range(1000)])
    order = np.random.default_rng(0).permutation(1000)

    first, second = held(ByContent(0.2), rows), held(ByContent(0.2), rows.take(order))

    assert 150 < first.sum() < 250
    np.testing.assert_array_equal(first[order], second)


def test_equal_rows_are_told_apart() -> None:
    rows = table(x=[1.0] * 1000)

    assert 150 < held(ByContent(0.2), rows).sum() < 250


def test_a_key_is_on_one_side_only() -> None:
    rows = table(customer=np.arange(1000) % 50, x=np.arange(1000))

    out = held(by_hash("customer", test=0.3), rows)

    assert set(rows["customer"][out]).isdisjoint(rows["customer"][~out])
    assert 0.15 < out.mean() < 0.45


def test_the_width_of_an_integer_key_does_not_matter() -> None:
    wide = table(k=np.arange(100, dtype=np.int64), x=np.arange(100))
    narrow = table(k=np.arange(100, dtype=np.int16), x=np.zeros(100))

    np.testing.assert_array_equal(held(by_hash("k"), wide), held(by_hash("k"), narrow))


def test_what_lies_at_or_after_the_cut_is_held_out_and_null_is_not() -> None:
    rows = table(
        day=[datetime.date(2013, 9, 30), datetime.date(2013, 10, 1), None],
        at=[datetime.datetime(2013, 10, 1, 12), datetime.datetime(2013, 9, 1), None],
        month=[9, 10, 11],
    )

    assert held(by_time("day", datetime.date(2013, 10, 1)), rows).tolist() == [False, True, False]
    assert held(by_time("at", "2013-10-01T12:00"), rows).tolist() == [True, False, False]
    assert held(by_time("month", 10), rows).tolist() == [False, True, True]


def test_a_cut_of_another_type_is_refused() -> None:
    rows = table(month=[9, 10], day=[datetime.date(2013, 1, 1)] * 2, t=["a", "b"])

    with pytest.raises(TypeMismatch, match="'month' is int64 and cannot be cut at '2013"):
        held(by_time("month", "2013-10-01"), rows)
    with pytest.raises(TypeMismatch, match="'t' is string"):
        held(by_time("t", "b"), rows)
    with pytest.raises(InvalidOption, match="not a date"):
        held(by_time("day", "october"), rows)


def test_zoned_cuts_are_instants() -> None:
    paris = datetime.timezone(datetime.timedelta(hours=2))

    cut = by_time("at", datetime.datetime(2013, 10, 1, 2, tzinfo=paris))

    assert cut.cut == "2013-10-01T00:00:00"


@pytest.mark.parametrize(
    "split", [None, ByContent(0.25), by_hash(["a", "b"], test=0.5), by_time("m", 3)], ids=str
)
def test_splits_survive_json(split: Split | None) -> None:
    assert split_from_dict(split_to_dict(split)) == split


def test_test_takes_a_fraction_a_split_or_nothing() -> None:
    assert as_split(0.2) == ByContent(0.2)
    assert as_split(0) is as_split(None) is None
    with pytest.raises(InvalidOption, match="between 0 and 1"):
        as_split(1.2)


VALUES = [
    [True, False],
    [1, 2],
    [0.5, 1.5],
    [datetime.date(2013, 1, 1), datetime.date(2013, 1, 2)],
    [Decimal("1.50"), Decimal("2.50")],
    ["a", "b"],
    [b"a", b"b"],
    [[1, 2], [1]],
    [None, 1],
]


@pytest.mark.parametrize("values", VALUES, ids=str)
def test_a_digest_knows_content_but_not_order(values: list[Any]) -> None:
    def digest_of(column: list[Any]) -> str:
        arrays = table(v=pa.array(column))
        hashes = hash_rows(arrays)
        return digest(arrays, hashes, canonical_order(hashes))

    first, second = values

    assert digest_of([first, second, second]) == digest_of([second, first, second])
    assert digest_of([first, second, second]) != digest_of([first, first, second])


def test_zeros_and_nans_hash_alike_and_null_as_itself() -> None:
    hashes = hash_rows(table(x=[0.0, -0.0, float("nan"), -float("nan"), None]))[0]

    assert hashes[0] == hashes[1]
    assert hashes[2] == hashes[3]
    assert len(set(hashes.tolist())) == 3
