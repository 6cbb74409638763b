"""How rows get into Spark and out of it: by Parquet files, and out as Arrow through the driver."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from wayfed_arrow import Stream, arrow_schema, arrow_type, schema_from_arrow, stream_of
from wayfed_optimizer.errors import TransferError
from wayfed_optimizer.platform import (
    ARROW_STREAM,
    ARROW_TABLE,
    CSV_FILES,
    JDBC_QUERY,
    NDJSON_FILES,
    PARQUET_FILES,
    Channel,
    Conversion,
    FileSet,
)
from wayfed_optimizer.types import TIMESTAMP
from wayfed_spark.failures import EXCHANGE_HINT
from wayfed_spark.int96 import without_int96
from wayfed_spark.names import quoted, text_constant, url_of
from wayfed_spark.text_files import read_text_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from wayfed_optimizer.platform import Run
    from wayfed_optimizer.types import Field, Schema

ACCEPTS: Final = (PARQUET_FILES, NDJSON_FILES, CSV_FILES)
ASKED: Final = Channel("jdbc.asked", owner="spark", reusable=False)
"""A database's query that Spark puts to it itself; the value is that of `JDBC_QUERY`."""
PRODUCES: Final = (ARROW_STREAM, ARROW_TABLE, PARQUET_FILES)

LARGE: Final = 2 << 30
"""Bytes beyond which a result is written by the workers instead of passing through the driver."""

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


def placed(run: Run, exchange: Path | None) -> Run:
    """Return a run whose files for Spark lie where its workers see them, if that was said."""
    if exchange is None:
        return run
    directory = exchange / run.id

    def made() -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    return replace(run, directory=made)


def conversions(exchange: Path | None) -> tuple[Conversion, ...]:
    """Return the ways into Spark: rows become a file that its workers see, or it asks for them."""

    def write(rows: Any, run: Run) -> FileSet:
        return write_parquet(rows, placed(run, exchange))

    def ask(query: Any, run: Run) -> Any:
        return query

    return (
        *(
            Conversion(source, PARQUET_FILES, fixed=0.005, per_byte=4e-9, convert=write)
            for source in (ARROW_STREAM, ARROW_TABLE)
        ),
        # Two tasks take 1 M rows of 41 bytes by JDBC in 0.5 s more than they leave as Arrow.
        # The fixed part is not measured: it is set so that small tables, too, are asked for by it.
        Conversion(JDBC_QUERY, ASKED, fixed=0.001, per_byte=1.2e-8, convert=ask),
    )


def read_files(session: SparkSession, files: FileSet, run: Run) -> DataFrame:
    """Return files as a frame with the columns and types that they are said to have."""
    if files.channel == PARQUET_FILES:
        return read_parquet(session, files, run)
    return read_text_files(session, files, run)


def read_parquet(session: SparkSession, files: FileSet, run: Run) -> DataFrame:
    """Return Parquet files as a frame with the columns and types that they are said to have."""
    from pyspark.sql.pandas.types import from_arrow_schema
    from pyspark.sql.types import LongType

    shape = from_arrow_schema(arrow_schema(files.schema), prefer_timestamp_ntz=True)
    nanoseconds = set(files.options.get("nanoseconds", ())) & set(files.schema.names)
    for field in shape.fields:
        if field.name in nanoseconds:
            field.dataType = LongType()
    reader = session.read.schema(shape)
    if nanoseconds:
        files = without_int96(files, run)
    if "partitions" in files.options:
        # Directories stand for columns: a link to a file would not lie in them.
        reader = reader.option("basePath", f"file://{files.options['root']}")
        rows = reader.parquet(*(f"file://{path}" for path in files.paths))
    else:
        rows = reader.parquet(*(url_of(path, run, ".parquet") for path in files.paths))
    if not nanoseconds:
        return rows
    return rows.selectExpr(
        *(
            f"{_microseconds(f) if f.name in nanoseconds else quoted(f.name)} AS {quoted(f.name)}"
            for f in files.schema
        )
    )


def _microseconds(field: Field) -> str:
    """Return the expression for nanoseconds, of which none may be lost."""
    name = quoted(field.name)
    told = text_constant(f"column {field.name} is {field.type} and cannot hold nanoseconds: ")
    value = f"timestamp_micros({name} div 1000)"
    if field.type == TIMESTAMP:
        value = f"CAST({value} AS TIMESTAMP_NTZ)"
    return f"CASE WHEN {name} % 1000 <> 0 THEN raise_error({told} || {name}) ELSE {value} END"


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


def to_parquet(frame: DataFrame, schema: Schema, run: Run, exchange: Path | None = None) -> FileSet:
    """Return the rows of a frame in Parquet files of the run's, written by Spark's workers.

    Raises
    ------
    TransferError
        Where some of their files are not to be seen here.
    """
    from pyarrow import parquet
    from pyspark.sql import Observation
    from pyspark.sql.functions import count, lit

    directory = run.directory() / uuid4().hex
    written = Observation()
    rows = declared(frame, schema).observe(written, count(lit(1)).alias("rows"))
    rows.write.parquet(f"file://{directory}", compression="lz4_raw")
    paths = tuple(sorted(directory.glob("*.parquet")))
    found = sum(parquet.read_metadata(path).num_rows for path in paths)
    if found != written.get["rows"]:
        raise TransferError(
            f"workers wrote {written.get['rows']} rows to '{directory}', and {found} are here",
            platform="spark",
            hint=EXCHANGE_HINT,
        )
    return FileSet(paths, schema)


def stream_of_files(files: FileSet, run: Run) -> Stream:
    """Return the rows of Parquet files one batch after the other, in the order of the files."""
    from pyarrow import parquet

    def batches() -> Iterator[pa.RecordBatch]:
        for path in files.paths:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(_ROW_GROUP):
                    run.token.raise_if_cancelled()
                    yield batch
            path.unlink()

    rows = stream_of(batches(), files.schema)
    return rows if isinstance(rows, Stream) else Stream(rows.schema, iter(rows))
