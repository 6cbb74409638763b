"""The door: one platform a context, nothing to configure, nothing to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from wayfed_optimizer.errors import Unsupported
from wayfed_python.platform import PythonPlatform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.platform import Platform, Source, SourceRequest, Target, TargetRequest


class PythonConnector:
    """Offers the platform that runs Python functions in this process."""

    name: ClassVar = "python"
    extra: ClassVar[str | None] = None
    options: ClassVar[tuple[str, ...]] = ()

    def claims(self, target: object, format: str | None) -> bool:
        """Say that nothing is read here."""
        return False

    def platform(self, options: Mapping[str, Any]) -> Platform:
        """Return the platform of a context."""
        return PythonPlatform()

    def place(self, target: object) -> str:
        """Return the target itself: each has its store."""
        return str(target)

    def store(self, target: object, options: Mapping[str, Any], *, new: bool = False) -> None:
        """Return None: no data lies here."""

    def source(self, request: SourceRequest, store: Platform | None) -> Source:
        """Refuse: no data lies here."""
        raise Unsupported(f"reading {request.target!r}", self.name, "it only runs functions")

    def target(self, request: TargetRequest, store: Platform | None) -> Target:
        """Refuse: no data lies here."""
        raise Unsupported(f"writing to {request.target!r:.80}", self.name, "it only runs functions")


CONNECTOR = PythonConnector()
