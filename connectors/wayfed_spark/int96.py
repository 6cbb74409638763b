"""Parquet files with timestamps in 96 bits, of which Spark would cut nanoseconds off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from pathlib import Path

    from wayfed_optimizer.platform import FileSet, Run


def without_int96(files: FileSet, run: Run) -> FileSet:
    """Return the files with copies, in 64 bits, in the place of those that have such timestamps."""
    from pyarrow import parquet

    paths = []
    for path in files.paths:
        shape = parquet.read_metadata(path).schema
        old = any(shape.column(i).physical_type == "INT96" for i in range(len(shape)))
        if old and "partitions" in files.options:
            raise Unsupported(
                f"timestamps in 96 bits below directories that stand for columns ('{path}')",
                "spark",
                "a copy would not lie in them",
            )
        paths.append(_copied(path, run) if old else path)
    return replace(files, paths=tuple(paths))


def _copied(path: Path, run: Run) -> Path:
    from pyarrow import parquet

    copy = run.directory() / f"{uuid4().hex}.parquet"
    with (
        parquet.ParquetFile(path) as file,
        parquet.ParquetWriter(copy, file.schema_arrow, compression="none") as writer,
    ):
        for batch in file.iter_batches():
            run.token.raise_if_cancelled()
            writer.write_batch(batch)
    return copy
