"""What this package offers under ``wayfed.platforms``, and the options it takes."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_flink.platform import FlinkPlatform
from wayfed_flink.queries import DRIVERS
from wayfed_flink.session import SharedFlinks
from wayfed_flink.settings import MEANING, Settings
from wayfed_optimizer.errors import InvalidOption, Unsupported
from wayfed_optimizer.requirements import Package, Requirements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.platform import Platform, Source, SourceRequest, Target, TargetRequest

_ADDRESS: Final = re.compile(r"flink://([^/:]+|\[[^/\]]+\]):(\d{1,5})/?")
_LOOPBACK: Final = re.compile(r"localhost|127(\.\d+){3}|\[::1\]")
_MEMORY: Final = re.compile(r"\d+[kmgt]b?", re.IGNORECASE)


class FlinkConnector:
    """Flink, which reads what others hold; it keeps the JVMs that contexts share."""

    name = "flink"
    extra = "flink"
    options = ("address", "config", "exchange", "memory", "parallelism", "restarts")
    requirements = Requirements(
        (Package("apache-flink", "pyflink"),),
        java=True,
        jars=(DRIVERS,),
        apart=MappingProxyType(
            {
                "federated": "pip cannot install it beside wayfed[federated], which needs a newer"
                " grpcio than Flink's Beam publishes: use an environment of its own, or uv"
                " with the records of wayfed's pyproject.toml"
            }
        ),
    )

    def __init__(self) -> None:
        self._shared = SharedFlinks()

    def claims(self, target: object, format: str | None) -> bool:  # read()'s own word
        """Say no: Flink reads what others hold."""
        return False

    def platform(self, options: Mapping[str, Any]) -> FlinkPlatform:
        """Return Flink for a context, not started yet.

        Parameters
        ----------
        options
            ``address`` of a session cluster (``flink://host:8081``) and ``exchange``, a directory
            that all of it sees; or ``memory`` of a Flink on this machine (``2g``). And
            ``parallelism``, ``restarts`` of a job, ``config`` (more Flink settings, by name).

        Raises
        ------
        InvalidOption
            Where a value cannot be one.
        Unsupported
            Where apache-flink is not installed.

        Examples
        --------
        >>> FlinkConnector().platform({"memory": "4g", "parallelism": 2}).started()
        False
        """
        if find_spec("pyflink") is None:
            raise Unsupported(
                "flink", reason="apache-flink is not installed", hint="pip install 'wayfed[flink]'"
            )
        return FlinkPlatform(self._shared, _settings(options))

    def place(self, target: object) -> str:
        """Return the target itself: each has its store."""
        return str(target)

    def store(self, target: object, options: Mapping[str, Any], *, new: bool = False) -> None:
        """Return None: no tables live here."""
        return

    def source(self, request: SourceRequest, store: Platform | None) -> Source:
        """Refuse: no tables live here."""
        raise Unsupported(f"reading {request.target}", "flink", "it holds no tables of ours")

    def target(self, request: TargetRequest, store: Platform | None) -> Target:
        """Refuse: no tables live here."""
        raise Unsupported(f"writing to {request.target!r:.80}", self.name, "it holds no tables")


def _settings(options: Mapping[str, Any]) -> Settings:
    given = {name: options[name] for name in FlinkConnector.options if name in options}
    if "address" in given:
        found = _ADDRESS.fullmatch(str(given["address"]))
        if found is None:
            raise InvalidOption(
                f"address='{given['address']}' is not a session cluster's",
                available=("flink://host:8081",),
                hint="for a Flink on this machine, leave it out",
            )
        given["address"] = f"{found[1]}:{found[2]}"
        if "memory" in given:
            raise InvalidOption("a session cluster has its own memory: leave memory= out")
        if "exchange" not in given and not _LOOPBACK.fullmatch(found[1]):
            raise InvalidOption(
                f"the cluster at {found[1]} is on other machines",
                hint="exchange= names a directory that this process and its TaskManagers see",
            )
    if "exchange" in given:
        given["exchange"] = Path(given["exchange"]).expanduser().absolute()
    settings = Settings(**given)
    _require_numbers(settings)
    if not _MEMORY.fullmatch(settings.memory):
        raise InvalidOption(f"memory='{settings.memory}' is not a size", hint="for example '4g'")
    for name in settings.config:
        if name in MEANING:
            raise InvalidOption(
                f"{name} cannot be set: results would differ from other engines'",
                hint="take it out of [engines.flink.config]",
            )
    return settings


def _require_numbers(settings: Settings) -> None:
    for name, least in (("parallelism", 1), ("restarts", 0)):
        value = getattr(settings, name)
        if value is not None and (type(value) is not int or value < least):
            raise InvalidOption(f"{name}={value!r} is not a whole number from {least} on")


CONNECTOR: Final = FlinkConnector()
"""What the entry point ``flink`` of ``wayfed.platforms`` names."""
