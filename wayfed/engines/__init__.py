"""The engines of this installation: which there are, what they need, whether they work."""

from wayfed.engines.doctor import Finding, examine
from wayfed.engines.inventory import Engine, engines, fetch_jars

__all__ = ["Engine", "Finding", "engines", "examine", "fetch_jars"]
