"""Runs physical plans: schedules fragments, moves their rows, counts, cancels, cleans up."""

from __future__ import annotations

from wayfed.execution.executor import Execution, execute
from wayfed.execution.report import FragmentReport, Report

__all__ = ["Execution", "FragmentReport", "Report", "execute"]
