from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wayfed_files import CONNECTOR
from wayfed_optimizer.errors import InvalidOption, SourceChanged, SourceError, Unsupported
from wayfed_optimizer.platform import SourceRequest
from wayfed_optimizer.types import Schema


def names(source):
    return [path.name for path in source.open(source.snapshot()).paths]


def test_a_glob_means_its_files_in_order(folder):
    for name in ("b.parquet", "a.parquet", "notes.txt"):
        folder.parquet(name, n=[1])
    source = folder.source("*.parquet")
    assert names(source) == ["a.parquet", "b.parquet"]
    assert str(source.statistics().rows) == "2 (footer)"
    assert source.description.endswith("*.parquet (2 files)")


def test_two_stars_reach_into_directories(folder):
    folder.parquet("2013/01.parquet", n=[1])
    folder.parquet("2013/more/02.parquet", n=[1])
    assert names(folder.source("**/*.parquet")) == ["01.parquet", "02.parquet"]


def test_a_directory_means_its_visible_files(folder):
    folder.parquet("lake/part-0.parquet", n=[1])
    folder.parquet("lake/_temporary/part-1.parquet", n=[1])
    folder.text("lake/_SUCCESS", "")
    folder.text("lake/README.md", "about")
    assert names(folder.source("lake")) == ["part-0.parquet"]


def test_paths_and_urls_are_taken_too(folder):
    target = folder.parquet("my flights.parquet", n=[1])
    for each in (target, target.as_uri()):
        source = CONNECTOR.source(SourceRequest(each), None)
        assert names(source) == ["my flights.parquet"]


def test_a_file_with_brackets_in_its_name_is_that_file(folder):
    folder.parquet("f[1].parquet", n=[1])
    assert names(folder.source("f[1].parquet")) == ["f[1].parquet"]


def test_a_relative_path_stays_where_it_was_when_the_directory_changes(folder, monkeypatch):
    folder.parquet("f.parquet", n=[1])
    monkeypatch.chdir(folder.path)
    source = CONNECTOR.source(SourceRequest("f.parquet"), None)
    monkeypatch.chdir("/")
    assert source.open(source.snapshot()).paths == (folder.path / "f.parquet",)


def test_format_says_what_an_ending_does_not(folder):
    folder.text("f.txt", "a,b\n1,2\n")
    assert folder.source("f.txt", format="csv").schema.names == ("a", "b")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("flihgts.parquet", "did you mean 'flights.parquet'"),
        ("nowhere/f.parquet", "does not exist"),
        ("*.csv", "no file matches"),
        ("nowhere/*.csv", "no directory"),
        ("notes.txt", "does not say which format"),
        ("empty", "no files of a known format"),
        ("mixed", "different formats"),
        ("mixed/*", "different formats"),
    ],
)
def test_a_place_without_a_table_says_what_is_there_instead(folder, name, told):
    folder.parquet("flights.parquet", n=[1])
    folder.text("notes.txt", "")
    folder.text("empty/notes.txt", "")
    folder.parquet("mixed/a.parquet", n=[1])
    folder.text("mixed/b.csv", "n\n1\n")
    with pytest.raises(SourceError, match=told):
        folder.source(name)


def test_an_unknown_format_suggests_a_known_one(folder):
    folder.text("f.txt", "a\n1\n")
    with pytest.raises(InvalidOption, match="did you mean 'parquet'"):
        folder.source("f.txt", format="parket")


@pytest.mark.parametrize("place", ["lake", "lake/**/*.parquet", "lake/*/*.parquet"])
def test_directories_stand_for_columns_of_parquet_files(folder, place):
    folder.parquet("lake/year=2013/day=2013-01-31/f.parquet", n=[1])
    folder.parquet("lake/year=2014/day=__HIVE_DEFAULT_PARTITION__/f.parquet", n=[2])
    wanted = {"lake/*/*.parquet": "lake/*/*/*.parquet"}.get(place, place)
    assert str(folder.source(wanted).schema) == "Schema(n int64, year int64 not null, day date)"


def test_files_below_different_columns_are_both_named(folder):
    folder.parquet("lake/year=2013/f.parquet", n=[1])
    folder.parquet("lake/month=1/f.parquet", n=[1])
    with pytest.raises(SourceError, match=r"under year=…, and .* under month=…"):
        folder.source("lake")


def test_directories_that_stand_for_a_column_of_text_files_are_refused(folder):
    folder.text("lake/year=2013/f.csv", "n\n1\n")
    with pytest.raises(Unsupported, match="the column 'year'"):
        folder.source("lake")


@pytest.mark.parametrize(
    ("first", "second", "column"),
    [
        ({"n": [1], "x": ["a"]}, {"n": [1]}, "x"),
        ({"n": [1]}, {"n": [1], "x": ["a"]}, "x"),
        ({"n": [1]}, {"n": ["a"]}, "n"),
        ({"n": [1]}, {"n": pa.array([1], pa.int32())}, "n"),
    ],
)
def test_files_that_disagree_are_both_named_with_the_column(folder, first, second, column):
    folder.parquet("a.parquet", **first)
    folder.parquet("b.parquet", **second)
    with pytest.raises(SourceError, match=f"'{column}'") as caught:
        folder.source("*.parquet")
    assert "a.parquet" in str(caught.value)
    assert "b.parquet" in str(caught.value)


def test_a_column_that_may_be_null_in_one_file_may_be_null(folder):
    column = pa.schema([pa.field("n", pa.int64(), nullable=False)])
    pq.write_table(pa.table({"n": [1]}, schema=column), folder.path / "a.parquet")
    assert not folder.source("a.parquet").schema["n"].nullable
    folder.parquet("b.parquet", n=[None, 2])
    assert folder.source("*.parquet").schema["n"].nullable


def test_inferred_types_of_text_files_are_widened_to_agree(folder):
    folder.text("a.csv", "n,x,d\n1,,2013-01-01\n")
    folder.text("b.csv", "n,x,d\n1.5,word,2013-01-01 10:00:00\n")
    source = folder.source("*.csv")
    assert str(source.schema) == "Schema(n float64, x text, d timestamp)"


def test_csv_files_with_columns_in_another_order_are_refused(folder):
    folder.text("a.csv", "n,m\n1,2\n")
    folder.text("b.csv", "m,n\n1,2\n")
    with pytest.raises(SourceError, match=r"stands elsewhere"):
        folder.source("*.csv")


def test_given_types_settle_what_files_disagree_about(folder):
    folder.text("a.csv", "n\n1\n")
    folder.text("b.csv", "n\nx\n")
    assert str(folder.source("*.csv", schema=Schema.of(n="text")).schema) == "Schema(n text)"


def test_json_lines_may_leave_columns_out_of_a_file(folder):
    folder.text("a.ndjson", '{"n": 1}\n')
    folder.text("b.ndjson", '{"m": "x", "n": 2.5}\n')
    assert str(folder.source("*.ndjson").schema) == "Schema(n float64, m text)"


def touch(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


def test_unchanged_files_have_one_version(folder):
    folder.parquet("a.parquet", n=[1])
    source = folder.source("*.parquet")
    snapshot = source.snapshot()
    assert source.snapshot() == snapshot
    source.verify(snapshot)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: touch(folder.path / "a.parquet"), "a.parquet' was changed"),
        (lambda folder: (folder.path / "a.parquet").unlink(), "a.parquet' is gone"),
        (lambda folder: folder.parquet("c.parquet", n=[1]), "c.parquet' was added"),
    ],
)
def test_a_change_while_files_are_read_names_the_file(folder, change, told):
    folder.parquet("a.parquet", n=[1])
    folder.parquet("b.parquet", n=[1])
    source = folder.source("*.parquet")
    snapshot = source.snapshot()
    change(folder)
    with pytest.raises(SourceChanged, match=told):
        source.verify(snapshot)


def test_new_rows_between_plan_and_run_are_read(folder):
    folder.parquet("a.parquet", n=[1])
    source = folder.source("*.parquet")
    folder.parquet("b.parquet", n=[2, 3])
    assert names(source) == ["a.parquet", "b.parquet"]
    assert source.statistics().rows.likely == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: (folder.path / "a.parquet").unlink(), "no file matches"),
        (lambda folder: folder.parquet("a.parquet", m=[1]), "n int64|columns"),
        (lambda folder: folder.parquet("b.parquet", m=[1]), "b.parquet"),
        (lambda folder: folder.text("a.parquet", "gone wrong"), "looks like text"),
    ],
)
def test_files_that_no_longer_fit_the_plan_are_an_error_before_the_run(folder, change, told):
    folder.parquet("a.parquet", n=[1])
    source = folder.source("*.parquet")
    change(folder)
    with pytest.raises(SourceChanged, match=told):
        source.snapshot()


@pytest.mark.parametrize(
    ("target", "format", "claimed"),
    [
        ("flights.parquet", None, True),
        ("lake/2013", None, True),
        ("file:///data/x", None, True),
        (Path("x"), None, True),
        ("*.csv", None, True),
        ("flights", "csv", True),
        ("flights", None, False),
        ("postgresql://host/db", None, False),
        ("s3://bucket/x.parquet", None, False),
        (42, None, False),
    ],
)
def test_files_claim_paths_and_leave_names_and_urls(target, format, claimed):
    assert CONNECTOR.claims(target, format) is claimed


def test_a_table_inside_a_file_is_refused(folder):
    folder.parquet("a.parquet", n=[1])
    with pytest.raises(InvalidOption, match="table="):
        folder.source("a.parquet", table="t")


@pytest.mark.parametrize("root", ["/", "//"])
def test_the_root_of_all_files_is_no_table(root):
    with pytest.raises(SourceError, match="root of all files"):
        CONNECTOR.source(SourceRequest(root), None)
