"""Refuse to build a wheel whose jar does not belong to its sources; needs no Java."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_JAR = Path(__file__).parent / "connectors" / "wayfed_flink" / "jar.py"


class CheckJar(BuildHookInterface[Any]):
    """Compares the jar with its digest, and its sources with those it was made of."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fail where one is edited and the other is not; an editable install may be in between."""
        jar = runpy.run_path(str(_JAR))
        found = [jar["digest_of_sources"](), jar["digest_of_jar"]()]
        if version != "editable" and found != jar["DIGESTS"].read_text().splitlines():
            raise RuntimeError("wayfed-flink.jar is not of these sources: run scripts/build_jar.py")
