"""The platform "python": chains of functions over a stream of batches, one batch at a time.

Loops and caches are its too, as far as planning goes: what runs between engines runs here.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from wayfed_optimizer.platform import ARROW_TABLE, Compiled
from wayfed_optimizer.relations import Cache, FirstMatches, Iterate, MapBatches, Read
from wayfed_python.capabilities import CAPABILITIES, COSTS
from wayfed_python.channels import ACCEPTS, PRODUCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Channel, Conversion, Run, Session, Source
    from wayfed_optimizer.relations import Relation


class PythonPlatform:
    """Runs functions of the user's own in this process, with Python's meaning."""

    name = "python"
    capabilities = CAPABILITIES
    costs = COSTS
    accepts = ACCEPTS
    produces = PRODUCES
    conversions: ClassVar[tuple[Conversion, ...]] = ()

    def compile(self, fragment: Fragment, sources: Mapping[str, Source]) -> Compiled:
        """Name the functions that will run, in the order of the rows."""
        return Compiled(_describe(fragment.relation), language="python")

    def open(self, run: Run) -> Session:
        """Start taking part in a run."""
        return PythonSession(run)

    def started(self) -> bool:
        """Say that this process is running."""
        return True

    def version(self) -> str:
        """Return Python's version."""
        import platform

        return platform.python_version()

    def close(self) -> None:
        """Do nothing: nothing was started."""


class PythonSession:
    """The functions of one run."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def execute(
        self,
        fragment: Fragment,
        compiled: Compiled,
        inputs: Mapping[str, object],
    ) -> object:
        """Return the mapped rows; a function is called when its batch is asked for."""
        stream = self._stream(fragment.relation, fragment, inputs)
        return stream.read_all() if fragment.output == ARROW_TABLE else stream

    def ingest(self, name: str, value: object, source: Channel, target: Channel) -> object:
        """Return the rows as they are: they need no other form here."""
        return value

    def metrics(self, fragment: Fragment) -> Mapping[str, float]:
        """Return nothing: rows and bytes are counted as they leave."""
        return MappingProxyType({})

    def close(self) -> None:
        """Do nothing: streams belong to those who read them."""

    def _stream(self, relation: Relation, fragment: Fragment, inputs: Mapping[str, Any]) -> Any:
        from wayfed_arrow import Stream, arrow_schema, stream_of
        from wayfed_arrow.functions import apply

        if isinstance(relation, Read):
            return stream_of(inputs[relation.table], relation.schema)
        if isinstance(relation, Cache):
            return self._stream(relation.input, fragment, inputs)
        assert isinstance(relation, MapBatches)  # noqa: S101  # loops are run by who runs the plan
        below = self._stream(relation.input, fragment, inputs)
        batches = apply(relation, below, fragment.id, self._run.token)
        return Stream(arrow_schema(relation.schema), batches, below.close)


def _describe(relation: Relation) -> str:
    if isinstance(relation, MapBatches):
        return f"{relation.name} ({relation.kind.value}) over {_describe(relation.input)}"
    if isinstance(relation, Cache):
        return f"keep {_describe(relation.input)} as {relation.key}"
    if isinstance(relation, Iterate):
        until = f", until {_describe(relation.until)} is true" if relation.until else ""
        return (
            f"{relation.variable} = {_describe(relation.initial)}, then = "
            f"{_describe(relation.body)}, at most {relation.max_iterations} times{until}"
        )
    if isinstance(relation, FirstMatches):
        return (
            f"the first {relation.count} rows of {_describe(relation.body)}, for the next of "
            f"{_describe(relation.candidates)} as {relation.variable}, again and again"
        )
    return relation.table if isinstance(relation, Read) else type(relation).__name__
