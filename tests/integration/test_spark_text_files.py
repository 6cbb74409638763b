"""CSV and NDJSON read by Spark itself: what DuckDB makes of the same bytes, or an error."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import wayfed as wf
from wayfed.local import Context
from wayfed_optimizer.errors import ExecutionError, WayfedError

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def context(spark_options: dict[str, object]) -> Iterator[Context]:
    with wf.context(spark=spark_options) as context:
        assert isinstance(context, Context)
        yield context


def _write(directory: Path, name: str, content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    path = directory / name
    path.write_bytes(gzip.compress(data) if name.lower().endswith(".gz") else data)
    return str(path)


def _on_both(context: Context, path: str, **reading: Any) -> list[dict[str, object]]:
    """The rows that Spark reads, which are those that DuckDB reads."""
    source = context.read(path, **reading)
    on_spark = source.on("spark")
    platforms = {fragment["platform"] for fragment in on_spark.explain().to_dict()["fragments"]}
    assert platforms == {"spark"}
    found = sorted(on_spark.to_arrow().to_pylist(), key=repr)
    assert repr(found) == repr(sorted(source.on("duckdb").to_arrow().to_pylist(), key=repr))
    return found


CSV: dict[str, str | bytes] = {
    "plain.csv": "a,b\n1,x\n2,y\n",
    "_hidden.csv": "a,b\n1,x\n",
    ".dot.csv": "a,b\n1,x\n",
    "packed.csv.gz": "a,b\n1,x\n2,y\n",
    "shouted.CSV.GZ": "a,b\n1,x\n",
    "mark.csv": b"\xef\xbb\xbfa,b\n1,x\n",
    "empty texts.csv": 'a,b\n1,""\n2,\n,"x"\n',
    "quoted.csv": 'a,b\n1,"x\ny ""z"", w"\n2,"x\r\ny"\n3," spaces "\n4,  spaces\n',
    "quote inside.csv": 'a,b\n1,x"y\n',
    "lines.csv": "a,b\r\n1,x\r\n\r\n2,y\r\n",
    "returns.csv": "a,b\r1,x\r2,y\r",
    "unended.csv": "a,b\n1,x\n2,y",
    "no rows.csv": "a,b\n",
    "one column.csv": "a\n1\n\n2\n",
    "signs.csv": "a,b\n-1,x\n+2,y\n 3 ,z\n",
    "floats.csv": "a,b\n1e3,x\n.5,y\n-0.0,z\nNaN,n\ninf,i\n",
    "bools.csv": "a,b\ntrue,x\nFalse,y\n,z\n",
    "days.csv": "a,b\n2013-01-01,x\n1969-12-31,y\n",
    "times.csv": "a,b\n2013-01-01 10:00:00.5,x\n1969-12-31T23:59:59.999999,y\n",
    "instants.csv": "a,b\n2013-01-01T10:00:00+02:00,x\n2013-01-01T10:00:00Z,y\n",
    "wide.csv": "a,b\n12345678901234567890123,x\n",
    "ümläut.csv": "ä,b\nö,☃\n",
}


@pytest.mark.parametrize("name", CSV)
def test_csv_has_the_rows_that_duckdb_reads(context: Context, tmp_path: Path, name: str) -> None:
    _on_both(context, _write(tmp_path, name, CSV[name]))


def test_what_is_null_and_what_is_empty_stays_apart(context: Context, tmp_path: Path) -> None:
    path = _write(tmp_path, "f.csv", 'a,b\n1,""\n2,\n')
    assert _on_both(context, path) == [{"a": 1, "b": ""}, {"a": 2, "b": None}]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ('a;b\n1;"x"\n2;NA\n3;"NA"\n4;\n', {"delimiter": ";", "null_values": ["NA", "-"]}),
        ("1\tx\n2\t'y ''z'''\n", {"delimiter": "\t", "quote": "'", "escape": "'", "header": False}),
        ('a,b\n1,"x \\"y\\""\n', {"escape": "\\"}),
    ],
    ids=["null texts", "tabs", "backslashes"],
)
def test_the_options_of_csv_mean_the_same(
    context: Context, tmp_path: Path, content: str, options: dict[str, Any]
) -> None:
    _on_both(context, _write(tmp_path, "f.csv", content), **options)


def test_columns_are_read_by_their_names_and_declared_types(
    context: Context, tmp_path: Path
) -> None:
    path = _write(tmp_path, "f.csv", "a,b,c\n1,1.25,x\n2,2.5,y\n")
    _on_both(context, path, schema={"c": "text", "b": "decimal(9,3)"})


def test_files_of_a_glob_are_one_table(context: Context, tmp_path: Path) -> None:
    for number in range(3):
        _write(tmp_path, f"{number}.csv", f"a,b\n{number},x\n")
    assert len(_on_both(context, str(tmp_path / "*.csv"))) == 3


# More than what columns are inferred from.
ROWS = "".join(f"{n},{'x' * 600}\n" for n in range(2_000))


@pytest.mark.parametrize(
    "row",
    ["7\n", "7,x,y\n", '7,"x"y\n', "1.5,x\n", "99999999999999999999,x\n", b"7,\xff\n", '7,"x\n'],
    ids=["few", "many", "after a quote", "fraction", "overflow", "bytes", "unended"],
)
def test_a_bad_row_of_csv_far_down_is_an_error(
    context: Context, tmp_path: Path, row: str | bytes
) -> None:
    bad = row.encode() if isinstance(row, str) else row
    path = _write(tmp_path, "f.csv", f"a,b\n{ROWS}".encode() + bad)
    for platform in ("duckdb", "spark"):
        read = context.read(path).on(platform)
        with pytest.raises(ExecutionError):
            read.sort("a").to_arrow()
    with pytest.raises(ExecutionError):
        context.read(path, null_values=["NA"]).on("spark").to_arrow()


LARGE = 2_000
WIDE = "y" * 6_000  # so that the file is one that Spark reads in parts, where it may


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("f.csv", "a,b\n" + "".join(f'{n},"x\n{n},{WIDE}"\n' for n in range(LARGE))),
        ("f.csv.gz", "a,b\r\n" + "".join(f'{n},"x\r\n{n},{WIDE}"\r\n' for n in range(LARGE))),
        ("f.ndjson", "".join(f'{{"a":{n},"b":"{WIDE}"}}\r\n' for n in range(LARGE))),
        ("f.ndjson.gz", "".join(f'{{"a":{n},"b":"{WIDE}"}}\n\n' for n in range(LARGE))),
    ],
    ids=["csv", "packed csv", "ndjson", "packed ndjson"],
)
def test_rows_of_a_large_file_are_read_once(
    context: Context, tmp_path: Path, name: str, content: str
) -> None:
    read = context.read(_write(tmp_path, name, content))
    lengths = read.with_columns(length=wf.col("b").length())
    counted = (
        lengths.group_by("length")
        .agg(n=wf.count(), ids=wf.count_distinct("a"), total=wf.sum("a"))
        .sort("length")
    )
    found = counted.on("spark").to_arrow().to_pylist()
    assert found == counted.on("duckdb").to_arrow().to_pylist()
    assert sum(row["n"] for row in found) == sum(row["ids"] for row in found) == LARGE
    assert sum(row["total"] for row in found) == LARGE * (LARGE - 1) // 2


JSON = {
    "plain.ndjson": '{"a":1,"b":"x"}\n{"b":"y","a":2}\n',
    "_hidden.ndjson": '{"a":1}\n',
    "packed.jsonl.gz": '{"a":1,"b":"x"}\n',
    "missing.ndjson": '{"a":1}\n{"b":"x"}\n{"a":null,"b":null}\n{}\n\n',
    "texts.ndjson": '{"a":"\\u00e9 \\"q\\" \\n","b":" x "}\n{"a":"","b":"{}"}\n',
    "returns.ndjson": '{"a":1}\r\n{"a":2}\r\n',
    "floats.ndjson": '{"a":1e3,"b":0.1}\n{"a":-1.5,"b":1e-300}\n',
    "bools.ndjson": '{"a":true}\n{"a":false}\n',
    "times.ndjson": '{"a":"2013-01-01","b":"2013-01-01T10:00:00.25","c":"2013-01-01T10:00:00Z"}\n',
    "nested.ndjson": '{"a":[1,2,null],"b":{"x":1,"y":["z"]}}\n{"a":[],"b":null}\n',
    "names.ndjson": '{"a.b":1,"c[0]":2,"it\'s":3,"$":4}\n',
}


@pytest.mark.parametrize("name", JSON)
def test_json_lines_have_the_rows_that_duckdb_reads(
    context: Context, tmp_path: Path, name: str
) -> None:
    _on_both(context, _write(tmp_path, name, JSON[name]))


@pytest.mark.parametrize(
    "line",
    [
        '{"a":1',
        '{"a":1} x',
        '{"a":1}{"a":2}',
        '{"a":1},{"a":2}',
        '{"a":1,"a":2}',
        "5",
        '[{"a":1}]',
        '{"a":1.5}',
        '{"a":"x"}',
        '{"a":99999999999999999999}',
        b'{"a":1,"b":"\xff"}',
    ],
)
def test_a_bad_line_of_json_far_down_is_an_error(
    context: Context, tmp_path: Path, line: str | bytes
) -> None:
    bad = line.encode() if isinstance(line, str) else line
    path = _write(tmp_path, "f.ndjson", b'{"a":1,"b":"%b"}\n' % (b"x" * 600) * 2_000 + bad + b"\n")
    with pytest.raises(WayfedError):
        context.read(path).on("spark").to_arrow()


def test_a_value_that_cannot_be_is_told_with_its_column_and_file(
    context: Context, tmp_path: Path
) -> None:
    path = _write(tmp_path, "f.csv", f"a,b\n{ROWS}x,y\n")
    with pytest.raises(ExecutionError, match=r"column a is int64 and cannot hold x in .*f.csv"):
        context.read(path).on("spark").to_arrow()


@pytest.mark.parametrize("name", ["f.csv", "f.ndjson"])
def test_fractions_in_a_decimal_without_any_are_refused_and_large_numbers_read(
    context: Context, tmp_path: Path, name: str
) -> None:
    head, row = ("n,b\n", "{},x\n") if name == "f.csv" else ("", '{{"n":{},"b":"x"}}\n')
    whole = head + row.format(2**64 + 1) + row.format(-(10**38 - 1))
    assert len(_on_both(context, _write(tmp_path, name, whole))) == 2
    path = _write(tmp_path, name, whole + row.format(2.6))
    for engine in ("spark", "duckdb"):
        read = context.read(path, schema={"n": "decimal(38,0)"}).on(engine)
        with pytest.raises(ExecutionError, match=r"column n is decimal\(38,0\) and cannot hold"):
            read.to_arrow()


@pytest.mark.parametrize(
    ("name", "kind", "numbers"),
    [
        ("f.csv", "decimal(38,0)", (["1.00", "-7"], ["1.0_1", "1_0"])),
        ("f.csv", "decimal(10,2)", (["1.2300", "-1.5e1", "123e-2"], ["1.239", "1e-3", "0.0_9"])),
        ("f.ndjson", "int64", (["7"], ["7.0", '"1_0"'])),
        ("f.ndjson", "decimal(38,0)", (["7", str(2**64)], ["7.0", f"{2**64}.0", '"7.0"'])),
        ("f.ndjson", "decimal(10,6)", (["1.2300", "0.00001"], ["0.0000001", '"1.1234567"'])),
    ],
)
def test_no_digit_of_a_number_is_rounded_away(
    context: Context, tmp_path: Path, name: str, kind: str, numbers: tuple[list[str], list[str]]
) -> None:
    good, bad = numbers
    head, row = ("n,b\n", "{},x\n") if name == "f.csv" else ("", '{{"n":{},"b":"x"}}\n')
    given = {"n": kind}
    path = _write(tmp_path, name, head + "".join(map(row.format, good)))
    assert len(_on_both(context, path, schema=given)) == len(good)
    for each in bad:
        path = _write(tmp_path, name, head + row.format(each))
        for engine in ("spark", "duckdb"):
            with pytest.raises(ExecutionError, match=r"column n is .* and cannot hold"):
                context.read(path, schema=given).on(engine).to_arrow()
