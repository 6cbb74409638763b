"""What this package offers under ``wayfed.platforms``, and the options it takes."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import InvalidOption, Unsupported
from wayfed_optimizer.requirements import Package, Requirements
from wayfed_spark.jvm import Settings
from wayfed_spark.platform import SparkPlatform
from wayfed_spark.session import MEANING, SharedSpark
from wayfed_spark.source import is_spark, session_of, source_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.platform import Platform, Source, SourceRequest, Target, TargetRequest

_MASTERS: Final = re.compile(r"local(\[[^\]]+\])?|local-cluster\[.+\]|(spark|k8s)://.+|yarn")
_MEMORY: Final = re.compile(r"\d+[kmgt]b?", re.IGNORECASE)


class SparkConnector:
    """Spark, which reads what others hold; it keeps the one JVM that contexts share."""

    name = "spark"
    extra = "spark"
    options = ("config", "exchange", "master", "memory", "session")
    requirements = Requirements((Package("pyspark"),), java=True, jars=("postgresql", "sqlite"))

    def __init__(self) -> None:
        self._shared = SharedSpark()

    def claims(self, target: object, format: str | None) -> bool:  # read()'s own word
        """Say whether `target` is a frame or a session of Spark's."""
        return is_spark(target)

    def platform(self, options: Mapping[str, Any]) -> SparkPlatform:
        """Return Spark for a context, not started yet.

        Parameters
        ----------
        options
            ``master`` (``local[*]``), ``memory`` of the driver (``2g``), ``config`` (more Spark
            settings, by name), or ``session``: a SparkSession to use instead. ``exchange``: a
            directory that all workers see, where they are on other machines.

        Raises
        ------
        InvalidOption
            Where a value cannot be one.
        Unsupported
            Where pyspark is not installed, and for a session of Spark Connect.

        Examples
        --------
        >>> SparkConnector().platform({"master": "local[2]", "memory": "4g"}).started()
        False
        """
        if find_spec("pyspark") is None:
            raise Unsupported(
                "spark", reason="pyspark is not installed", hint="pip install 'wayfed[spark]'"
            )
        session = options.get("session")
        if session is not None:
            _require_classic(session, options)
        return SparkPlatform(self._shared, _settings(options), session)

    def place(self, target: object) -> str:
        """Return which Spark a frame or session is of."""
        return (
            str(session_of(target).sparkContext.applicationId) if is_spark(target) else str(target)
        )

    def store(
        self, target: object, options: Mapping[str, Any], *, new: bool = False
    ) -> SparkPlatform | None:
        """Return the platform that a frame or session lies on.

        None where it is the context's own engine: the session that it was given, or our Spark.
        """
        if not is_spark(target):
            return None
        session = session_of(target)
        given = options.get("session")
        if given is not None and given.sparkContext is session.sparkContext:
            return None
        if self._shared.is_of(session):
            return None
        return SparkPlatform(self._shared, Settings(), session)

    def source(self, request: SourceRequest, store: Platform | None) -> Source:
        """Return the frame or table that a request means.

        Raises
        ------
        InvalidOption, SourceError, TypeMismatch
            Each with the remedy.
        """
        if not is_spark(request.target):
            raise Unsupported(f"reading {request.target!r:.80}", self.name, "it is no frame")
        return source_of(request, store.name if store is not None else self.name)

    def target(self, request: TargetRequest, store: Platform | None) -> Target:
        """Refuse: no tables live here."""
        raise Unsupported(f"writing to {request.target!r:.80}", self.name, "it holds no tables")


def _settings(options: Mapping[str, Any]) -> Settings:
    given = {name: options[name] for name in ("master", "memory", "config") if name in options}
    settings = Settings(**given, exchange=_exchange(options.get("exchange")))
    if not _MASTERS.fullmatch(settings.master):
        raise InvalidOption(
            f"master='{settings.master}' is not where a Spark can be",
            available=("local[*]", "local[4]", "spark://host:7077", "yarn", "k8s://https://host"),
        )
    if not _MEMORY.fullmatch(settings.memory):
        raise InvalidOption(f"memory='{settings.memory}' is not a size", hint="for example '4g'")
    for name in settings.config:
        if name in MEANING:
            raise InvalidOption(
                f"{name} cannot be set: results would differ from other engines'",
                hint="take it out of [engines.spark.config]",
            )
    return settings


def _exchange(directory: object) -> Path | None:
    if directory is None:
        return None
    if not isinstance(directory, str | Path) or not Path(directory).is_dir():
        raise InvalidOption(
            f"exchange={directory!r:.80} is no directory",
            hint="one that this machine and all workers see under the same name",
        )
    return Path(directory).absolute()


def _require_classic(session: object, options: Mapping[str, Any]) -> None:
    if "master" in options or "memory" in options or "config" in options:
        raise InvalidOption("a session that is handed over has its own master, memory and config")
    kind = type(session)
    if kind.__module__.startswith("pyspark.sql.connect"):
        raise Unsupported("a session of Spark Connect", "spark", "it has no JVM to run jobs in")
    if kind.__module__ != "pyspark.sql.session":
        raise InvalidOption(f"session= takes a SparkSession, not a {kind.__name__}")


CONNECTOR: Final = SparkConnector()
"""What the entry point ``spark`` of ``wayfed.platforms`` names."""
