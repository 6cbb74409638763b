"""Terminals: rows handed over in each form, written whole or not at all, ended when left."""

from __future__ import annotations

import datetime
import decimal
import threading

import polars as pl
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

import wayfed as wf
from wayfed_optimizer.errors import (
    Cancelled,
    ExecutionError,
    SourceError,
    TypeMismatch,
    UnboundedResult,
    WayfedError,
)
from wayfed_optimizer.relations import Read


def test_every_form_has_the_same_rows(orders):
    paid = orders.filter(lambda t: t.amount > 5).sort("id").select("id", "amount")
    table = paid.to_arrow()
    assert table.to_pydict() == {"id": [1, 2], "amount": [10.0, 20.0]}
    assert paid.to_polars().equals(pl.from_arrow(table))
    assert paid.to_pandas().to_dict("list") == table.to_pydict()
    assert paid.to_numpy()["amount"].tolist() == [10.0, 20.0]
    assert paid.toNumpy()["id"].tolist() == [1, 2]
    with paid.to_batches() as batches:
        assert [row for batch in batches for row in batch.to_pylist()] == table.to_pylist()
    assert paid.count() == 2


def test_an_integer_with_nulls_stays_an_integer_in_pandas(ctx):
    frame = ctx.read({"n": [2**53 + 1, None], "b": [True, None]}).to_pandas()
    assert frame["n"].dtype == "Int64"
    assert frame["n"][0] == 2**53 + 1
    assert frame["b"].dtype == "boolean"


def test_describe_counts_and_measures_each_column(orders):
    described = orders.describe()
    assert described.rows == 3
    amount = described["amount"]
    assert (amount.values, amount.nulls, amount.mean, amount.min, amount.max) == (2, 1, 15, 10, 20)
    assert described["day"].max == datetime.date(2024, 1, 3)
    assert described["day"].mean is None
    assert "3 rows" in repr(described)


def test_show_prints_the_first_rows(orders, capsys):
    orders.sort("id").show(2)
    printed = capsys.readouterr().out
    assert "10.0" in printed
    assert "float64" in printed
    assert "NULL" not in printed
    orders.show()
    assert "NULL" in capsys.readouterr().out


READERS = {
    "parquet": parquet.read_table,
    "csv": csv.read_csv,
    "arrow": lambda path: pa.ipc.open_file(path).read_all(),
}


@pytest.mark.parametrize("suffix", READERS)
def test_a_written_file_holds_the_rows(orders, tmp_path, suffix):
    target = tmp_path / f"orders.{suffix}"
    assert orders.write(target) == 3
    assert (
        READERS[suffix](target).sort_by("id").to_pydict()
        == orders.sort("id").to_arrow().to_pydict()
    )
    assert [each.name for each in tmp_path.iterdir()] == [target.name]


def test_lines_of_json_hold_the_rows(ctx, tmp_path):
    price = pa.array([decimal.Decimal("1.50"), None])
    day = pa.array([datetime.date(2024, 1, 31)] * 2)
    ctx.read(pa.table({"price": price, "day": day})).write(tmp_path / "x.ndjson")
    lines = (tmp_path / "x.ndjson").read_text().splitlines()
    assert sorted(lines) == [
        '{"price":"1.50","day":"2024-01-31"}',
        '{"price":null,"day":"2024-01-31"}',
    ]


def test_a_target_that_exists_is_replaced_only_when_asked(orders, tmp_path):
    target = tmp_path / "orders.parquet"
    orders.write(target)
    with pytest.raises(SourceError, match="exists already"):
        orders.write(target)
    assert orders.limit(1).write(target, mode="overwrite") == 1
    assert parquet.read_table(target).num_rows == 1
    with pytest.raises(SourceError, match="no directory"):
        orders.write(tmp_path / "none" / "orders.parquet")


def test_a_failure_leaves_the_target_as_it_was(ctx, tmp_path):
    target = tmp_path / "x.parquet"
    ctx.read({"x": ["1", "2"]}).write(target)
    failing = ctx.read({"x": ["1", "two"]}).cast(x="int64")
    with pytest.raises(WayfedError):
        failing.write(target, mode="overwrite")
    assert parquet.read_table(target)["x"].to_pylist() == ["1", "2"]
    assert [each.name for each in tmp_path.iterdir()] == [target.name]


def test_what_a_format_cannot_hold_is_an_error_before_anything_runs(ctx, tmp_path):
    nested = ctx.read(pa.table({"x": [[1, 2]]}))
    with pytest.raises(TypeMismatch, match=r"'x' is list<int64>, for which csv has no form"):
        nested.write(tmp_path / "x.csv")
    assert not list(tmp_path.iterdir())


def test_a_terminal_that_needs_an_end_is_refused_where_there_is_none(ctx, tmp_path):
    endless = ctx.dataset(Read("clicks", wf.Schema.of(id="int64"), is_bounded=False))
    terminals = (
        endless.to_arrow,
        endless.to_numpy,
        endless.to_pandas,
        endless.to_polars,
        endless.count,
        endless.describe,
        lambda: endless.write(tmp_path / "x.parquet"),
        lambda: endless.explain(analyze=True),
    )
    for terminal in terminals:
        with pytest.raises(UnboundedResult):
            terminal()
    assert "without an end" in repr(endless)
    assert not list(tmp_path.iterdir())


def test_a_python_function_sees_the_values_of_each_row(ctx):
    rows = ctx.read({"id": [1, 2], "name": ["a", None]})
    doubled = rows.map(lambda row: {"id": row.id * 2, "name": row["name"]}, schema=rows.schema)
    assert doubled.sort("id").to_arrow().to_pylist() == [
        {"id": 2, "name": "a"},
        {"id": 4, "name": None},
    ]

    def times(row):
        for number in range(row.id):
            yield {"n": number}

    assert rows.flat_map(times, schema={"n": "int64"}).count() == 3


def test_a_function_that_raises_is_the_cause_of_the_error(ctx):
    rows = ctx.read({"id": [1, 0]})
    with pytest.raises(ExecutionError, match="ZeroDivisionError") as caught:
        rows.map(lambda row: (1 // row.id,), schema={"x": "int64"}).to_arrow()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_closing_the_context_ends_what_runs(ctx):
    batch = pa.record_batch({"id": [1, 2]})
    rows = ctx.read(pa.Table.from_batches([batch] * 20))
    batches = rows.map_batches(lambda batch: batch, schema=rows.schema).to_batches()
    next(batches)
    ctx.close()
    with pytest.raises(WayfedError):
        list(batches)


def test_ctrl_c_in_a_function_ends_the_run_and_leaves_the_context_usable(ctx):
    rows = ctx.read({"id": [1, 2, 3]})

    def interrupted(row):
        raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, Cancelled)):
        rows.map(interrupted, schema={"x": "int64"}).to_arrow()
    assert rows.count() == 3


def test_threads_share_a_context(ctx, orders):
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(orders.filter("amount > 5").count()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [2, 2, 2, 2]


def test_an_error_while_running_stands_at_the_line_of_the_terminal(ctx):
    rows = ctx.read({"x": [1, 1000]}).cast(x="int8")
    with pytest.raises(WayfedError) as caught:
        rows.to_arrow()
    assert "test_terminals.py, line" in str(caught.value)
