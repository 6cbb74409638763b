"""The private name of Flower that makes a run's bundle, for which parties have no use."""

from __future__ import annotations

from flwr.cli.build import build_fab_from_files

__all__ = ["build_fab_from_files"]
