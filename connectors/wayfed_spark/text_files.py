r"""CSV and NDJSON, read by Spark with the meaning that wayfed_files and wayfed_duckdb give them.

Spark's own conversions cut, round and turn what they cannot read into NULL. So fields are read as
text, and made values by expressions that raise an error for what is not written as its type is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.platform import CSV_FILES
from wayfed_optimizer.types import (
    BOOL,
    DATE,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    Decimal,
    Field,
    List,
    Struct,
    is_integer,
)
from wayfed_spark.names import quoted, text_constant, url_of
from wayfed_spark.quotes import has_quotes_and_returns, require_closed_quotes
from wayfed_sql import SPARK

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from wayfed_optimizer.platform import FileSet, Run
    from wayfed_optimizer.types import DataType

_CLOCK: Final = r"[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6}0*)?)?"
_INTEGER: Final = r"[+-]?\d+"
_WHOLE: Final = r"[+-]?\d+(\.0*)?"
_LOST: Final = (
    r"CASE WHEN rlike({0}, '[eE]') THEN coalesce(length(regexp_extract({0}, '[.]([0-9]*[1-9])', 1))"
    r" - try_cast(regexp_extract({0}, '[eE]([+-]?[0-9]+)', 1) AS INT) > {scale}, true)"
    r" ELSE rlike({0}, '[.][0-9]{{{scale}}}[0-9]*[1-9]') END"
)
"""Whether a number has digits further behind the point than its column."""
_NUMBER: Final = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_WRITTEN: Final = {
    BOOL: r"(?i)(true|false|t|f|1|0)",
    DATE: r"\d{4}-\d{2}-\d{2}",
    TIMESTAMP: rf"\d{{4}}-\d{{2}}-\d{{2}}({_CLOCK})?",
    TIMESTAMP_UTC: rf"\d{{4}}-\d{{2}}-\d{{2}}({_CLOCK})?\s*(Z|[+-]\d{{2}}(:?\d{{2}})?)?",
}
_CSV_TEXT: Final = r"\x{FFFD}|^\s+\".*\"\s*$"
"""What is made of bytes that are not UTF-8, and quotes that others find behind spaces."""
_BLOCK: Final = 8 << 20


def read_text_files(session: SparkSession, files: FileSet, run: Run) -> DataFrame:
    """Return CSV or NDJSON files as a frame with the columns and types that they are said to have.

    Raises
    ------
    Unsupported
        Where a column has a type that text does not tell.
    """
    fields = files.schema.fields
    columns: tuple[Field, ...] = files.options["columns"]
    if files.channel == CSV_FILES:
        rows = _csv_rows(session, files, [field.name for field in columns], run)
        values = [_text_value(field, quoted(field.name), _CSV_TEXT) for field in fields]
    else:
        rows = _json_rows(session, files, run)
        values = [_json_value(field) for field in fields]
    named = zip(values, fields, strict=True)
    return rows.selectExpr(*(f"{value} AS {quoted(field.name)}" for value, field in named))


def _csv_rows(session: SparkSession, files: FileSet, names: list[str], run: Run) -> DataFrame:
    """Return the fields of CSV files as text; NULL is what was not written."""
    from pyspark.sql.types import StringType, StructField, StructType

    for path in files.paths:
        run.token.raise_if_cancelled()
        require_closed_quotes(path, files.options)
    nothing = f"wayfed nothing {uuid4().hex}"
    options = files.options
    reader = session.read.schema(StructType([StructField(name, StringType()) for name in names]))
    rows = reader.options(
        mode="FAILFAST",
        multiLine="true",
        columnPruning="false",
        unescapedQuoteHandling="RAISE_ERROR",
        header=str(options["header"]).lower(),
        sep=options["delimiter"],
        quote=options["quote"],
        escape=options["escape"],
        # Else a quoted empty text would be NULL too.
        nullValue=nothing,
        emptyValue="",
    ).csv([url_of(path, run, _suffix(path)) for path in files.paths])
    if _is_plain(files, names):
        return rows
    # The other reader takes rows that are broken for whole.
    rows.write.format("noop").mode("overwrite").save()
    return _csv_by_way_of_parquet(session, files, names, run)


def _is_plain(files: FileSet, names: list[str]) -> bool:
    """Say whether Spark's reader has the same meaning.

    It takes quoted texts for NULL too, and its escapes, empty lines and ends of quoted lines are
    others.
    """
    options = files.options
    return (
        tuple(options["null_values"]) == ("",)
        and options["escape"] == options["quote"]
        and len(names) > 1
        and not any(has_quotes_and_returns(path, options) for path in files.paths)
    )


def _csv_by_way_of_parquet(
    session: SparkSession, files: FileSet, names: list[str], run: Run
) -> DataFrame:
    """Return the fields of CSV files as text, read here and written down for Spark."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    options = files.options
    escape = options["escape"]
    path = run.directory() / f"{uuid4().hex}.parquet"
    schema = pa.schema([(name, pa.string()) for name in names])
    with parquet.ParquetWriter(path, schema, compression="none") as writer:
        for file in files.paths:
            reader = csv.open_csv(
                file,
                csv.ReadOptions(column_names=names, block_size=_BLOCK),
                csv.ParseOptions(
                    delimiter=options["delimiter"],
                    quote_char=options["quote"],
                    double_quote=escape == options["quote"],
                    escape_char=False if escape == options["quote"] else escape,
                    newlines_in_values=True,
                    ignore_empty_lines=len(names) > 1,
                ),
                csv.ConvertOptions(
                    column_types=schema,
                    null_values=list(options["null_values"]),
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
            header = options["header"]
            for batch in reader:
                run.token.raise_if_cancelled()
                writer.write_batch(batch.slice(1) if header else batch)
                header = False
    return session.read.parquet(f"file://{path}")


def _json_rows(session: SparkSession, files: FileSet, run: Run) -> DataFrame:
    """Return the lines of JSON files as a variant `line`, and what is nested as `nested`.

    A line is read as a list of one: else Spark would not see what follows its object.
    """
    paths = [url_of(path, run, _suffix(path)) for path in files.paths]
    lines = session.read.text(paths, lineSep="\n").filter("NOT rlike(value, '^[ \\t\\r]*$')")
    refused = _refusal("a line that is no object of JSON, or not UTF-8: ", "left(value, 200)")
    objects = "is_valid_utf8(value) AND rlike(value, '^[ \\t]*[{]')"
    parsed = lines.selectExpr(
        "value",
        f"parse_json(concat('[', CASE WHEN {objects} THEN value ELSE {refused} END, ']')) AS line",
    )
    shape = ", ".join(
        f"{quoted(f.name)} {SPARK.type_name(f.type)}" for f in files.schema if _is_nested(f)
    )
    nested = _from_json(shape)
    alone = f"CASE WHEN variant_get(line, '$[1]', 'variant') IS NULL THEN line ELSE {refused} END"
    read = ["value", f"{alone} AS line", *([f"{nested} AS nested"] if shape else [])]
    return parsed.selectExpr(*read)


def _from_json(shape: str) -> str:
    """Return the expression for members of a line's object, with their types."""
    options = "map('mode', 'FAILFAST', 'allowNonNumericNumbers', 'false')"
    return f"from_json(value, {text_constant(f'STRUCT<{shape}>')}, {options})"


def _is_nested(field: Field) -> bool:
    return isinstance(field.type, List | Struct)


def _json_value(field: Field) -> str:
    """Return the expression for a member of a line's object."""
    if _is_nested(field):
        return f"nested.{quoted(field.name)}"
    mark = '"' if '"' not in field.name else "'"
    if mark in field.name:
        raise Unsupported(
            f"a column called {field.name!r} in NDJSON", "spark", "its paths end there"
        )
    path = text_constant(f"$[0][{mark}{field.name}{mark}]")
    text = f"variant_get(line, {path}, 'string')"
    member = f"variant_get(line, {path}, 'variant')"
    if _is_whole(field.type):
        # 7.0 is 7 in a variant, and refused, as it would be had it passed through a float.
        written = f"{_from_json(f'{quoted(field.name)} STRING')}.{quoted(field.name)}"
        refused = _refusal(f"column {field.name} is {field.type} and cannot hold ", written)
        fraction = f"schema_of_variant({member}) LIKE 'DECIMAL%' AND rlike({written}, '[.eE]')"
        return (
            f"CASE WHEN {fraction} THEN {refused} "
            f"ELSE {_text_value(field, text, '', written=_INTEGER)} END"
        )
    if field.type != TEXT:
        return _text_value(field, text, "")
    refused = _refusal(f"column {field.name} is text and cannot hold ", text)
    plain = f"{member} IS NULL OR schema_of_variant({member}) IN ('STRING', 'VOID')"
    return f"CASE WHEN {plain} THEN {text} ELSE {refused} END"


def _is_whole(kind: DataType) -> bool:
    return is_integer(kind) or (isinstance(kind, Decimal) and kind.scale == 0)


def _text_value(field: Field, sql: str, odd: str, *, written: str | None = None) -> str:
    """Return the expression that makes a text a value of its column, or raises an error.

    `odd` is what texts of text columns must not look like, as readers differ about it; `written`
    what the others look like, where it is not said by their type alone.
    """
    refused = _refusal(f"column {field.name} is {field.type} and cannot hold ", sql)
    if field.type == TEXT:
        return f"CASE WHEN rlike({sql}, {text_constant(odd)}) THEN {refused} ELSE {sql} END"
    pattern = text_constant(rf"^\s*({written or _pattern(field)})\s*$")
    cast = f"try_cast(trim({sql}) AS {SPARK.type_name(field.type)})"
    lost = ""
    if isinstance(field.type, Decimal) and field.type.scale:
        lost = f"WHEN {_LOST.format(sql, scale=field.type.scale)} THEN {refused} "
    return (
        f"CASE WHEN {sql} IS NULL THEN NULL WHEN NOT rlike({sql}, {pattern}) THEN {refused} "
        f"{lost}ELSE coalesce({cast}, {refused}) END"
    )


def _pattern(field: Field) -> str:
    kind = field.type
    if kind in _WRITTEN:
        return _WRITTEN[kind]
    if is_integer(kind):
        return _INTEGER
    if isinstance(kind, Decimal):
        return _NUMBER if kind.scale else _WHOLE  # else the fraction would be rounded away
    if kind.name in ("float32", "float64"):
        return rf"{_NUMBER}|[+-]?(?i)(nan|inf|infinity)"
    raise Unsupported(
        f"column '{field.name}' of type {kind} in a text file",
        "spark",
        "text does not say how it is written",
        hint="read it as text and cast() it",
    )


def _refusal(told: str, value: str) -> str:
    return f"raise_error(concat({text_constant(told)}, {value}, ' in ', input_file_name()))"


def _suffix(path: Path) -> str:
    return ".gz" if path.suffix.lower() == ".gz" else ""
