"""The verbs of a dataset that take a function of the user's: over a row, or a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from wayfed import mapping
from wayfed.selecting import row_over, scope_of, select
from wayfed.tracing import trace_outputs
from wayfed_optimizer.expressions import Named
from wayfed_optimizer.relations import MapBatches, MapKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed.mapping import SchemaLike
    from wayfed_optimizer.relations import Relation


class FunctionVerbs:
    """What rows become by functions: traced ones, and those that run as Python."""

    __slots__ = ()
    relation: Relation
    if TYPE_CHECKING:

        def with_relation(self, relation: Relation) -> Self: ...  # noqa: D102  # `Dataset` says it

    def map(self, function: Callable[..., object], schema: SchemaLike | None = None) -> Self:
        """Make each row another one.

        Without `schema`, the function is called once, on a row of columns, to learn which
        expressions it means; engines then run these. With `schema`, or where the function is
        annotated to return a TypedDict or NamedTuple, it runs as Python on the values of each row:
        slower, and opaque to the optimizer.

        Parameters
        ----------
        function
            From a row (``t.amount``, ``t["amount"]``, ``{**t}``) to a dict, a named tuple, or a
            list, array or tuple; in these a column that is passed on keeps its name, an alias
            counts, and anything else is ``column_0``, ``column_1`` … by its position.
        schema
            The columns that it returns as Python: ``{"name": "text", "total": "float64"}``.

        Raises
        ------
        PlanError
            Where the function cannot be traced; says at which line, and how to go on.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"id": [1], "amount": [10.0]})
        >>> orders.map(lambda t: {**t, "fee": t.amount * 0.01}).columns
        ('id', 'amount', 'fee')
        """
        found = schema or mapping.annotated_schema(function)
        if found is not None:
            return self._mapped(function, MapKind.ROW, found)
        scope = scope_of(self.relation)
        pairs = trace_outputs(function, row_over(self.relation))
        outputs = tuple(Named(name, each.bind(scope)) for name, each in pairs)
        return self.with_relation(select(self.relation, outputs))

    def flat_map(self, function: Callable[..., object], schema: SchemaLike | None = None) -> Self:
        """Make each row any number of rows, by a Python function that returns or yields them.

        What it yields is handed on as it comes: a row may become more rows than memory holds.

        Parameters
        ----------
        function
            From a row of values (``row.note``) to rows: each a dict, tuple, or single value.
        schema
            The columns of these; the function's annotation may say them instead.

        Raises
        ------
        ExecutionError
            When run, where the function raises (its error is the cause) or makes what does not
            fit; names the batch, the row, and the line of the function.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     notes = ctx.read({"id": [1, 2], "words": ["a b", "c"]})
        ...     words = notes.flat_map(
        ...         lambda row: [(row.id, word) for word in row.words.split()],
        ...         schema={"id": "int64", "word": "text"},
        ...     )
        ...     words.sort("word").to_arrow().to_pydict()
        {'id': [1, 1, 2], 'word': ['a', 'b', 'c']}
        """
        return self._mapped(
            function, MapKind.ROWS, schema or mapping.required_schema(function, "flat_map")
        )

    def map_batches(
        self, function: Callable[..., object], schema: SchemaLike | None = None
    ) -> Self:
        """Make each batch of rows another one, by a Python function over Arrow record batches.

        Parameters
        ----------
        function
            From a pyarrow.RecordBatch to one, a table, a pandas or polars frame, or a dict of
            arrays, with the columns of `schema`; or a generator of several of these. Which rows
            share a batch is the engine's choice; it is not called for no rows.
        schema
            The columns that it returns; the function's annotation may say them instead.

        Raises
        ------
        ExecutionError
            When run, where the function raises (its error is the cause) or returns what does not
            fit; names the batch, and the line of the function.

        Examples
        --------
        >>> import pyarrow.compute as pc
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"amount": [10.0, 20.0]})
        ...     rounded = orders.map_batches(
        ...         lambda batch: {"amount": pc.round(batch["amount"], -1)},
        ...         schema={"amount": "float64"},
        ...     )
        ...     rounded.to_numpy()["amount"]
        array([10., 20.])
        """
        return self._mapped(
            function, MapKind.BATCHES, schema or mapping.required_schema(function, "map_batches")
        )

    def _mapped(self, function: Callable[..., object], kind: MapKind, schema: SchemaLike) -> Self:
        name = getattr(function, "__name__", type(function).__name__)
        columns = mapping.as_schema(schema)
        return self.with_relation(MapBatches(self.relation, name, function, kind, columns))
