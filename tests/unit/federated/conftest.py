"""Rows of unequal parties whose label follows another rule at each of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from wayfed.arrays import Arrays


@pytest.fixture
def unequal_parties() -> dict[str, Arrays]:
    """Three parties of 40, 150 and 310 rows with shifted features: neither equal nor alike."""
    random = np.random.default_rng(7)
    parties = {}
    for place, (name, rows) in enumerate({"ash": 40, "birch": 150, "cedar": 310}.items()):
        x = random.normal(loc=place - 1, size=(rows, 3))
        late = x @ [1.0, -2.0, 0.5] + place + random.logistic(size=rows) > 0
        minutes = x @ [3.0, 1.0, -1.0] + random.normal(size=rows)
        parties[name] = Arrays.from_table(
            pa.table({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "late": late, "minutes": minutes})
        )
    return parties
