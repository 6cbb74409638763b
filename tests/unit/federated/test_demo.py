"""What the demo says while it runs."""

from __future__ import annotations

import io
import logging

import pyarrow as pa
from rich.console import Console

from wayfed import models
from wayfed.arrays import Arrays
from wayfed.demo.story import _Telling
from wayfed.federated.run import run_federated


def test_the_demo_says_what_its_grid_starts_and_each_fifth_round():
    written = io.StringIO()
    told = _Telling(Console(file=written, width=80))
    grid = logging.getLogger("wayfed.federated.grid")
    level = grid.level
    rows = pa.table({"bank": ["a", "b"] * 20, "x": range(40), "late": [n > 19 for n in range(40)]})

    with told.grid():
        grid.info("%d of %d parties are at the SuperLink", 1, 2)
        run_federated(
            Arrays.from_table(rows).partition_by("bank"),
            label="late",
            model=models.logistic_regression(),
            rounds=6,
            on_round=told.round,
            progress=False,
        )
    grid.info("unheard")

    said = [line.strip() for line in written.getvalue().splitlines()]
    assert said == ["1 of 2 parties are at the SuperLink", "round 5 of 20"]
    assert (grid.level, grid.handlers) == (level, [])
