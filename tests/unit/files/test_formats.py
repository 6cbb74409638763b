from __future__ import annotations

import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wayfed_optimizer.errors import ColumnNotFound, InvalidOption, SourceError, TypeMismatch
from wayfed_optimizer.platform import ARROW_FILES, CSV_FILES, NDJSON_FILES, PARQUET_FILES
from wayfed_optimizer.types import Schema


def types_of(source):
    return {field.name: str(field.type) for field in source.schema}


def test_parquet_tells_its_columns_rows_and_bounds(folder):
    days = [datetime.date(2013, 1, 1), None, datetime.date(2013, 12, 31)]
    folder.parquet("f.parquet", day=days, delay=[3, 5, 5], price=[Decimal("1.50")] * 3)
    source = folder.source("f.parquet")
    assert source.channel == PARQUET_FILES
    assert types_of(source) == {"day": "date", "delay": "int64", "price": "decimal(3,2)"}
    statistics = source.statistics()
    assert str(statistics.rows) == "3 (footer)"
    day = statistics.columns["day"]
    assert (day.low, day.high, day.null_fraction) == (days[0], days[2], pytest.approx(1 / 3))
    assert (statistics.columns["delay"].low, statistics.columns["delay"].high) == (3, 5)


def test_the_size_of_a_dictionary_tells_the_number_of_different_values(folder):
    rows = 20_000
    folder.parquet(
        "f.parquet",
        month=[1 + i % 12 for i in range(rows)],
        id=[1_000 * i for i in range(rows)],
        town=[f"town {i % 700}" for i in range(rows)],
    )
    columns = folder.source("f.parquet").statistics().columns
    assert columns["month"].distinct == pytest.approx(12, rel=0.35)
    assert columns["id"].distinct == pytest.approx(rows, rel=0.05)
    assert columns["town"].distinct == pytest.approx(700, rel=0.25)


def test_a_range_of_integers_bounds_the_number_of_different_ones(folder):
    folder.parquet("f.parquet", month=[1, 2, 3] * 10)
    assert folder.source("f.parquet").statistics().columns["month"].distinct <= 3


def test_parquet_timestamps_in_nanoseconds_are_read_as_microseconds(folder):
    table = pa.table({"at": pa.array([1_000], pa.timestamp("ns")), "n": [1]})
    pq.write_table(table, folder.path / "f.parquet")
    source = folder.source("f.parquet")
    assert types_of(source) == {"at": "timestamp", "n": "int64"}
    assert source.open(source.snapshot()).options["nanoseconds"] == ("at",)


def test_csv_columns_are_inferred(folder):
    folder.text(
        "f.csv",
        "i,f,b,d,t,z,x,clock,nothing\n"
        "1,1.5,true,2013-01-01,2013-01-01 10:00:00,2013-01-01T10:00:00Z,NA,10:30,\n"
        '2,nan,false,,,,"",11:00,\n',
    )
    source = folder.source("f.csv")
    assert source.channel == CSV_FILES
    assert types_of(source) == {
        "i": "int64",
        "f": "float64",
        "b": "bool",
        "d": "date",
        "t": "timestamp",
        "z": "timestamp_utc",
        "x": "text",
        "clock": "text",
        "nothing": "text",
    }
    assert str(source.statistics().rows) == "~2 (derived)"


def test_whole_numbers_beyond_int64_in_csv_are_exact(folder):
    folder.text("f.csv", "plus,huge,f\n+1,18446744073709551615,1\n2,,1.5\n")
    assert types_of(folder.source("f.csv")) == {
        "plus": "int64",
        "huge": "decimal(38,0)",
        "f": "float64",
    }


def test_a_csv_of_a_header_alone_has_columns_and_no_rows(folder):
    for name, content in (("a.csv", "a,b\n"), ("b.csv", "a,b")):
        folder.text(name, content)
        source = folder.source(name)
        assert types_of(source) == {"a": "text", "b": "text"}
        assert source.statistics().rows.high == 0


def test_csv_options_say_how_it_is_written(folder):
    folder.text("f.csv", "1;'a;b'\nNA;'c'\n")
    options = {"delimiter": ";", "quote": "'", "header": False, "null_values": ["NA"]}
    source = folder.source("f.csv", options=options)
    assert types_of(source) == {"column0": "int64", "column1": "text"}
    assert source.open(source.snapshot()).options["null_values"] == ["NA"]


def test_rows_of_a_long_csv_are_estimated_by_its_size(folder):
    folder.text("f.csv", "n,name\n" + "12345678,abcdefgh\n" * 200_000)
    rows = folder.source("f.csv").statistics().rows
    assert rows.low < 200_000 < rows.high
    assert rows.likely == pytest.approx(200_000, rel=0.05)


def test_packed_text_is_read_as_what_it_contains(folder):
    folder.text("f.csv.gz", "n\n1\n")
    folder.text("f.jsonl.gz", '{"n": 1}\n')
    assert types_of(folder.source("f.csv.gz")) == {"n": "int64"}
    assert types_of(folder.source("f.jsonl.gz")) == {"n": "int64"}


def test_json_lines_are_inferred(folder):
    folder.text(
        "f.ndjson",
        '{"i": 1, "f": 1, "d": "2013-01-01", "t": "2013-01-01T10:00:00", "x": "a", "l": [1]}\n'
        '{"i": 2, "f": 1.5, "z": "2013-01-01T10:00:00Z", "t": "2013-01-01 10:00:00.5"}\n'
        '{"d": null, "nothing": null, "b": true, "m": "2013-01-01", "none": "2013-13-45"}\n'
        '{"m": "later", "s": {"a": 1}, "e": {"a": {}}}\n',
    )
    source = folder.source("f.ndjson")
    assert source.channel == NDJSON_FILES
    assert types_of(source) == {
        "i": "int64",
        "f": "float64",
        "d": "date",
        "t": "timestamp",
        "x": "text",
        "l": "list<int64>",
        "z": "timestamp_utc",
        "nothing": "text",
        "b": "bool",
        "m": "text",
        "none": "text",
        "s": "struct<a: int64>",
        "e": "text",
    }


def test_whole_numbers_beyond_int64_in_json_lines_are_exact(folder):
    folder.text("f.ndjson", f'{{"n": {2**64}, "f": 1e300}}\n{{"n": -5, "f": 0.5}}\n{{"n": null}}\n')
    assert types_of(folder.source("f.ndjson")) == {"n": "decimal(38,0)", "f": "float64"}


@pytest.mark.parametrize(
    "written", ["1e19", "10000000000000000000.0", f'{2**64}}}\n{{"n": 0.5', f"{10**38}"]
)
def test_what_is_written_as_a_float_in_json_lines_is_one(folder, written):
    folder.text("f.ndjson", f'{{"n": {2**63}}}\n{{"n": {written}}}\n')
    assert types_of(folder.source("f.ndjson")) == {"n": "float64"}


@pytest.mark.parametrize("names", [["a", "a"], ["a", ""]], ids=["two alike", "none"])
@pytest.mark.parametrize("name", ["f.parquet", "f.arrow", "f.arrows"])
def test_columns_that_cannot_be_told_apart_are_refused(folder, name, names):
    table = pa.table([pa.array([1]), pa.array([2])], names=names)
    target = folder.path / name
    if name == "f.parquet":
        pq.write_table(table, target)
    else:
        new = pa.ipc.new_stream if name == "f.arrows" else pa.ipc.new_file
        with new(target, table.schema) as writer:
            writer.write_table(table)

    with pytest.raises(
        SourceError, match=r"two columns of .* are called 'a'|column 2 of .* has no"
    ):
        folder.source(name)


@pytest.mark.parametrize("name", ["f.arrow", "f.feather", "f.arrows"])
def test_arrow_files_and_streams_tell_their_columns_and_rows(folder, name):
    folder.arrow(name, n=pa.array([1, 2], pa.uint8()), s=pa.array(["a", "b"], pa.large_string()))
    source = folder.source(name)
    assert source.channel == ARROW_FILES
    assert types_of(source) == {"n": "int16", "s": "text"}
    assert source.statistics().rows.likely == pytest.approx(2, rel=1)


def test_given_types_win_over_inferred_ones_and_choose_the_columns(folder):
    folder.text("f.csv", "zip,n,rest\n00501,1,x\n")
    source = folder.source("f.csv", schema=Schema.of(n="int32", zip="text"))
    assert types_of(source) == {"n": "int32", "zip": "text"}
    columns = source.open(source.snapshot()).options["columns"]
    assert [str(column) for column in columns] == ["zip text", "n int32", "rest text"]


def test_a_given_column_that_the_file_lacks_is_an_error(folder):
    folder.text("f.csv", "amount\n1\n")
    with pytest.raises(ColumnNotFound, match="did you mean 'amount'"):
        folder.source("f.csv", schema=Schema.of(ammount="int32"))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("f.parquet", b"", "is empty"),
        ("f.csv", b"", "is empty"),
        ("f.ndjson", b"", "is empty"),
        ("f.arrow", b"", "is empty"),
        ("f.parquet", b"a,b\n1,2\n", "looks like text"),
        ("f.parquet", b'{"a": 1}\n', "looks like JSON"),
        ("f.arrow", b"PAR1....PAR1", "looks like Parquet"),
        ("f.csv", b"PAR1....PAR1", "looks like Parquet"),
        ("f.csv", b"PK\x03\x04....", "ZIP archive"),
        ("f.csv", b"\x1f\x8b\x08\x00", "looks like gzip"),
        ("f.ndjson", b"SQLite format 3\x00", "SQLite"),
        ("f.ndjson", b'[{"a": 1}]', "line 1"),
        ("f.parquet", b"PAR1 and no more", "truncated"),
        ("f.arrow", b"ARROW1\x00\x00 and no more", "truncated"),
        ("f.csv", b"a,b\n1,2\n3,4,5\n", "line 3"),
        ("f.csv", b"a\n\xff\xfe\n", "not UTF-8"),
        ("f.csv", b"a,,c\n1,2,3\n", "column 2 of .* has no name"),
        ("f.csv", b"a,b,a\n1,2,3\n", "two columns"),
        ("f.ndjson", b'{"a": 1}\n{"a": \n', "line 2"),
        ("f.ndjson", b'\xef\xbb\xbf{"a": 1}\n', "byte order mark"),
        ("f.ndjson", b'{"a": "' + b"x" * 2_000_000 + b'"}\n', "longer than"),
        ("f.csv", b"a\n" + b"x" * 5_000_000 + b"\n", "longer than"),
        ("f.ndjson", b'{"a": 1}\n{"a": "x"}\n', "line 2"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_named_with_what_it_is(folder, name, content, told):
    folder.text(name, content)
    with pytest.raises(SourceError, match=told) as caught:
        folder.source(name)
    assert str(folder.path / name) in str(caught.value)


def test_gzip_cut_off_in_the_middle_is_an_error(folder):
    target = folder.text("f.csv.gz", "n\n" + "12345\n" * 1000)
    target.write_bytes(target.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"f\.csv\.gz"):
        folder.source("f.csv.gz")


def test_a_truncated_parquet_file_is_an_error(folder):
    target = folder.parquet("f.parquet", n=list(range(1000)))
    target.write_bytes(target.read_bytes()[:-100])
    with pytest.raises(SourceError, match="truncated"):
        folder.source("f.parquet")


def test_a_column_without_a_counterpart_names_the_cast(folder):
    folder.parquet("f.parquet", big=pa.array([1], pa.uint64()))
    with pytest.raises(TypeMismatch, match=r"'big'(.|\n)*decimal\(20,0\)"):
        folder.source("f.parquet")


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("f.csv", {"delimeter": ";"}, "did you mean 'delimiter'"),
        ("f.csv", {"delimiter": "||"}, "single character"),
        ("f.csv", {"header": 1}, "True or False"),
        ("f.csv", {"null_values": "NA"}, r'null_values=\["NA"\]'),
        ("f.parquet", {"header": True}, "not an option of parquet files"),
    ],
)
def test_an_option_that_cannot_be_is_refused(folder, name, options, told):
    folder.text("f.csv", "a\n1\n")
    folder.parquet("f.parquet", a=[1])
    with pytest.raises(InvalidOption, match=told):
        folder.source(name, options=options)
