"""What is assumed of a kind of platform, without opening one."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.cost import CostProfile

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHERE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "duckdb": ("wayfed_duckdb.capabilities", "COSTS"),
        "postgresql": ("wayfed_database.capabilities", "POSTGRESQL_PROFILE"),
        "sqlite": ("wayfed_database.capabilities", "SQLITE_PROFILE"),
        "spark": ("wayfed_spark.capabilities", "COSTS"),
        "flink": ("wayfed_flink.capabilities", "COSTS"),
        "kafka": ("wayfed_kafka.capabilities", "COSTS"),
        "python": ("wayfed_python.capabilities", "COSTS"),
    }
)


def assumed_of(kind: str) -> CostProfile | None:
    """Return the costs of a kind of platform as its package has them; None of one not known.

    Examples
    --------
    >>> assumed_of("duckdb").startup > 0
    True
    """
    if kind not in _WHERE:
        return None
    module, name = _WHERE[kind]
    found = getattr(import_module(module), name)
    costs = found if isinstance(found, CostProfile) else found.costs
    assert isinstance(costs, CostProfile)  # noqa: S101  # what the names above stand for
    return costs
