"""The command line, as people type it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from wayfed.cli import main

WAYFED = Path(sys.executable).with_name("wayfed")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A configuration with one table of three orders, and a query over it."""
    orders = pa.table({"id": [1, 2, 3], "amount": [10.0, 20.0, 5.0]})
    parquet.write_table(orders, tmp_path / "orders.parquet")
    (tmp_path / "lake.toml").write_text('[tables.orders]\nsource = "orders.parquet"\n')
    (tmp_path / "large.sql").write_text(
        "select id, amount from orders where amount > 6 order by id;\n"
    )
    return tmp_path


@pytest.fixture
def wayfed(lake, monkeypatch, capsys):
    """Type a command in the lake's directory; gives exit code, output and error output."""
    monkeypatch.chdir(lake)

    def type_in(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return type_in


def test_a_query_is_shown_as_a_table(wayfed):
    code, output, errors = wayfed("run", "large.sql", "--config", "lake.toml")
    assert (code, errors) == (0, "")
    assert "amount" in output
    assert "20.0" in output
    assert "5.0" not in output


def test_a_table_that_is_cut_off_says_so(wayfed):
    code, output, errors = wayfed("run", "large.sql", "--config", "lake.toml", "--rows", "1")
    assert code == 0
    assert "20.0" not in output
    assert errors == "the first 1 rows; --rows shows more, --output writes all\n"


@pytest.mark.parametrize("suffix", ["parquet", "csv", "ndjson", "arrow"])
def test_a_query_is_written_to_a_file_of_the_format_its_name_says(wayfed, lake, suffix):
    command = ("run", "large.sql", "--config", "lake.toml", "--output", f"large.{suffix}")
    assert wayfed(*command) == (0, "", f"2 rows in large.{suffix}\n")
    path = lake / f"large.{suffix}"
    readers = {
        "parquet": parquet.read_table,
        "csv": csv.read_csv,
        "ndjson": lambda p: pa.Table.from_pylist(
            [json.loads(line) for line in p.read_text().splitlines()]
        ),
        "arrow": lambda p: pa.ipc.open_file(p).read_all(),
    }
    assert readers[suffix](path).to_pydict() == {"id": [1, 2], "amount": [10.0, 20.0]}


def test_a_file_that_is_there_is_replaced_only_when_asked(wayfed, lake):
    (lake / "large.csv").write_text("precious")
    command = ("run", "large.sql", "--config", "lake.toml", "--output", "large.csv")
    code, _, errors = wayfed(*command)
    assert code == 2
    assert "--overwrite" in errors
    assert (lake / "large.csv").read_text() == "precious"
    assert wayfed(*command, "--overwrite")[0] == 0
    assert (lake / "large.csv").read_text() != "precious"


def test_a_query_is_read_from_standard_input(wayfed, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("select count(*) as n from orders"))
    code, output, _ = wayfed("run", "-", "--config", "lake.toml")
    assert code == 0
    assert "3" in output


def test_files_are_tables_without_any_configuration(wayfed, lake):
    (lake / "sum.sql").write_text("select sum(amount) as total from 'orders.parquet'")
    code, output, errors = wayfed("run", "sum.sql")
    assert (code, errors) == (0, "")
    assert "35.0" in output


def test_a_query_is_explained(wayfed):
    code, output, errors = wayfed("explain", "large.sql", "--config", "lake.toml")
    assert (code, errors) == (0, "")
    assert output.startswith("physical plan on duckdb, 1 fragment\n")
    assert "actual" not in output


@pytest.mark.parametrize(
    ("form", "beginning"),
    [("text", "executed plan"), ("html", "<!doctype html>"), ("mermaid", "flowchart BT")],
)
def test_an_explanation_is_written_in_any_form(wayfed, form, beginning):
    command = ("explain", "large.sql", "--config", "lake.toml", "--analyze", "--format", form)
    code, output, _ = wayfed(*command)
    assert code == 0
    assert output.startswith(beginning)


def test_an_explanation_is_data_for_other_programs(wayfed):
    _, output, _ = wayfed(
        "explain", "large.sql", "--config", "lake.toml", "--stage", "executed", "--format", "json"
    )
    told = json.loads(output)
    assert told["stage"] == "executed"
    assert told["fragments"][-1]["actual"]["rows"] == 2


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select ammount from orders", "did you mean 'amount'?"),
        ("select id from oders", "did you mean 'orders'?"),
        ("select from where", "InvalidSql"),
        ("", "InvalidSql"),
    ],
)
def test_a_query_that_means_nothing_is_an_error_in_words(wayfed, lake, query, message):
    (lake / "wrong.sql").write_text(query)
    code, output, errors = wayfed("run", "wrong.sql", "--config", "lake.toml")
    assert (code, output) == (1, "")
    assert message in errors
    assert "Traceback" not in errors
    assert ".py" not in errors


@pytest.mark.parametrize(
    "command",
    [
        ("run", "missing.sql"),
        ("run",),
        ("bogus",),
        ("run", "large.sql", "--config", "missing.toml"),
        ("explain", "large.sql", "--format", "poem"),
    ],
)
def test_a_command_that_cannot_be_understood_ends_with_two(wayfed, command):
    code, output, errors = wayfed(*command)
    assert (code, output) == (2, "")
    assert "Usage" in errors


def test_a_misspelt_stage_is_an_error_with_a_suggestion(wayfed):
    code, _, errors = wayfed("explain", "large.sql", "--config", "lake.toml", "--stage", "phyiscal")
    assert code == 1
    assert "did you mean 'physical'?" in errors


def test_a_file_that_is_no_text_is_an_error_in_words(wayfed, lake):
    (lake / "binary.sql").write_bytes(b"select \xff")
    code, _, errors = wayfed("run", "binary.sql")
    assert code == 1
    assert "byte 7" in errors


def test_the_version_is_told():
    told = subprocess.run([WAYFED, "--version"], capture_output=True, text=True, check=True)
    name, version = told.stdout.split()
    assert name == "wayfed"
    assert version[0].isdigit()


def wait_until_busy(process: subprocess.Popen[str]) -> None:
    """Return when a process has computed for longer than it takes to start."""
    watched = psutil.Process(process.pid)
    while watched.cpu_times().user < 3.0:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
            raise AssertionError(f"it ended: {process.communicate()}")


def test_ctrl_c_ends_a_query_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "endless.sql").write_text(
        "select count(*) as n from 'a.parquet' a cross join 'a.parquet' b cross join 'a.parquet' c "
        "where sin(a.i) + sin(b.i) + sin(c.i) > 5"
    )
    parquet.write_table(pa.table({"i": list(range(100_000))}), tmp_path / "a.parquet")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        [WAYFED, "run", "endless.sql", "--output", "n.csv"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until_busy(process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert list(scratch.iterdir()) == []
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"a.parquet", "endless.sql", "scratch"}
