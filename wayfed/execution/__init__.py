"""Runs physical plans: schedules fragments, moves their rows, counts, cancels, cleans up."""

from __future__ import annotations

from wayfed.execution.executor import Execution, execute
from wayfed.execution.report import FragmentReport, Placement, Recovery, Replanning, Report

__all__ = [
    "Execution",
    "FragmentReport",
    "Placement",
    "Recovery",
    "Replanning",
    "Report",
    "execute",
]
