"""A plan over published tables; what ends it leaves the rows with the parties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from wayfed.dataset import Dataset
from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed.federated.arrays import FederatedArrays
    from wayfed.federated.context import FederatedContext
    from wayfed.federated.statistics.description import FederatedDescription


class FederatedDataset(Dataset):
    """A dataset of a federated context: the same verbs, other terminals.

    `to_numpy` runs the plan at every party and leaves the arrays there. What would bring rows here
    is refused.
    """

    __slots__ = ()
    context: FederatedContext

    def to_numpy(self) -> FederatedArrays:  # type: ignore[override]  # rows stay with their owners
        """Run the plan at every party and return what is known of the arrays there.

        Raises
        ------
        PartyError
            Where a party's catalog does not fit the plan: all mismatches of all parties at once.
        PolicyViolation
            Where a party's policy forbids what the plan does with a column.
        """
        return self.context.arrays(self.relation)

    def toNumpy(self) -> FederatedArrays:  # type: ignore[override]  # as to_numpy
        """Do what `to_numpy` does."""
        return self.to_numpy()

    def count(self, *, deadline: float | None = None) -> int:
        r"""Ask every party how many rows the plan gives there, and return the sum.

        Parameters
        ----------
        deadline
            Seconds that a party has for its answer; by default 15 minutes where parties are
            processes of their own, and no end where all are in this one.

        Raises
        ------
        PolicyViolation
            Some party has fewer rows than its policy lets it tell of, or its policy forbids what
            the plan does with a column, or requires privacy.
        PartyError
            A catalog does not fit the plan, or a party does not answer.

        Examples
        --------
        >>> import tempfile, pathlib, wayfed as wf
        >>> directory = tempfile.TemporaryDirectory()
        >>> party = {}
        >>> for bank in ("a", "b"):
        ...     path = pathlib.Path(directory.name, f"{bank}.csv")
        ...     _ = path.write_text("id,amount\n1,2.5\n2,4.0\n")
        ...     party[bank] = {"tables": {"tx": {"source": str(path)}}}
        >>> schema = {"tx": {"id": "int64", "amount": "float64"}}
        >>> with wf.context(env="federated", parties={"schema": schema, "party": party}) as ctx:
        ...     ctx.read("tx").filter(lambda t: t.amount > 3).count()
        2
        >>> directory.cleanup()
        """
        return self.context.count(self.relation, deadline=deadline)

    def describe(  # type: ignore[override]  # what several parties tell is another description
        self,
        *columns: str,
        quantiles: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95),
        top: int = 10,
        min_count: int = 1,
        histograms: Mapping[str, Sequence[float]] | None = None,
        deadline: float | None = None,
    ) -> FederatedDescription:
        r"""Ask every party for statistics of the plan's rows, and put them together.

        Of numbers: counts, mean, standard deviation and quantiles; of text and bools the most
        frequent values. Each party keeps to its policy: it tells of no fewer rows than its
        ``min_rows``, and of an ``aggregate_only`` column of no fewer than its ``min_group``;
        what a join may repeat, and a key, it does not describe. What a party does not tell, and
        by which rule, is said under the table, and in ``withheld``.

        Parameters
        ----------
        columns
            Which ones; by default all, of which each party tells those that it may.
        quantiles
            Fractions from 0 to 1.
        top, min_count
            How many categories of a column to give at most, and of how many rows each at least.
        histograms
            For columns of numbers: the bounds of ranges whose rows are counted.
        deadline
            As for `count`; a party that is late is left out.

        Raises
        ------
        PolicyViolation
            Some party's policy forbids what the plan does with a column, or to describe one that
            is named, or requires privacy.
        PartyError
            A catalog does not fit the plan.

        Examples
        --------
        >>> import tempfile, pathlib, wayfed as wf
        >>> directory = tempfile.TemporaryDirectory()
        >>> party = {}
        >>> for bank in ("a", "b"):
        ...     path = pathlib.Path(directory.name, f"{bank}.csv")
        ...     _ = path.write_text("kind,amount\ncard,2.0\ncash,4.0\n")
        ...     party[bank] = {"tables": {"tx": {"source": str(path)}}}
        >>> schema = {"tx": {"kind": "text", "amount": "float64"}}
        >>> with wf.context(env="federated", parties={"schema": schema, "party": party}) as ctx:
        ...     told = ctx.read("tx").describe(quantiles=[0.5])
        >>> told["amount"].mean, told["kind"].frequent
        (3.0, {'card': 2, 'cash': 2})
        >>> directory.cleanup()
        """
        relation = self.select(*columns).relation if columns else self.relation
        return self.context.describe(
            relation,
            quantiles=tuple(quantiles),
            top=top,
            min_count=min_count,
            histograms=dict(histograms or {}),
            partly=not columns,
            deadline=deadline,
        )

    def to_batches(self) -> NoReturn:
        """Refuse: rows stay with the parties."""
        self._refuse("to_batches()")

    def to_arrow(self) -> NoReturn:
        """Refuse: rows stay with the parties."""
        self._refuse("to_arrow()")

    def to_pandas(self) -> NoReturn:
        """Refuse: rows stay with the parties."""
        self._refuse("to_pandas()")

    def to_polars(self) -> NoReturn:
        """Refuse: rows stay with the parties."""
        self._refuse("to_polars()")

    def to_torch(self) -> NoReturn:
        """Refuse: rows stay with the parties."""
        self._refuse("to_torch()")

    def show(self, rows: int = 10) -> NoReturn:  # the signature of Dataset
        """Refuse: rows stay with the parties."""
        self._refuse("show()")

    def write(  # as above
        self,
        target: Any,
        *,
        mode: str = "error",
        table: str | None = None,
        partition_by: str | Sequence[str] = (),
        **options: Any,
    ) -> NoReturn:
        """Refuse: rows stay with the parties."""
        self._refuse("write()")

    def _refuse(self, terminal: str, reason: str = "rows stay with the parties") -> NoReturn:
        raise Unsupported(
            terminal,
            "a federated context",
            reason,
            hint="to_numpy() leaves arrays with the parties; ctx.run_federated trains on them",
        )
