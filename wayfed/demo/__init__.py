"""The demo: sixteen airlines learn together which flights will be late, and show no flight."""

from __future__ import annotations

from wayfed.demo.story import run

__all__ = ["run"]
