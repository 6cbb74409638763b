"""Files and directories that are written: what readers see, whenever they look."""

from __future__ import annotations

import datetime
import gc
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import wayfed as wf
from wayfed_files import manifest
from wayfed_optimizer.errors import (
    ColumnNotFound,
    ExecutionError,
    InvalidOption,
    SourceChanged,
    SourceError,
    TypeMismatch,
    Unsupported,
    WayfedError,
)

DRIVER = Path(__file__).with_name("killed_writers.py")
ORDERS = {"id": [1, 2, 3], "year": [2012, 2013, 2013]}


@pytest.fixture
def ctx():
    with wf.context() as context:
        yield context


def rows(ctx, place, *columns):
    table = ctx.read(str(place)).to_arrow()
    return sorted(zip(*(table[name].to_pylist() for name in columns), strict=True), key=repr)


def hidden(directory):
    return [path.name for path in directory.iterdir() if path.name.startswith((".", "_"))]


def test_a_partitioned_directory_is_read_back_with_its_columns(ctx, tmp_path):
    table = pa.table(
        {
            "n": [1, 2, 3, 4, 5],
            "where": ["a/b", "é😀=?", "a b+%", None, "NULL"],
            "day": [datetime.date(2013, 1, 31), None, None, datetime.date(1, 1, 1), None],
            "flag": [True, False, None, True, True],
            "small": pa.array([1, None, -3, 4, 5], pa.int16()),
        }
    )
    by = ["where", "day", "flag", "small"]
    assert ctx.read(table).write(tmp_path / "lake", partition_by=by) == 5
    for place in ("lake", "lake/**/*.parquet"):
        back = ctx.read(str(tmp_path / place)).to_arrow().sort_by("n")
        assert back.equals(table)
    names = {path.parts[-5] for path in (tmp_path / "lake").rglob("*.parquet")}
    assert "where=a%2Fb" in names


@pytest.mark.spark
def test_spark_reads_the_same_columns_of_directories(spark_options, tmp_path):
    with wf.context(spark=spark_options) as ctx:
        table = pa.table({"n": [1, 2, 3], "where": ["a/b%", "é😀= +", None], "k": [1, None, -3]})
        ctx.read(table).write(tmp_path / "lake x", partition_by=["where", "k"])
        lake = ctx.read(str(tmp_path / "lake x"))
        assert lake.on("spark").sort("n").to_arrow().to_pylist() == table.to_pylist()
        assert lake.filter("k = 1").on("spark").to_arrow()["n"].to_pylist() == [1]


def test_one_partition_of_many_is_read_alone(ctx, tmp_path):
    ctx.read(ORDERS).write(tmp_path / "lake", partition_by="year")
    lake = ctx.read(str(tmp_path / "lake"))
    assert lake.filter("year = 2012").to_numpy()["id"].tolist() == [1]
    assert lake.columns == ("id", "year")


def test_a_directory_is_read_by_its_bare_name(ctx, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ctx.read(ORDERS).write("lake", partition_by="year")
    assert rows(ctx, "lake", "id") == [(1,), (2,), (3,)]


def test_rows_without_any_partition_keep_their_columns(ctx, tmp_path):
    ctx.read(ORDERS).filter("id > 5").write(tmp_path / "lake", partition_by="year")
    back = ctx.read(str(tmp_path / "lake"))
    assert (back.count(), back.columns) == (0, ("id", "year"))


def test_a_directory_is_made_added_to_and_replaced(ctx, tmp_path):
    place = f"{tmp_path}/lake/"
    orders = ctx.read(ORDERS)
    orders.write(place, mode="append", partition_by="year")
    with pytest.raises(SourceError, match="exists already"):
        orders.write(place, partition_by="year")
    more = ctx.read({"year": [2013, 2014], "id": pa.array([4, 5], pa.int8())})
    assert more.write(place, mode="append") == 2
    assert rows(ctx, place, "id", "year") == [(1, 2012), (2, 2013), (3, 2013), (4, 2013), (5, 2014)]
    assert ctx.read({"id": [9]}).write(place, mode="overwrite") == 1
    assert rows(ctx, place, "id") == [(9,)]
    assert hidden(tmp_path) == hidden(tmp_path / "lake") == []


def test_what_does_not_fit_a_directory_is_refused_with_the_cast(ctx, tmp_path):
    place = tmp_path / "lake"
    ctx.read(ORDERS).write(place, partition_by="year")
    cases = (
        ({"id": ["a"], "year": [1]}, (), TypeMismatch, r"\.cast\(id='int64'\)"),
        ({"id": [1], "yaer": [1]}, (), ColumnNotFound, "did you mean 'year'"),
        ({"id": [1]}, (), SourceError, r"no column 'year'"),
        ({"id": [1], "year": [1]}, ("id",), InvalidOption, r"is partitioned by \['year'\]"),
    )
    for columns, by, error, told in cases:
        with pytest.raises(error, match=told):
            ctx.read(columns).write(place, mode="append", partition_by=by)
    floats = ctx.read({"x": [1.5], "y": [1]})
    with pytest.raises(TypeMismatch, match=r"cast\(x='text'\)"):
        floats.write(tmp_path / "new", partition_by="x")
    with pytest.raises(ColumnNotFound):
        floats.write(tmp_path / "new", partition_by="z")
    with pytest.raises(InvalidOption, match="every column"):
        floats.select("y").write(tmp_path / "new", partition_by="y")
    with pytest.raises(Unsupported, match="directory of csv"):
        floats.write(tmp_path / "new.csv", partition_by="y")
    with pytest.raises(ExecutionError, match="takes for NULL"):
        ctx.read({"x": [""], "y": [1]}).write(tmp_path / "new", partition_by="x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake"]


@pytest.mark.parametrize("name", ["_k", ".k", "a=b", "a/b"])
def test_no_rows_go_where_no_reader_would_look(ctx, tmp_path, name):
    with pytest.raises(InvalidOption, match="no directory is named after column"):
        ctx.read({"id": [1], name: [2]}).write(f"{tmp_path}/lake/", partition_by=name)
    assert list(tmp_path.iterdir()) == []


def test_one_file_is_not_added_to(ctx, tmp_path):
    with pytest.raises(Unsupported, match="add files to a directory"):
        ctx.read(ORDERS).write(tmp_path / "x.parquet", mode="append")


def test_a_plan_may_replace_and_add_to_what_it_reads(ctx, tmp_path):
    place = f"{tmp_path}/lake/"
    ctx.read(ORDERS).write(place, partition_by="year")
    lake = ctx.read(place)
    lake.with_columns(id=wf.col("id") + 10).write(place, mode="append")
    assert [n for n, _ in rows(ctx, place, "id", "year")] == [1, 11, 12, 13, 2, 3]
    ctx.read(place).filter("id > 10").write(place, mode="overwrite", partition_by="year")
    assert rows(ctx, place, "id", "year") == [(11, 2012), (12, 2013), (13, 2013)]
    file = tmp_path / "x.parquet"
    ctx.read(ORDERS).write(file)
    ctx.read(str(file)).filter("id > 1").write(file, mode="overwrite")
    assert rows(ctx, file, "id") == [(2,), (3,)]


def test_packed_text_is_written(ctx, tmp_path):
    for name in ("x.csv.gz", "x.ndjson.gz"):
        ctx.read(ORDERS).write(tmp_path / name)
        assert rows(ctx, tmp_path / name, "id") == [(1,), (2,), (3,)]


def test_a_link_is_followed(ctx, tmp_path):
    ctx.read(ORDERS).write(tmp_path / "x.parquet")
    (tmp_path / "link.parquet").symlink_to(tmp_path / "x.parquet")
    ctx.read({"id": [7]}).write(tmp_path / "link.parquet", mode="overwrite")
    assert (tmp_path / "link.parquet").is_symlink()
    assert rows(ctx, tmp_path / "x.parquet", "id") == [(7,)]


def test_many_partitions_in_many_batches_keep_every_row(ctx, tmp_path):
    table = pa.table({"k": [i % 97 for i in range(20_000)], "n": list(range(20_000))})
    batched = pa.Table.from_batches(table.to_batches(max_chunksize=500))
    ctx.read(batched).write(tmp_path / "lake", partition_by="k")
    assert len(list((tmp_path / "lake").rglob("*.parquet"))) <= 2 * 97
    assert ctx.read(str(tmp_path / "lake")).to_arrow().sort_by("n")["n"].equals(table["n"])


def test_a_failure_leaves_a_directory_as_it_was(ctx, tmp_path):
    place = f"{tmp_path}/lake/"
    ctx.read({"x": ["1"]}).write(place)
    failing = ctx.read({"x": ["1", "two"]}).cast(x="int64").cast(x="text")
    for mode in ("append", "overwrite"):
        with pytest.raises(WayfedError):
            failing.write(place, mode=mode)
    assert rows(ctx, place, "x") == [("1",)]
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("way", ["file", "new", "append", "overwrite", "merge"])
def test_whenever_a_writer_is_killed_readers_see_the_old_rows_or_the_new(way, tmp_path):
    command = [sys.executable, DRIVER, way, tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert result.returncode == 0, result.stderr
    killed, seen = result.stdout.splitlines()
    assert int(killed) > 5
    assert seen == "new old"


def test_a_disk_that_is_full_is_told_and_leaves_the_old(tmp_path):
    program = f"""
import resource
import numpy as np
import wayfed as wf
names = ("x.parquet", "x.csv", "x.ndjson", "x.arrow", "lake/")
places = [{str(tmp_path)!r} + "/" + name for name in names]
with wf.context() as ctx:
    for place in places:
        ctx.read({{"x": [1]}}).write(place)
    many = ctx.read({{"x": np.random.default_rng(0).integers(0, 1 << 60, 100_000)}})
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    for place in places:
        try:
            many.write(place, mode="overwrite")
        except wf.WayfedError as error:
            named = place.rstrip("/") in str(error) and "File too large" in str(error)
            print(type(error).__name__, named, ctx.read(place).to_numpy()["x"].tolist())
"""
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert result.stdout == 5 * "ExecutionError True [1]\n", result.stdout + result.stderr
    assert hidden(tmp_path) == []


def at_once(work, count=4):
    """Run work(0), work(1) … in threads and return the errors."""
    errors = []

    def run(number):
        try:
            work(number)
        except WayfedError as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_writers_who_add_at_once_lose_no_rows(ctx, tmp_path):
    place = f"{tmp_path}/lake/"

    def add(number):
        added = ctx.read({"id": [number, number], "k": [1, number]})
        added.write(place, mode="append", partition_by="k")

    assert at_once(add) == []
    assert len(rows(ctx, place, "id")) == 8
    assert hidden(tmp_path) == hidden(tmp_path / "lake") == []


def test_rows_are_not_added_to_a_table_that_has_other_columns_by_now(ctx, tmp_path):
    place = tmp_path / "lake"

    def meanwhile(batch):
        ctx.read({"other": [1]}).write(f"{place}/", mode="overwrite")
        return batch

    late = ctx.read({"id": [1]}).map_batches(meanwhile, schema={"id": "int64"})
    with pytest.raises(SourceChanged, match="other columns than when the writing"):
        late.write(f"{place}/", mode="append")
    assert rows(ctx, place, "other") == [(1,)]


@pytest.mark.parametrize("name", ["x.parquet", "lake/"])
def test_of_writers_who_make_a_target_at_once_one_does(ctx, tmp_path, name):
    place = f"{tmp_path}/{name}"
    errors = at_once(lambda number: ctx.read({"id": [number] * 3}).write(place))
    assert [type(error) for error in errors] == [SourceError] * 3
    assert len({row for row in rows(ctx, place, "id")}) == 1


@pytest.mark.parametrize("name", ["x.parquet", "lake/"])
def test_of_writers_who_replace_a_target_at_once_one_is_last(ctx, tmp_path, name):
    place = f"{tmp_path}/{name}"

    def replace(number):
        ctx.read({"id": [number] * 3}).write(place, mode="overwrite")

    assert at_once(replace) == []
    found = rows(ctx, place, "id")
    assert (len(found), len(set(found))) == (3, 1)
    assert hidden(tmp_path) == []


def test_files_that_a_manifest_names_do_not_count(ctx, tmp_path):
    for name in ("a", "b"):
        parquet.write_table(pa.table({"x": [name]}), tmp_path / f"{name}.parquet")
    manifest.ignore(tmp_path, [tmp_path / "b.parquet"])
    for place in (tmp_path, tmp_path / "*.parquet"):
        assert rows(ctx, place, "x") == [("a",)]
    ctx.read({"x": ["c"]}).write(tmp_path, mode="append")
    assert rows(ctx, tmp_path, "x") == [("a",), ("c",)]
    assert not (tmp_path / "b.parquet").exists()
    (tmp_path / manifest.NAME).write_text("{")
    with pytest.raises(SourceError, match="does not say which files count"):
        ctx.read(str(tmp_path))


@pytest.mark.parametrize("name", ["x.parquet", "lake/"])
def test_what_others_may_not_read_stays_so(ctx, tmp_path, name):
    place = tmp_path / name
    ctx.read(ORDERS).write(f"{tmp_path}/{name}")
    place.chmod(0o700)
    ctx.read({"id": [4]}).write(place, mode="overwrite")
    assert place.stat().st_mode & 0o777 == 0o700


def test_what_is_not_of_a_table_is_never_removed(ctx, tmp_path):
    place = tmp_path / "lake"
    ctx.read({"x": [1]}).write(f"{place}/")
    (place / ".git").mkdir()
    (place / ".git" / "HEAD").write_text("main")
    ctx.read({"x": [2], "k": [1]}).write(place, mode="overwrite", partition_by="k")
    assert rows(ctx, place, "x") == [(2,)]
    assert (place / ".git" / "HEAD").read_text() == "main"
    (place / "thesis.txt").write_text("all of it")
    with pytest.raises(SourceError, match=r"holds 'thesis.txt', which is no Parquet file"):
        ctx.read({"x": [3]}).write(place, mode="overwrite")
    assert (place / "thesis.txt").exists()
    assert rows(ctx, place, "x") == [(2,)]


def test_where_or_what_is_missing_is_said_before_anything_runs(ctx, tmp_path):
    for target in (5, None, b"x.parquet", ""):
        with pytest.raises(InvalidOption, match="written to a path or URL, not to"):
            ctx.read(ORDERS).write(target)
    with pytest.raises(InvalidOption, match="no column to write"):
        ctx.read(ORDERS).select().write(tmp_path / "x.parquet")
    parquet.write_table(pa.table({"x": [1]}).select([]), tmp_path / "none.parquet")
    with pytest.raises(SourceError, match=r"none.parquet' has no columns"):
        ctx.read(tmp_path / "none.parquet")


def test_a_name_that_is_too_long_for_a_directory_ends_the_writing_quietly(ctx, tmp_path):
    names = {"k": ["a", "b", "x" * 300], "n": [1, 2, 3]}
    with pytest.raises(ExecutionError, match=r"lake cannot be written: .*(?i:name too long)"):
        ctx.read(names).write(tmp_path / "lake/", partition_by="k")
    gc.collect()  # what a file left open would say, it says now
    assert list(tmp_path.iterdir()) == []
