"""A dataset: a plan and the context that runs it. Verbs make new plans, terminals run them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from wayfed import joining
from wayfed.column_verbs import ColumnVerbs
from wayfed.dataset_context import require_same_context
from wayfed.display import dataset_html, dataset_text
from wayfed.function_verbs import FunctionVerbs
from wayfed.grouping import GroupedDataset
from wayfed.looping import loop_over
from wayfed.sampling import parts_of, sampling_keys
from wayfed.selecting import condition_of, field_of, keep, outputs_of, sort_keys
from wayfed.terminals import Terminals
from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import InvalidOption, PlatformNotFound, UnboundedResult
from wayfed_optimizer.expressions import call, conjunction
from wayfed_optimizer.relations import (
    Cache,
    Distinct,
    Explode,
    Hint,
    JoinKind,
    Limit,
    Relation,
    Sample,
    SetKind,
    SetOperation,
    Sort,
    reads,
)
from wayfed_optimizer.types import Schema, check_option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wayfed.columns import Order, Value
    from wayfed.dataset_context import DatasetContext
    from wayfed.explain import Explanation
    from wayfed.selecting import Selector
    from wayfed_optimizer.types import DataType


class Dataset(ColumnVerbs, FunctionVerbs, Terminals):
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
        """Names and types of the columns.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.read({"id": [1], "amount": [10.0]}).schema
        Schema(id int64, amount float64)
        """
        return self.relation.schema

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.read({"id": [1], "amount": [10.0]}).columns
        ('id', 'amount')
        """
        return self.relation.schema.names

    @property
    def bounded(self) -> bool:
        """Whether the rows come to an end.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.read({"id": [1]}).bounded
        True
        """
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

    def drop_null(self, *columns: str) -> Self:
        """Drop the rows that have NULL in one of these columns, or in any.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"amount": [10.0, None, 5.0], "note": [None, "late", "early"]})
        ...     orders.drop_null("amount").count(), orders.drop_null().count()
        (2, 1)
        """
        tests = (
            call("is_not_null", field_of(self.relation, name)) for name in columns or self.columns
        )
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

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"id": [1, 2, 3, 4], "amount": [10.0, 20.0, None, 10.0]})
        ...     orders.sort("amount desc", "id").to_numpy()["id"]
        array([2, 1, 4, 3])
        """
        if not keys:
            raise InvalidOption("sort() needs something to sort by", available=self.columns)
        order = sort_keys(keys, self.relation, descending=descending, nulls_first=nulls_first)
        return self.with_relation(Sort(self.relation, order))

    def limit(self, count: int, *, offset: int = 0) -> Self:
        """Take at most `count` rows after the first `offset`; which ones, only a sort says.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"id": [1, 2, 3], "amount": [10.0, 20.0, 5.0]})
        ...     orders.sort("amount", descending=True).limit(1, offset=1).to_numpy()["id"]
        array([1])
        """
        return self.with_relation(Limit(self.relation, count, offset))

    def distinct(self, *on: str) -> Self:
        """Keep one of equal rows; with columns, some one row for each of their values.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"customer": [1, 1, 2], "city": ["Ulm", "Ulm", "Ulm"]})
        ...     orders.distinct().count(), orders.distinct("city").count()
        (2, 1)
        """
        return self.with_relation(Distinct(self.relation, on))

    def union(self, other: Dataset, *, distinct: bool = False) -> Self:
        """Put the rows of both together; `distinct` keeps one of equal ones.

        Columns are matched by name, and cast to their common types.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     old, new = ctx.read({"id": [1, 2]}), ctx.read({"id": [2, 3]})
        ...     old.union(new).count(), old.union(new, distinct=True).count()
        (4, 3)
        """
        return self._set_operation(SetKind.UNION, other, distinct=distinct)

    def intersect(self, other: Dataset, *, distinct: bool = True) -> Self:
        """Keep the rows that `other` has too; without `distinct`, as often as both have them.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     old, new = ctx.read({"id": [1, 2]}), ctx.read({"id": [2, 3]})
        ...     old.intersect(new).to_numpy()["id"]
        array([2])
        """
        return self._set_operation(SetKind.INTERSECT, other, distinct=distinct)

    def except_(self, other: Dataset, *, distinct: bool = True) -> Self:
        """Drop the rows that `other` has; without `distinct`, as often as it has them.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     old, new = ctx.read({"id": [1, 2]}), ctx.read({"id": [2, 3]})
        ...     old.except_(new).to_numpy()["id"]
        array([1])
        """
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
        field_of(self.relation, column)
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

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"id": list(range(1000))})
        ...     tenth = orders.sample(0.1, by="id")
        ...     tenth.count(), tenth.except_(orders.sample(0.2, by="id")).count()
        (109, 0)
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

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.read({"id": [1, 2]}).filter("id > 1").on("duckdb").count()
        1
        """
        if platform not in self.context.platform_names:
            raise PlatformNotFound(platform, self.context.platform_names, of="this context")
        return self.with_relation(Hint(self.relation, platform=platform))

    def hint(self, *, rows: int) -> Self:
        """Tell the optimizer how many rows there are, where you know better.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"id": [1, 2, 3], "amount": [10.0, 20.0, 5.0]})
        ...     print(orders.filter("amount > 6").hint(rows=2).explain("logical"))
        logical plan
        <BLANKLINE>
        Hint of rows 2                    2 rows
          Filter amount > 6.0             2 rows
            Read table: id, amount        3 rows
        <BLANKLINE>
        notes
          * .hint(rows=2) is taken for what statistics would say
        """
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

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     print(ctx.read({"id": [1, 2]}).filter("id > 1").explain("logical"))
        logical plan
        <BLANKLINE>
        Filter id > 1            ~1 row
          Read table: id          2 rows
        """
        if (analyze or stage == "executed") and not self.bounded:
            raise UnboundedResult("explain(analyze=True) runs the plan, which has no end")
        return self.context.explain(
            self.relation, stage=stage, analyze=analyze, alternatives=alternatives
        )

    def __repr__(self) -> str:
        return dataset_text(self)

    def _repr_html_(self) -> str:
        return dataset_html(self)
