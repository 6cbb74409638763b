"""The verbs of a dataset that change its columns, and leave every row a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from wayfed.columns import as_column
from wayfed.operators import fill
from wayfed.selecting import field_of, outputs_of, project, scope_of, select
from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import TypeMismatch
from wayfed_optimizer.expressions import Named, cast_to, column, named_type
from wayfed_optimizer.types import is_integer, is_numeric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wayfed.columns import Value
    from wayfed.selecting import Selector
    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.types import DataType


class ColumnVerbs:
    """Which columns there are, what they are called, and of which types they are."""

    __slots__ = ()
    relation: Relation
    if TYPE_CHECKING:

        def with_relation(self, relation: Relation) -> Self: ...  # noqa: D102  # `Dataset` says it

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
        kept = {
            name: Named(name, column(self.relation.schema, name))
            for name in self.relation.schema.names
        }
        return self.with_relation(select(self.relation, tuple({**kept, **new}.values())))

    def drop(self, *columns: str) -> Self:
        """Leave columns out.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.read({"id": [1], "amount": [10.0], "note": ["-"]}).drop("note").columns
        ('id', 'amount')
        """
        scope = scope_of(self.relation)
        for name in columns:
            scope.schema.field(name, of=scope.of)
        rest = [name for name in self.relation.schema.names if name not in columns]
        return self.with_relation(project(self.relation, rest))

    def rename(self, names: Mapping[str, str] | None = None, /, **more: str) -> Self:
        """Rename columns, old name to new: ``rename(cust="customer_id")``.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     ctx.read({"cust": [1], "amount": [10.0]}).rename(cust="customer_id").columns
        ('customer_id', 'amount')
        """
        new = {**(names or {}), **more}
        for name in new:
            field_of(self.relation, name)
        outputs = (
            Named(new.get(name, name), column(self.relation.schema, name))
            for name in self.relation.schema.names
        )
        return self.with_relation(select(self.relation, tuple(outputs)))

    def cast(
        self, types: Mapping[str, DataType | str] | None = None, /, **more: DataType | str
    ) -> Self:
        """Convert columns to types: ``cast(amount="decimal(12,2)")``; what does not fit raises.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     texts = ctx.read({"amount": ["10.00", "7.50"]})
        ...     texts.cast(amount="decimal(12,2)").to_arrow()["amount"].to_pylist()
        [Decimal('10.00'), Decimal('7.50')]
        """
        return self._with_outputs(
            Named(name, cast_to(field_of(self.relation, name), named_type(kind)))
            for name, kind in {**(types or {}), **more}.items()
        )

    def fill_null(self, value: Value = None, /, **values: Value) -> Self:
        """Put values in place of NULL: one for every column whose type it fits, or by column.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     orders = ctx.read({"amount": [10.0, None], "note": [None, "late"]})
        ...     orders.fill_null(amount=0.0, note="").to_arrow().to_pydict()
        {'amount': [10.0, 0.0], 'note': ['', 'late']}
        """
        scope = scope_of(self.relation)
        filled = {} if value is None else self._fillable(value)
        return self._with_outputs(
            Named(name, fill(field_of(self.relation, name), as_column(each).bind(scope)))
            for name, each in {**filled, **values}.items()
        )

    def _fillable(self, value: Value) -> dict[str, Value]:
        constant = as_column(value).bind(scope_of(self.relation))
        fits = [f.name for f in self.relation.schema if f.nullable and _fits(constant.type, f.type)]
        if not fits:
            raise TypeMismatch(
                f"no column takes {constant} in place of NULL: it is {constant.type}"
            )
        return dict.fromkeys(fits, value)


def _fits(value: DataType, kind: DataType) -> bool:
    both = common_type([value, kind])
    return both is not None and (both == kind or (is_integer(value) and is_numeric(kind)))
