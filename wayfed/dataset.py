"""A dataset: a plan and the context that runs it. Verbs make new plans, terminals run them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from wayfed import joining, mapping
from wayfed.columns import as_column, fill
from wayfed.dataset_context import require_same_context
from wayfed.display import dataset_html, dataset_text
from wayfed.grouping import GroupedDataset
from wayfed.looping import loop_over
from wayfed.sampling import parts_of, sampling_keys
from wayfed.selecting import (
    condition_of,
    keep,
    outputs_of,
    project,
    row_over,
    scope_of,
    select,
    sort_keys,
)
from wayfed.terminals import Terminals
from wayfed.tracing import trace_outputs
from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import (
    InvalidOption,
    PlatformNotFound,
    TypeMismatch,
    UnboundedResult,
)
from wayfed_optimizer.expressions import Column as Reference
from wayfed_optimizer.expressions import (
    Named,
    call,
    cast_to,
    column,
    conjunction,
    named_type,
)
from wayfed_optimizer.relations import (
    Cache,
    Distinct,
    Explode,
    Hint,
    JoinKind,
    Limit,
    MapBatches,
    MapKind,
    Relation,
    Sample,
    SetKind,
    SetOperation,
    Sort,
    reads,
)
from wayfed_optimizer.types import Schema, check_option, is_integer, is_numeric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wayfed.columns import Order, Value
    from wayfed.dataset_context import DatasetContext
    from wayfed.explain import Explanation
    from wayfed.mapping import SchemaLike
    from wayfed.selecting import Selector
    from wayfed_optimizer.types import DataType


class Dataset(Terminals):
    """Rows with named, typed columns, described by a plan; nothing runs before a terminal.

    Datasets are immutable: every verb returns a new one. Columns are given by name, as an
    expression (``wf.col("amount") * 2``), or as a function over the row (``lambda t: t.amount *
    2``), which is called once to learn the expression. A text that is no column's name is SQL.

    Examples
    --------
    >>> import wayfed as wf
    >>> with wf.context() as ctx:
    ...     orders = ctx.read({"id": [1, 2, 3], "amount": [10.0, 20.0, 5.0]})
    ...     large = orders.filter(lambda t: t.amount > 6).select("id", fee=wf.col("amount") * 0.01)
    ...     fees = large.sort("id").to_numpy()
    >>> large.schema
    Schema(id int64, fee float64)
    >>> fees["fee"]
    array([0.1, 0.2])
    """

    __slots__ = ("context", "relation")

    def __init__(self, context: DatasetContext, relation: Relation) -> None:
        self.context = context
        self.relation = relation

    def with_relation(self, relation: Relation) -> Self:
        """Return a dataset of the same context for another plan."""
        return type(self)(self.context, relation)

    @property
    def schema(self) -> Schema:
        """Names and types of the columns."""
        return self.relation.schema

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return self.relation.schema.names

    @property
    def bounded(self) -> bool:
        """Whether the rows come to an end."""
        return self.relation.bounded

    def filter(self, *conditions: Selector | bool) -> Self:
        """Keep the rows for which all conditions are true (SQL: WHERE).

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"amount": [10.0, 20.0, 5.0], "paid": [True, False, True]})
        ...     orders.filter(lambda t: t.amount > 6, wf.col("paid")).count()
        1
        """
        found = condition_of(conditions, self.relation)
        return self.with_relation(keep(self.relation, conjunction(tuple(found))))

    def select(self, *columns: Selector | Sequence[Selector], **named: Selector | Value) -> Self:
        """Take these columns and no others; `named` ones have their names.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"id": [1], "amount": [10.0]})
        >>> orders.select("id", gross=lambda t: t.amount * 1.2).columns
        ('id', 'gross')
        """
        return self.with_relation(select(self.relation, outputs_of(columns, named, self.relation)))

    def with_columns(
        self, *columns: Selector | Sequence[Selector], **named: Selector | Value
    ) -> Self:
        """Add columns, or put them in the place of those with the same names.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"account": [1, 1], "amount": [10.0, 30.0]})
        >>> share = wf.col("amount") / wf.sum("amount").over(partition_by="account")
        >>> orders.with_columns(share=share).schema
        Schema(account int64, amount float64, share float64)
        """
        return self._with_outputs(outputs_of(columns, named, self.relation))

    def _with_outputs(self, outputs: Iterable[Named]) -> Self:
        new = {output.name: output for output in outputs}
        kept = {name: Named(name, column(self.schema, name)) for name in self.columns}
        return self.with_relation(select(self.relation, tuple({**kept, **new}.values())))

    def drop(self, *columns: str) -> Self:
        """Leave columns out."""
        scope = scope_of(self.relation)
        for name in columns:
            scope.schema.field(name, of=scope.of)
        rest = [name for name in self.columns if name not in columns]
        return self.with_relation(project(self.relation, rest))

    def rename(self, names: Mapping[str, str] | None = None, /, **more: str) -> Self:
        """Rename columns, old name to new: ``rename(cust="customer_id")``."""
        new = {**(names or {}), **more}
        for name in new:
            self._field(name)
        outputs = (Named(new.get(name, name), column(self.schema, name)) for name in self.columns)
        return self.with_relation(select(self.relation, tuple(outputs)))

    def cast(
        self, types: Mapping[str, DataType | str] | None = None, /, **more: DataType | str
    ) -> Self:
        """Convert columns to types: ``cast(amount="decimal(12,2)")``; what does not fit raises."""
        return self._with_outputs(
            Named(name, cast_to(self._field(name), named_type(kind)))
            for name, kind in {**(types or {}), **more}.items()
        )

    def fill_null(self, value: Value = None, /, **values: Value) -> Self:
        """Put values in place of NULL: one for every column whose type it fits, or by column."""
        scope = scope_of(self.relation)
        filled = {} if value is None else self._fillable(value)
        return self._with_outputs(
            Named(name, fill(self._field(name), as_column(each).bind(scope)))
            for name, each in {**filled, **values}.items()
        )

    def _fillable(self, value: Value) -> dict[str, Value]:
        constant = as_column(value).bind(scope_of(self.relation))
        fits = [f.name for f in self.schema if f.nullable and _fits(constant.type, f.type)]
        if not fits:
            raise TypeMismatch(
                f"no column takes {constant} in place of NULL: it is {constant.type}"
            )
        return dict.fromkeys(fits, value)

    def drop_null(self, *columns: str) -> Self:
        """Drop the rows that have NULL in one of these columns, or in any."""
        tests = (call("is_not_null", self._field(name)) for name in columns or self.columns)
        return self.with_relation(keep(self.relation, conjunction(tuple(tests))))

    def join(
        self,
        other: Dataset,
        on: str | Sequence[str] | None = None,
        *,
        left_on: str | Sequence[str] | None = None,
        right_on: str | Sequence[str] | None = None,
        how: joining.How = "inner",
        suffix: str = "_right",
        predicate: joining.Predicate | None = None,
    ) -> Self:
        """Pair rows of two datasets.

        A key that both sides call the same is there once in the result. Other columns of `other`
        whose names are taken get `suffix`.

        Parameters
        ----------
        other
            The right side, of the same context.
        on
            Keys of one name on both sides. Without any keys and predicate, those that the catalog
            declares for the tables.
        left_on, right_on
            Keys of different names, in pairs.
        how
            Which rows there are besides the pairs: ``inner`` none, ``left``, ``right``, ``full``
            those without a partner, ``semi`` and ``anti`` the left rows that have and have not a
            partner, ``cross`` all pairs, ``asof`` each left row with the last right row that is
            not after it.
        suffix
            What is added to a name of `other` that this side has too.
        predicate
            What must be true of a pair besides: a function over both rows, ``lambda l, r: l.at <
            r.until``, or an expression over the columns of the result. An asof join needs one that
            says in which order rows are, ``lambda l, r: l.at >= r.since``, beside equal keys.

        Raises
        ------
        ColumnNotFound, TypeMismatch, InvalidOption, PlanError

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"customer": [1, 2], "amount": [10.0, 20.0]})
        ...     customers = ctx.read({"customer": [1, 2], "segment": ["retail", "trade"]})
        >>> orders.join(customers, on="customer", how="left").columns
        ('customer', 'amount', 'segment')
        """
        require_same_context(self, other)
        kind = JoinKind(check_option(how, [kind.value for kind in JoinKind], name="how"))
        keys = joining.key_pairs(on, left_on, right_on)
        if keys is None:
            known = kind is JoinKind.CROSS or predicate is not None
            keys = () if known else self._declared_pairs(other)
        return self.with_relation(
            joining.join(
                self.relation,
                other.relation,
                kind=kind,
                keys=keys,
                suffix=suffix,
                predicate=predicate,
            )
        )

    def _declared_pairs(self, other: Dataset) -> joining.Keys:
        return joining.declared_pairs(
            self.schema, other.schema, self._declared_keys(), other._declared_keys()
        )

    def _declared_keys(self) -> tuple[tuple[str, ...], ...]:
        tables = [read.table for read in reads(self.relation)]
        return tuple(key for table in tables for key in self.context.declared_keys(table))

    def group_by(
        self, *keys: Selector | Sequence[Selector], **named: Selector | Value
    ) -> GroupedDataset[Self]:
        """Put rows with equal keys together, for `agg`; without keys all rows are one group.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"customer": [1, 1, 2], "amount": [10.0, 20.0, 5.0]})
        ...     totals = orders.group_by("customer").agg(total=wf.sum("amount")).sort("customer")
        ...     totals.to_numpy()["total"]
        array([30.,  5.])
        """
        return GroupedDataset(self, outputs_of(keys, named, self.relation))

    def sort(
        self,
        *keys: Selector | Order,
        descending: bool = False,
        nulls_first: bool = False,
    ) -> Self:
        """Order the rows; NULLs come last, both ways, unless said.

        Keys are columns, expressions, ``wf.col("amount").desc()`` or text such as
        ``"amount desc"``; `descending` is for all those that do not say.
        """
        if not keys:
            raise InvalidOption("sort() needs something to sort by", available=self.columns)
        order = sort_keys(keys, self.relation, descending=descending, nulls_first=nulls_first)
        return self.with_relation(Sort(self.relation, order))

    def limit(self, count: int, *, offset: int = 0) -> Self:
        """Take at most `count` rows after the first `offset`; which ones, only a sort says."""
        return self.with_relation(Limit(self.relation, count, offset))

    def distinct(self, *on: str) -> Self:
        """Keep one of equal rows; with columns, some one row for each of their values."""
        return self.with_relation(Distinct(self.relation, on))

    def union(self, other: Dataset, *, distinct: bool = False) -> Self:
        """Put the rows of both together; `distinct` keeps one of equal ones.

        Columns are matched by name, and cast to their common types.
        """
        return self._set_operation(SetKind.UNION, other, distinct=distinct)

    def intersect(self, other: Dataset, *, distinct: bool = True) -> Self:
        """Keep the rows that `other` has too; without `distinct`, as often as both have them."""
        return self._set_operation(SetKind.INTERSECT, other, distinct=distinct)

    def except_(self, other: Dataset, *, distinct: bool = True) -> Self:
        """Drop the rows that `other` has; without `distinct`, as often as it has them."""
        return self._set_operation(SetKind.EXCEPT, other, distinct=distinct)

    def _set_operation(self, kind: SetKind, other: Dataset, *, distinct: bool) -> Self:
        require_same_context(self, other)
        left, right = self, self.with_relation(other.relation)
        if set(left.columns) == set(right.columns):
            if left.columns != right.columns:
                right = right.select(*left.columns)
            common = {
                name: kind_of_both
                for name in left.columns
                if (kind_of_both := common_type([left.schema[name].type, right.schema[name].type]))
            }
            left, right = left._cast_where_needed(common), right._cast_where_needed(common)
        made = SetOperation(kind, left.relation, right.relation, all=not distinct)
        return self.with_relation(made)

    def _cast_where_needed(self, types: Mapping[str, DataType]) -> Self:
        needed = {n: kind for n, kind in types.items() if self.schema[n].type != kind}
        return self.cast(needed) if needed else self

    def explode(self, column: str, *, keep_empty: bool = False) -> Self:
        """Make a row of each element of a list; the column then holds the element.

        A row whose list is NULL or empty is dropped; with `keep_empty` it is there once, with NULL.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     posts = ctx.read({"id": [1, 2], "tags": [["a", "b"], []]})
        ...     posts.explode("tags").to_arrow().to_pylist()
        [{'id': 1, 'tags': 'a'}, {'id': 1, 'tags': 'b'}]
        """
        self._field(column)
        return self.with_relation(Explode(self.relation, column, keep_empty))

    def sample(
        self, fraction: float, *, by: str | Sequence[str] | None = None, seed: int = 0
    ) -> Self:
        """Take about a fraction of the rows, by a hash of keys: the same rows on every platform.

        Parameters
        ----------
        fraction
            0 to 1.
        by
            The keys; rows that agree on them stay together. By default the declared key.
        seed
            Another seed gives another sample.
        """
        return self.with_relation(Sample(self.relation, self._sampling_keys(by), 0, fraction, seed))

    def split(
        self, *fractions: float, by: str | Sequence[str] | None = None, seed: int = 0
    ) -> tuple[Self, ...]:
        """Split the rows into disjoint parts by a hash of keys; what is left is the last part.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"id": list(range(100))})
        ...     train, test = orders.split(0.8, by="id")
        ...     train.count() + test.count()
        100
        """
        keys = self._sampling_keys(by)
        return tuple(
            self.with_relation(Sample(self.relation, keys, low, high, seed))
            for low, high in parts_of(fractions)
        )

    def _sampling_keys(self, by: str | Sequence[str] | None) -> tuple[str, ...]:
        return sampling_keys(by, self.schema, self._declared_keys())

    def cache(self) -> Self:
        """Keep the rows once they are computed, for this plan and others of this context.

        The first run that needs them computes them whole, before anything else; other runs that
        need them meanwhile wait for it. They stay until the context is closed, in memory, or in a
        mapped file where they are many. A computation that fails or is stopped leaves nothing.
        What the sources hold by then is what is kept: call `cache` again to see later changes.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"id": [1, 2], "amount": [10.0, 20.0]})
        ...     large = orders.filter("amount > 15").cache()
        ...     large.count(), large.to_numpy()["id"]
        (1, array([2]))
        """
        return self.with_relation(Cache(self.relation, self.context.unique_name("cache")))

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

    def iterate(
        self,
        body: Callable[[Self], Dataset],
        *,
        until: Callable[[Self], Dataset] | None = None,
        max_iterations: int,
    ) -> Self:
        """Apply a plan again and again, first to these rows, then to its own result.

        The plan is made and placed once. What it reads besides the current rows is computed before
        the first iteration, and kept; the current rows stay in memory between iterations. A loop
        may stand in the body of another one, and read the other one's rows.

        Parameters
        ----------
        body
            From the current rows to the next ones, which have the same columns.
        until
            From the rows that `body` gave to one boolean, as one row: true ends the loop. NULL is
            not true. A convergence test keeps what it compares in a column of its own.
        max_iterations
            How often `body` is applied at most, at least once. Where `until` is still not true
            then, the rows of the last iteration are the result, and the warning NotConverged says
            so, as `explain(analyze=True)` does.

        Raises
        ------
        TypeMismatch
            Where `body` changes the columns, or `until` is not one boolean.

        Examples
        --------
        Newton's method for the square roots of some numbers, until no root moves any more:

        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     start = ctx.read({"x": [2.0, 9.0], "root": [1.0, 1.0], "step": [1.0, 1.0]})
        ...     roots = start.iterate(
        ...         lambda rows: rows.with_columns(step=lambda t: (t.root - t.x / t.root) / 2)
        ...         .with_columns(root=lambda t: t.root - t.step),
        ...         until=lambda rows: rows.group_by()
        ...         .agg(farthest=wf.max(wf.col("step").abs()))
        ...         .select(done=wf.col("farthest") < 1e-9),
        ...         max_iterations=20,
        ...     )
        ...     roots.to_numpy()["root"].round(6)
        array([1.414214, 3.      ])
        """
        return self.with_relation(loop_over(self, body, until, max_iterations))

    def on(self, platform: str) -> Self:
        """Force what lies below onto a platform, whatever it costs.

        Functions of Python, loops and caches run in this process as ever; what they read, and the
        bodies of loops, run there.
        """
        if platform not in self.context.platform_names:
            raise PlatformNotFound(platform, self.context.platform_names, of="this context")
        return self.with_relation(Hint(self.relation, platform=platform))

    def hint(self, *, rows: int) -> Self:
        """Tell the optimizer how many rows there are, where you know better."""
        return self.with_relation(Hint(self.relation, rows=rows))

    def explain(
        self, stage: str = "physical", *, analyze: bool = False, alternatives: bool = False
    ) -> Explanation:
        """Explain how the plan will run: where, in which pieces, at what cost.

        Parameters
        ----------
        stage
            How far to go: ``logical``, ``rewritten``, ``placed``, ``physical``, or ``executed``,
            which is ``physical`` with `analyze`.
        analyze
            Run it, and show actual rows, bytes and seconds beside the estimates.
        alternatives
            Show what was rejected, and why.

        Returns
        -------
        Explanation
            Text by ``str()``, data by ``to_dict()``, a graph by ``to_mermaid()``.
        """
        if (analyze or stage == "executed") and not self.bounded:
            raise UnboundedResult("explain(analyze=True) runs the plan, which has no end")
        return self.context.explain(
            self.relation, stage=stage, analyze=analyze, alternatives=alternatives
        )

    def _field(self, name: str) -> Reference:
        scope = scope_of(self.relation)
        return column(scope.schema, name, of=scope.of)

    def __repr__(self) -> str:
        return dataset_text(self)

    def _repr_html_(self) -> str:
        return dataset_html(self)


def _fits(value: DataType, kind: DataType) -> bool:
    both = common_type([value, kind])
    return both is not None and (both == kind or (is_integer(value) and is_numeric(kind)))
