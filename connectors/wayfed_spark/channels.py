"""How rows get into Spark and out of it: by Parquet files, and out as Arrow through the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from wayfed_arrow import arrow_schema, arrow_type, schema_from_arrow, stream_of
from wayfed_optimizer.platform import (
    ARROW_STREAM,
    ARROW_TABLE,
    CSV_FILES,
    NDJSON_FILES,
    PARQUET_FILES,
    Conversion,
    FileSet,
)
from wayfed_spark.names import quoted, url_of
from wayfed_spark.text_files import read_text_files

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from wayfed_optimizer.platform import Run
    from wayfed_optimizer.types import Schema

ACCEPTS: Final = (PARQUET_FILES, NDJSON_FILES, CSV_FILES)
PRODUCES: Final = (ARROW_TABLE, PARQUET_FILES)

# A row group is what Spark reads in one task, at the least; so there are many.
_ROW_GROUP: Final = 1 << 17


def write_parquet(rows: Any, run: Run) -> FileSet:
    """Write a table or stream to a Parquet file of the run's, in the form fastest for Spark.

    Uncompressed and without dictionaries: it is read once, from the same disk.
    """
    import pyarrow as pa
    from pyarrow import parquet

    path = run.directory() / f"{uuid4().hex}.parquet"
    reader = rows.to_reader() if isinstance(rows, pa.Table) else rows
    pending: list[pa.RecordBatch] = []
    with parquet.ParquetWriter(
        path, reader.schema, compression="none", use_dictionary=False, write_statistics=False
    ) as writer:
        for batch in reader:
            run.token.raise_if_cancelled()
            pending.append(batch)
            if sum(part.num_rows for part in pending) >= _ROW_GROUP:
                writer.write_table(pa.Table.from_batches(pending), _ROW_GROUP)
                pending.clear()
        if pending:
            writer.write_table(pa.Table.from_batches(pending), _ROW_GROUP)
    return FileSet((path,), schema_from_arrow(reader.schema))


CONVERSIONS: Final = tuple(
    Conversion(source, PARQUET_FILES, fixed=0.005, per_byte=4e-9, convert=write_parquet)
    for source in (ARROW_STREAM, ARROW_TABLE)
)


def read_files(session: SparkSession, files: FileSet, run: Run) -> DataFrame:
    """Return files as a frame with the columns and types that they are said to have."""
    if files.channel == PARQUET_FILES:
        return read_parquet(session, files, run)
    return read_text_files(session, files, run)


def read_parquet(session: SparkSession, files: FileSet, run: Run) -> DataFrame:
    """Return Parquet files as a frame with the columns and types that they are said to have."""
    from pyspark.sql.pandas.types import from_arrow_schema

    schema = from_arrow_schema(arrow_schema(files.schema), prefer_timestamp_ntz=True)
    reader = session.read.schema(schema)
    if "partitions" in files.options:
        # Directories stand for columns: a link to a file would not lie in them.
        reader = reader.option("basePath", f"file://{files.options['root']}")
        return reader.parquet(*(f"file://{path}" for path in files.paths))
    return reader.parquet(*(url_of(path, run, ".parquet") for path in files.paths))


def declared(frame: DataFrame, schema: Schema) -> DataFrame:
    """Return a frame with the types of `schema` where its own differ, as an INT does of a year."""
    from pyspark.sql.functions import col
    from pyspark.sql.pandas.types import from_arrow_type

    wanted = {f.name: from_arrow_type(arrow_type(f.type), True) for f in schema}
    if all(frame.schema[name].dataType == kind for name, kind in wanted.items()):
        return frame
    return frame.select(
        *(col(quoted(name)).cast(kind).alias(name) for name, kind in wanted.items())
    )


def to_table(frame: DataFrame, schema: Schema) -> pa.Table:
    """Return the rows of a frame, in its order, as a table of `schema`."""
    return stream_of(declared(frame, schema).toArrow(), schema).read_all()


def to_parquet(frame: DataFrame, schema: Schema, run: Run) -> FileSet:
    """Return the rows of a frame in Parquet files of the run's, written by Spark's workers."""
    directory = run.directory() / uuid4().hex
    declared(frame, schema).write.parquet(f"file://{directory}", compression="lz4_raw")
    return FileSet(tuple(sorted(directory.glob("*.parquet"))), schema)
