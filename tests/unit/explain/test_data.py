"""Explanations as data."""

from __future__ import annotations

import json
from dataclasses import replace

from wayfed_optimizer.statistics import Estimate


def test_the_data_is_json_and_says_what_the_text_says(executed):
    told = json.loads(json.dumps(executed.to_dict(), allow_nan=False))
    below, result = told["fragments"]
    assert told["version"] == 1
    assert told["platforms"] == ["duckdb", "sqlite"]
    assert result["exchanges"][0] == {
        "fragment": "f1",
        "channels": ["arrow.stream", "arrow.table"],
        "bytes": 4800.0,
        "cost": {"seconds": 1e-05, "startup": 0.0, "cpu": 1e-05, "network": 0.0, "moved": 0.0},
        "role": "",
    }
    assert below["rows"] == {
        "low": 100,
        "likely": 300,
        "high": 900,
        "confidence": 0.72,
        "provenance": "database statistics",
    }
    assert below["actual"] == {
        "rows": 10,
        "bytes": 160,
        "seconds": 0.004,
        "metrics": {},
        "runs": 1,
    }
    assert below["alternatives"][0]["cost"] is None


def test_what_has_no_bound_is_null(explanation):
    endless = replace(explanation.operators, rows=Estimate(0, 1, float("inf")))
    told = replace(explanation, operators=endless).to_dict()
    assert told["plan"]["rows"]["high"] is None
