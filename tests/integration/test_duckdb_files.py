from __future__ import annotations

import datetime
import gc
import gzip
import math
import re
import weakref
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from tests.integration.engines import a_run, fragment_of
from wayfed_duckdb import CONNECTOR as DUCKDB
from wayfed_files import CONNECTOR as FILES
from wayfed_optimizer.errors import ExecutionError, SourceChanged
from wayfed_optimizer.expressions import Named, call, column, literal
from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE, SourceRequest
from wayfed_optimizer.relations import Aggregate, Filter, Read, Relation
from wayfed_optimizer.types import Schema


class Lake:
    """A folder of files, read through DuckDB as a plan would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.platform = DUCKDB.platform({"threads": 2})
        self.session = self.platform.open(a_run(path))
        self.count = 0

    def text(self, name: str, content: str) -> Path:
        target = self.path / name
        written = content.encode()
        target.write_bytes(gzip.compress(written) if name.endswith(".gz") else written)
        return target

    def source(self, name: str, schema: Schema | None = None, **options):
        request = SourceRequest(str(self.path / name), schema=schema, options=options)
        return FILES.source(request, None)

    def run(self, relation: Relation, source, output=ARROW_TABLE):
        self.count += 1
        fragment = fragment_of(relation, output, f"f{self.count}")
        compiled = self.platform.compile(fragment, {"t": source})
        return self.session.execute(fragment, compiled, {"t": source.open(source.snapshot())})

    def read(self, name: str, schema: Schema | None = None, **options) -> pa.Table:
        source = self.source(name, schema, **options)
        return self.run(Read("t", source.schema), source)

    def rows(self, name: str, schema: Schema | None = None, **options) -> list[dict]:
        return self.read(name, schema, **options).to_pylist()


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    yield lake
    lake.session.close()
    lake.platform.close()


def test_parquet_files_are_read_as_one_table(lake):
    for name, low in (("a", 0), ("b", 3)):
        table = pa.table({"n": pa.array(range(low, low + 3), pa.uint8()), "x": [name, None, "ä"]})
        pq.write_table(table, lake.path / f"{name}.parquet")
    found = lake.read("*.parquet")
    assert found.schema == pa.schema({"n": pa.int16(), "x": pa.string()})
    assert sorted(found["n"].to_pylist()) == [0, 1, 2, 3, 4, 5]


def test_a_filter_and_an_aggregate_over_parquet(lake):
    pq.write_table(pa.table({"k": ["a", "b", "a"], "n": [1, 2, 3]}), lake.path / "f.parquet")
    source = lake.source("f.parquet")
    kept = Filter(Read("t", source.schema), call("less", column(source.schema, "n"), literal(3)))
    keys = (Named("k", column(source.schema, "k")),)
    plan = Aggregate(kept, keys, (Named("n", call("sum", column(source.schema, "n"))),))
    assert sorted(lake.run(plan, source).to_pylist(), key=str) == [
        {"k": "a", "n": 1},
        {"k": "b", "n": 2},
    ]


def test_file_names_are_taken_literally(lake):
    for name in ("f[1].parquet", "it's *.parquet", "year=2013.parquet"):
        pq.write_table(pa.table({"n": [1]}), lake.path / name)
        assert lake.rows(name) == [{"n": 1}]


def test_nanoseconds_in_parquet_are_read_where_none_is_lost(lake):
    moment = datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999)
    column = pa.array([moment, None], pa.timestamp("ns"))
    zoned = pa.array([moment, None], pa.timestamp("ns", tz="Europe/Berlin"))
    pq.write_table(pa.table({"t": column, "z": zoned}), lake.path / "f.parquet")
    found = lake.read("f.parquet")
    assert found.schema.types == [pa.timestamp("us"), pa.timestamp("us", tz="UTC")]
    assert found["t"].to_pylist() == [moment, None]
    pq.write_table(pa.table({"t": pa.array([1_500], pa.timestamp("ns"))}), lake.path / "g.parquet")
    with pytest.raises(ExecutionError, match="column t is timestamp and cannot hold 1970-01-01"):
        lake.read("g.parquet")


def test_timestamps_in_96_bits_are_read(lake):
    moment = datetime.datetime(2013, 1, 1, 12, 0, 0, 5)
    table = pa.table({"t": pa.array([moment], pa.timestamp("us"))})
    pq.write_table(table, lake.path / "f.parquet", use_deprecated_int96_timestamps=True)
    assert lake.rows("f.parquet") == [{"t": moment}]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_csv_is_read_with_the_types_that_were_inferred(lake, suffix):
    lake.text(
        f"f{suffix}",
        "i,f,b,d,t,z,x,empty\n"
        '-1,1e3,true,2013-01-01,2013-01-01 10:00:00.5,2013-01-01T10:00:00+02:00,"a\n""b""",\n'
        ' 7,NaN,False,,,,"",\n'
        "\n"
        ",,,,,,,\n",
    )
    first, second, third = lake.rows(f"f{suffix}")
    assert first == {
        "i": -1,
        "f": 1000.0,
        "b": True,
        "d": datetime.date(2013, 1, 1),
        "t": datetime.datetime(2013, 1, 1, 10, 0, 0, 500_000),
        "z": datetime.datetime(2013, 1, 1, 8, tzinfo=datetime.UTC),
        "x": 'a\n"b"',
        "empty": None,
    }
    assert (second["i"], second["x"], second["empty"]) == (7, "", None)
    assert math.isnan(second["f"])
    assert set(third.values()) == {None}


def test_csv_options_are_obeyed(lake):
    lake.text("f.csv", "1;'a;''b'\nNA;'NA'\n")
    options = {"delimiter": ";", "quote": "'", "escape": "'", "header": False}
    assert lake.rows("f.csv", **options, null_values=["NA", "-"]) == [
        {"column0": 1, "column1": "a;'b"},
        {"column0": None, "column1": "NA"},
    ]


def test_given_types_are_read_from_csv_in_their_own_order(lake):
    lake.text("f.csv", "zip,price,rest\n00501,1.50,x\n")
    schema = Schema.of(price="decimal(5,2)", zip="text")
    assert str(lake.rows("f.csv", schema)) == "[{'price': Decimal('1.50'), 'zip': '00501'}]"


LATER = "5\n" * 600_000


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f"n\n{LATER}six\n", "line 600002: column n is int64 and cannot hold six"),
        (f"n\n{LATER}1.5\n", "line 600002: column n is int64 and cannot hold 1.5"),
        (f"n\n{LATER}{2**63}\n", f"line 600002: column n is int64 and cannot hold {2**63}"),
        (f"n\n{LATER}5,6\n", "line 600002: .*Expected Number of Columns: 1"),
        (f'n\n{LATER}"5\n', "line 600002: .*unterminated quote"),
    ],
    ids=["text", "fraction", "too large", "columns", "quote"],
)
def test_a_broken_row_of_csv_is_named_by_file_and_line(lake, content, told):
    target = lake.text("f.csv", content)
    with pytest.raises(ExecutionError, match=told) as caught:
        lake.read("f.csv")
    assert f"'{target}'" in caught.value.message


def test_a_value_of_another_type_in_csv_is_named_by_file_and_line(lake):
    lake.text("a.csv", "day\n2013-01-01\n")
    lake.text("b.csv", "day\n" + "2013-01-02\n" * 200_000 + "soon\n")
    with pytest.raises(ExecutionError, match=r"b.csv', line 200002: .*soon") as caught:
        lake.read("*.csv")
    assert "null_values" in caught.value.hint


@pytest.mark.parametrize(("name", "row"), [("f.csv", "{}"), ("f.ndjson", '{{"t": "{}"}}')])
def test_nanoseconds_in_text_are_not_cut_off_unnoticed(lake, name, row):
    header = ["t"] if name == "f.csv" else []
    whole = [*header, *map(row.format, ("2013-01-01 10:00:00.123456", "2013-01-01 10:00:00Z"))]
    lake.text(name, "\n".join([*whole[:-1], row.format("2013-01-01 10:00:00.5000000"), ""]))
    schema = Schema.of(t="timestamp")
    assert [each["t"].microsecond for each in lake.rows(name, schema)] == [123_456, 500_000]
    lake.text(name, "\n".join([*whole[:-1], row.format("2013-01-01 10:00:00.1234567"), ""]))
    with pytest.raises(ExecutionError, match=rf"line {len(whole)}: column t is timestamp"):
        lake.read(name, schema)


def test_json_lines_are_read_with_the_types_that_were_inferred(lake):
    lake.text(
        "f.ndjson",
        '{"i": 1, "f": 1.5, "b": true, "d": "2013-01-01", "l": [1, null], "s": {"a": "x"}}\n'
        '{"z": "2013-01-01T10:00:00Z", "i": null}\n',
    )
    first, second = lake.rows("f.ndjson")
    assert first == {
        "i": 1,
        "f": 1.5,
        "b": True,
        "d": datetime.date(2013, 1, 1),
        "l": [1, None],
        "s": {"a": "x"},
        "z": None,
    }
    assert second["z"] == datetime.datetime(2013, 1, 1, 10, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"n": 1.5}', "line 200001: column n is int64 and cannot hold 1.5"),
        ('{"n": true}', "line 200001: column n is int64 and cannot hold true"),
        ('{"n": "x"}', "line 200001: column n is int64 and cannot hold x"),
        ('{"n": }', "line 200001: "),
        ("[1]", "line 200001: Expected OBJECT"),
    ],
)
def test_a_broken_line_of_json_is_named_by_file_and_line(lake, line, told):
    lake.text("f.jsonl", '{"n": 5}\n' * 200_000 + line + "\n")
    with pytest.raises(ExecutionError, match=rf"f.jsonl', {told}"):
        lake.read("f.jsonl")


@pytest.mark.parametrize("fraction", ["0.5", "2.6", "10000000000000000000.0", "1e19"])
def test_what_is_no_whole_number_is_not_rounded_after_large_ones_in_json(lake, fraction):
    whole = [2**64 + 1, 10**38 - 1, -5]
    lines = [f'{{"n": {each}}}\n' for each in (*whole, "null")]
    lake.text("a.ndjson", "".join(lines))
    assert [row["n"] for row in lake.rows("a.ndjson")] == [*map(Decimal, whole), None]
    shown = fraction if len(fraction) == 3 else "1e+19"
    lake.text("f.ndjson", "".join(lines) * 15_000 + f'{{"n": {fraction}}}\n')
    told = rf"column n is decimal(38,0) and cannot hold {shown}"
    with pytest.raises(ExecutionError, match=rf"f.ndjson', line 60001: {re.escape(told)}") as found:
        lake.read("f.ndjson")
    assert "schema=" in found.value.hint
    floats = lake.read("f.ndjson", Schema.of(n="float64"))["n"].to_pylist()
    assert floats.count(float(fraction)) == 1


@pytest.mark.parametrize("given", [None, Schema.of(n="decimal(38,0)")])
def test_fractions_are_not_rounded_after_large_numbers_in_csv(lake, given):
    whole = f"n\n{2**64}\n" + f"{2**64}\n" * 60_000
    lake.text("f.csv", f"{whole}7.00\n")
    assert {"n": Decimal(7)} in lake.rows("f.csv", given)
    lake.text("f.csv", f"{whole}2.60\n")
    told = re.escape("column n is decimal(38,0) and cannot hold 2.60")
    with pytest.raises(ExecutionError, match=rf"f.csv', line 60003: {told}"):
        lake.read("f.csv", given)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("decimal(38,0)", "0.0_9"),
        ("decimal(38,0)", "1.0_1"),
        ("decimal(38,0)", "1_0"),
        ("decimal(10,2)", "1.239"),
        ("decimal(10,2)", "1_0.5"),
        ("decimal(10,2)", "1.2e-2"),
        ("int64", "1_0"),
        ("int64", "1e-2"),
        ("int64", "0x1F"),
    ],
)
@pytest.mark.parametrize("name", ["f.csv", "f.ndjson"])
def test_a_number_is_not_read_as_another_one(lake, name, kind, value):
    lake.text(name, f"n\n{value}\n" if name == "f.csv" else f'{{"n": "{value}"}}\n')
    told = re.escape(f"column n is {kind} and cannot hold {value}")
    with pytest.raises(ExecutionError, match=rf"{name}', line \d: {told}"):
        lake.read(name, Schema.of(n=kind))


def test_a_decimal_may_be_written_with_zeros_and_exponents(lake):
    lake.text("f.csv", "n\n1.2300\n 1.5e1\n123e-2\n.5\n+7\n")
    found = [row["n"] for row in lake.rows("f.csv", Schema.of(n="decimal(10,2)"))]
    assert found == [Decimal(each) for each in ("1.23", "15.00", "1.23", "0.50", "7.00")]


@pytest.mark.parametrize("suffix", [".arrow", ".arrows"])
@pytest.mark.parametrize("compression", [None, "zstd"])
def test_arrow_files_and_streams_are_read(lake, suffix, compression):
    options = pa.ipc.IpcWriteOptions(compression=compression)
    for name, value in (("a", 1), ("b", 2)):
        table = pa.table(
            {"n": pa.array([value], pa.uint16()), "x": pa.array(["w"], pa.large_string())}
        )
        new = pa.ipc.new_stream if suffix == ".arrows" else pa.ipc.new_file
        with new(lake.path / f"{name}{suffix}", table.schema, options=options) as writer:
            writer.write_table(table)
    found = lake.read(f"*{suffix}")
    assert found.schema == pa.schema({"n": pa.int32(), "x": pa.string()})
    assert sorted(found["n"].to_pylist()) == [1, 2]


def test_a_file_that_vanishes_before_it_is_read_is_a_changed_source(lake):
    pq.write_table(pa.table({"n": [1]}), lake.path / "f.parquet")
    source = lake.source("f.parquet")
    fragment = fragment_of(Read("t", source.schema))
    compiled = lake.platform.compile(fragment, {})
    files = source.open(source.snapshot())
    (lake.path / "f.parquet").unlink()
    with pytest.raises(SourceChanged, match=r"f.parquet' is gone"):
        lake.session.execute(fragment, compiled, {"t": files})


def test_a_file_that_is_cut_off_while_it_is_read_is_an_error(lake):
    table = pa.table({"n": list(range(2_000_000))})
    pq.write_table(table, lake.path / "f.parquet", row_group_size=100_000)
    source = lake.source("f.parquet")
    stream = lake.run(Read("t", source.schema), source, ARROW_STREAM)
    next(stream)
    (lake.path / "f.parquet").write_bytes(b"PAR1")
    with pytest.raises((ExecutionError, SourceChanged)):
        stream.read_all()
    with pytest.raises(SourceChanged, match=r"f\.parquet"):
        source.snapshot()


def test_what_a_name_means_in_one_run_is_forgotten_in_the_next(lake):
    lake.text("a.csv", "n\n1\n2\n")
    lake.text("b.ndjson", '{"n": 3, "m": 4}\n')
    feather.write_feather(pa.table({"n": [6]}), str(lake.path / "c.arrow"))
    held = [pa.table({"n": [5]})]
    alive = weakref.ref(held[0])
    fragment = fragment_of(Read("t", Schema.of(n="int64")), ARROW_TABLE, "held")
    compiled = lake.platform.compile(fragment, {})

    files = lake.rows("a.csv")
    table = lake.session.execute(fragment, compiled, {"t": held.pop()}).to_pylist()
    others = lake.rows("b.ndjson")
    arrow = [lake.rows("c.arrow"), lake.rows("c.arrow")]
    files_again = lake.rows("a.csv")

    assert files == files_again == [{"n": 1}, {"n": 2}]
    assert table == [{"n": 5}]
    assert others == [{"n": 3, "m": 4}]
    assert arrow == [[{"n": 6}], [{"n": 6}]]
    gc.collect()
    assert alive() is None


def test_days_before_the_first_year_end_no_plan(lake):
    table = pa.table({"day": pa.array([-800_000, 0], pa.date32()), "n": [1, 2]})
    pq.write_table(table, lake.path / "t.parquet")

    source = lake.source("t.parquet")

    known = source.statistics().columns["day"]
    assert (known.low, known.high) == (None, None)
    late = Filter(Read("t", source.schema), call("greater", column(source.schema, "n"), literal(1)))
    assert lake.run(late, source).num_rows == 1


def test_whole_numbers_beyond_int64_arrive_exactly(lake):
    lake.text("t.csv", f"n\n{2**64 + 1}\n-5\n")
    lake.text("t.ndjson", f'{{"n": {2**64 + 1}}}\n{{"n": -5}}\n')

    for name in ("t.csv", "t.ndjson"):
        assert [int(row["n"]) for row in lake.rows(name)] == [2**64 + 1, -5]
