"""The versions that a run's numbers depend on."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.wire import FUNCTION_VERSIONS, PLAN_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

FORM: Final = 2
"""Of checkpoints; one of another form is not read."""


@cache
def versions() -> Mapping[str, str]:
    """Return the versions of what is installed here, and of what travels."""
    return MappingProxyType(
        {
            "checkpoints": str(FORM),
            "plans": str(PLAN_VERSIONS[-1]),
            "functions": str(FUNCTION_VERSIONS[-1]),
            **{package: version(package) for package in ("wayfed", "flwr", "numpy")},
        }
    )
