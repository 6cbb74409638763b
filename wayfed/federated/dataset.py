"""A plan over published tables; what ends it leaves the rows with the parties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from wayfed.dataset import Dataset
from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed.federated.arrays import FederatedArrays
    from wayfed.federated.context import FederatedContext


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

    def count(self) -> NoReturn:
        """Refuse: federated statistics are not in this version."""
        self._refuse("count()", "federated statistics are not in this version")

    def describe(self) -> NoReturn:
        """Refuse: federated statistics are not in this version."""
        self._refuse("describe()", "federated statistics are not in this version")

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
