"""What ends a plan: the methods of a dataset that run it and hand over its rows."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wayfed_optimizer.errors import UnboundedResult, Unsupported, WayfedError, user_location
from wayfed_optimizer.expressions import Call, Named
from wayfed_optimizer.relations import Aggregate, Limit, Relation, WriteMode
from wayfed_optimizer.types import check_option

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import pandas as pd
    import polars as pl
    import pyarrow as pa
    import torch

    from wayfed.arrays import Arrays
    from wayfed.dataset_context import DatasetContext
    from wayfed.description import Description
    from wayfed_arrow import Stream


class Terminals:
    """The terminals of a dataset; each runs the plan anew."""

    __slots__ = ()
    context: DatasetContext
    relation: Relation

    def to_batches(self) -> Stream:
        """Run the plan and give its rows as a stream of Arrow record batches.

        The stream has the interface of a pyarrow.RecordBatchReader. Reading it to its end or
        closing it ends the run; it is a context manager.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx, ctx.read({"id": [1, 2]}).to_batches() as batches:
        ...     sum(batch.num_rows for batch in batches)
        2
        """
        return self.context.run(self.relation).stream

    def to_arrow(self) -> pa.Table:
        """Run the plan and give its rows as a pyarrow.Table.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.read({"id": [1, 2]}).to_arrow().column_names
        ['id']
        """
        with self._rows("to_arrow()") as stream:
            return stream.read_all()

    def to_numpy(self) -> Arrays:
        """Run the plan and give its columns as numpy arrays, by name.

        Each array has the dtype of its column; one with NULLs is a masked array.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.read({"id": [1, 2]}).to_numpy()["id"]
        array([1, 2])
        """
        from wayfed.arrays import Arrays

        with self._rows("to_numpy()") as stream:
            return Arrays.from_batches(stream.schema, stream)

    def toNumpy(self) -> Arrays:
        """Do what `to_numpy` does."""
        return self.to_numpy()

    def to_pandas(self) -> pd.DataFrame:
        """Run the plan and give its rows as a pandas.DataFrame.

        Columns of integers and booleans that hold NULL have pandas' nullable dtypes, so that no
        integer turns into a float.
        """
        table = self.to_arrow()
        frame = table.to_pandas()
        for field, column in zip(table.schema, table.columns, strict=True):
            if column.null_count and (dtype := _nullable_dtype(field.type)) is not None:
                frame[field.name] = column.to_pandas(types_mapper=lambda _, kind=dtype: kind)
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Run the plan and give its rows as a polars.DataFrame."""
        try:
            import polars as pl
        except ImportError as error:
            raise Unsupported(
                "to_polars()", reason="polars is not installed", hint="pip install polars"
            ) from error
        with self._rows("to_polars()") as stream:
            frame = pl.from_arrow(stream.read_all())
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table never becomes a series
        return frame

    def to_torch(self) -> dict[str, torch.Tensor]:
        """Run the plan and give its columns as PyTorch tensors, by name.

        Raises
        ------
        TypeMismatch
            Where a column is no number or holds NULL.
        """
        try:
            import torch
        except ImportError as error:
            raise Unsupported(
                "to_torch()", reason="PyTorch is not installed", hint="pip install torch"
            ) from error
        arrays = self.to_numpy()
        return {
            name: torch.from_numpy(arrays.matrix([name], dtype=arrays[name].dtype).ravel())
            for name in arrays
        }

    def count(self) -> int:
        """Run the plan and count its rows.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.read({"id": [1, 2]}).count()
        2
        """
        total = Aggregate(self.relation, (), (Named("count", Call("count", ())),))
        with self._rows("count()", total) as stream:
            return int(stream.read_all().column(0)[0].as_py())

    def describe(self) -> Description:
        """Run the plan and summarise each column: values, NULLs, mean, deviation, least, greatest.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.read({"amount": [10.0, 30.0, None]}).describe()["amount"].mean
        20.0
        """
        from wayfed.description import describe, described

        with self._rows("describe()", describe(self.relation)) as stream:
            return described(self.relation.schema, stream.read_all())

    def show(self, rows: int = 10) -> None:
        """Run the plan as far as needed and print its first rows as a table."""
        from wayfed.printing import print_rows

        limited = Limit(self.relation, rows)
        with self._stream(limited) as stream:
            print_rows(self.relation.schema, stream)

    def write(
        self,
        target: str | os.PathLike[str],
        *,
        mode: str = "error",
        table: str | None = None,
        partition_by: str | Sequence[str] = (),
        **options: Any,
    ) -> int:
        """Run the plan and write its rows to files, a database's table or a topic; return how many.

        All of them are written, or none: until the last one is there, and whatever goes wrong,
        readers see what was there before. The target may be what the plan reads.

        Parameters
        ----------
        target
            A path that ends in .parquet, .csv, .ndjson or .arrow; a directory (one that exists, or
            a name that ends in ``/``) for Parquet files in it; a database's URL; or
            ``kafka://host:port/topic``.
        mode
            What to do if the target exists: ``error``, ``append`` or ``overwrite``. Rows are
            appended to tables and directories, by the names of their columns.
        table
            Which table of a database; it is made where it is missing.
        partition_by
            Columns after whose values directories are named (``year=2013``), which `read` makes
            columns again.
        options
            What the target takes besides, such as ``key="id"`` of topics.

        Raises
        ------
        SourceError
            Where the target exists, or what it is to be in does not.
        TypeMismatch, ColumnNotFound
            Where the target cannot hold a column; names the cast.
        Unsupported
            Where the target is nothing that can be written.

        Examples
        --------
        >>> import tempfile, wayfed as wf
        >>> with wf.context() as ctx, tempfile.TemporaryDirectory() as directory:
        ...     orders = ctx.read({"id": [1, 2], "year": [2012, 2013]})
        ...     orders.write(f"{directory}/orders/", partition_by="year")
        ...     ctx.read(f"{directory}/orders/**/*.parquet").filter("year = 2013").to_numpy()["id"]
        2
        array([2])
        """
        from wayfed_optimizer.platform import TargetRequest

        check_option(mode, [each.value for each in WriteMode], name="mode")
        by = (partition_by,) if isinstance(partition_by, str) else tuple(partition_by)
        self._require_bounded("write()")
        schema = self.relation.schema
        request = TargetRequest(target, schema, WriteMode(mode), table, by, options)
        try:
            return self.context.write(self.relation, request)
        except WayfedError as error:
            error.where = error.where or user_location()
            raise

    @contextmanager
    def _rows(self, terminal: str, relation: Relation | None = None) -> Iterator[Stream]:
        self._require_bounded(terminal)
        with self._stream(relation or self.relation) as stream:
            yield stream

    def _require_bounded(self, terminal: str) -> None:
        if not self.relation.bounded:
            raise UnboundedResult(
                f"{terminal} needs all rows, and they never end",
                hint="take a part with limit(n), or read on and on with to_batches()",
            )

    @contextmanager
    def _stream(self, relation: Relation) -> Iterator[Stream]:
        """Run a plan; an error from one of its threads gets the line of the terminal."""
        try:
            with self.context.run(relation).stream as stream:
                yield stream
        except WayfedError as error:
            error.where = error.where or user_location()
            raise


def _nullable_dtype(kind: Any) -> Any:
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return pd.BooleanDtype()
    if pa.types.is_integer(kind):
        return pd.api.types.pandas_dtype(f"Int{kind.bit_width}")
    return None
