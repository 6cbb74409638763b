"""The seam between datasets and the context that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wayfed_optimizer.errors import PlanError

if TYPE_CHECKING:
    from wayfed.dataset import Dataset
    from wayfed.execution import Execution
    from wayfed.explain import Explanation
    from wayfed_optimizer.platform import TargetRequest
    from wayfed_optimizer.relations import Relation


class DatasetContext(Protocol):
    """What a dataset needs of the context that it belongs to."""

    @property
    def platform_names(self) -> tuple[str, ...]:
        """The platforms that `Dataset.on` takes."""
        ...

    def declared_keys(self, table: str) -> tuple[tuple[str, ...], ...]:
        """Return the keys that the catalog declares for the table of a read."""
        ...

    def describe_table(self, table: str) -> str:
        """Return where the table of a read lies, for people."""
        ...

    def unique_name(self, stem: str) -> str:
        """Return a name like `stem` that nothing in this context has."""
        ...

    def loop_variable(self) -> str:
        """Return a name for the rows of a loop; errors in it tell the line that asked for it."""
        ...

    def run(self, relation: Relation) -> Execution:
        """Plan and start a run of a plan."""
        ...

    def write(self, relation: Relation, request: TargetRequest) -> int:
        """Run a plan and put its rows where a request says; return their number."""
        ...

    def explain(
        self, relation: Relation, *, stage: str, analyze: bool, alternatives: bool
    ) -> Explanation:
        """Explain a plan."""
        ...


def require_same_context(one: Dataset, other: object) -> None:
    """Raise PlanError where `other` is no dataset, or one of another context."""
    from wayfed.dataset import Dataset

    if not isinstance(other, Dataset):
        raise PlanError(
            f"a {type(other).__name__} is not a dataset", hint="make it one with ctx.read(…)"
        )
    if other.context is not one.context:
        raise PlanError(
            "the datasets belong to different contexts", hint="read both with one context"
        )
