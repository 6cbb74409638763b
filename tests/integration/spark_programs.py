"""Programs over a Spark cluster, each for a process of its own: a process has room for one Spark.

    python -m tests.integration.spark_programs PROGRAM DIRECTORY OPTIONS

They print their rows as JSON, and go on only when the test says so: each task says that it has
begun by a file in the directory, and waits for the file `go`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed.local import Context

GROUPS: Final = 40


def waiting_before_the_shuffle(context: Context, directory: Path) -> Dataset:
    """Sums by group, of rows that a function let through when told to."""
    rows = context.read(f"{directory}/rows/")
    return _sums(rows.map_batches(_patient(directory), schema=rows.schema))


def waiting_after_the_shuffle(context: Context, directory: Path) -> Dataset:
    """The same, with the function after the shuffle, whose files lie with the workers."""
    sums = _sums(context.read(f"{directory}/rows/"))
    return sums.map_batches(_patient(directory), schema=sums.schema)


def _sums(rows: Dataset) -> Dataset:
    return rows.group_by("k").agg(n=wf.count(), total=wf.sum("x"))


def _patient(directory: Path) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    def wait(batch: pa.RecordBatch) -> pa.RecordBatch:
        (directory / f"begun-{os.getpid()}-{uuid4().hex}").touch()
        while not (directory / "go").exists():
            time.sleep(0.01)
        return batch

    return wait


PROGRAMS: Final[Mapping[str, Callable[[Context, Path], Dataset]]] = {
    made.__name__: made for made in (waiting_before_the_shuffle, waiting_after_the_shuffle)
}


def main(program: str, directory: Path, options: Mapping[str, Any]) -> None:
    """Print the program's rows."""
    with wf.context(spark=options) as context:
        rows = PROGRAMS[program](context, directory).on("spark").to_arrow()
    sys.stdout.write(json.dumps(rows.to_pylist()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))
