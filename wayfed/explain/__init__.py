"""Explains plans: one model of an explanation, and renderings of it."""

from __future__ import annotations

from wayfed.explain.build import explain
from wayfed.explain.model import STAGES, Explanation
from wayfed.explain.sharing import blind, shared

__all__ = ["STAGES", "Explanation", "blind", "explain", "shared"]
