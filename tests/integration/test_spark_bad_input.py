"""What can be wrong around Spark: each failure is named, with its remedy, and stays its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pytest

import wayfed as wf
from wayfed_optimizer.errors import Unsupported
from wayfed_spark import CONNECTOR

pytestmark = pytest.mark.spark


def test_a_pyarrow_too_old_for_spark_is_named(
    spark_options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pa, "__version__", "10.0.0")
    with (
        wf.context(spark=spark_options) as context,
        pytest.raises(Unsupported, match=r"PyArrow.*10\.0\.0"),
    ):
        context.read(pa.table({"n": [1]})).sort("n").on("spark").to_arrow()


def test_a_session_of_spark_connect_is_refused() -> None:
    # Its own package is not installable beside Flink's, so only its name is here.
    session = type("SparkSession", (), {"__module__": "pyspark.sql.connect.session"})()
    with pytest.raises(Unsupported, match="Spark Connect"):
        CONNECTOR.platform({"session": session})
    with wf.context() as context, pytest.raises(Unsupported, match="Spark Connect"):
        context.read(session, table="t")


BEGIN = """
    import os
    import psutil, pyarrow as pa
    import wayfed as wf
    from wayfed_optimizer.errors import ExecutionError

    fast = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    config = {"spark.driver.extraJavaOptions": fast}
    small = {"master": "local[1]", "memory": "512m", "config": config}
    table = pa.table({"n": list(range(1000))})

    def failure(dataset):
        try:
            dataset.on("spark").to_arrow()
        except ExecutionError as error:
            return str(error)
        return "nothing failed"

    def is_well(context):
        return context.read(table).group_by().agg(n=wf.count()).on("spark").to_arrow().num_rows == 1
"""
PROGRAMS = {
    "workers without Python": """
    os.environ["PYSPARK_PYTHON"] = "/nowhere/python"
    with wf.context(spark=small) as context:
        told = failure(context.read(table).map(lambda row: row.n, schema={"n": "int64"}))
    assert "workers cannot run /nowhere/python" in told, told
    assert "PYSPARK_PYTHON says which Python" in told, told
    """,
    "no memory left": """
    with wf.context(spark=small) as context, wf.context() as plain:
        wide = context.read(pa.table({"text": ["x" * 1000] * 1000}))
        pairs = wide.join(context.read(table), how="cross")
        told = failure(pairs.group_by().agg(all=wf.string_agg("text", ",")))
        assert "memory" in told.lower(), told
        assert plain.read(table).count() == 1000
        assert is_well(context)
    """,
    "a JVM that was killed": """
    with wf.context(spark=small) as context, wf.context(spark=small) as other:
        assert is_well(context)
        (java,) = [p for p in psutil.Process().children(recursive=True) if "java" in p.name()]
        java.kill()
        java.wait()
        assert is_well(other)
        assert is_well(context)
    assert not psutil.Process().children(recursive=True)
    """,
    "a session without Python at its workers, and stopped": """
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = "/nowhere/python"
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", False)
    for name, value in config.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    with wf.context() as context:
        assert context.read(session.range(5)).count() == 5
    with wf.context(spark=session) as context:
        told = failure(context.read(table).map(lambda row: row.n, schema={"n": "int64"}))
        assert "workers cannot run /nowhere/python" in told, told
        assert is_well(context)
        session.stop()
        told = failure(context.read(table).sort("n"))
    assert "stopped" in told, told
    """,
}


# The last of them is short, and asks of a session what "workers without Python" asks.
SOAKING = {"workers without Python", "no memory left", "a JVM that was killed"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        pytest.param(program, id=name, marks=[pytest.mark.soak] if name in SOAKING else [])
        for name, program in PROGRAMS.items()
    ],
)
def test_what_goes_wrong_is_named_and_the_next_run_goes_on(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BEGIN) + textwrap.dedent(program)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
