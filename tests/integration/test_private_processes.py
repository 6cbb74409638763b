"""Privacy where each party is a process of its own: noise is made there, and so is the charge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wayfed as wf
from wayfed.federated.privacy.ledger import Ledger
from wayfed_optimizer.errors import PolicyViolation

PARTIES = ("ash", "birch", "cedar")


@pytest.fixture
def federation(tmp_path: Path) -> dict[str, Any]:
    """Three parties of 3,000 rows, each with a ledger that pays for one run."""
    parties = {}
    for place, name in enumerate(PARTIES):
        random = np.random.default_rng(place)
        x = random.normal(size=(3000, 2))
        late = x @ [1.0, -2.0] + random.logistic(size=3000) > 0
        path = str(tmp_path / f"{name}.parquet")
        pq.write_table(pa.table({"a": x[:, 0], "b": x[:, 1], "late": late}), path)
        privacy = {"epsilon": 3.0, "delta": 1e-4, "ledger": str(tmp_path / f"{name}.ledger")}
        parties[name] = {"tables": {"flights": {"source": path}}, "policy": {"privacy": privacy}}
    schema = {"flights": {"a": "float64", "b": "float64", "late": "bool"}}
    return {"schema": schema, "party": parties}


def test_each_party_makes_its_noise_and_keeps_its_ledger(
    federation: dict[str, Any], tmp_path: Path
) -> None:
    def train(**options: Any) -> Any:
        return ctx.run_federated(
            ctx.read("flights").to_numpy(),
            label="late",
            classes=[False, True],
            model=wf.models.logistic_regression(learning_rate=1.0),
            rounds=6,
            privacy=wf.dp(epsilon=2.0, delta=1e-5, clip=1.0),
            runner="processes",
            **options,
        )

    with wf.context(env="federated", parties=federation) as ctx:
        run = train(secure_aggregation=True)
        with pytest.raises(PolicyViolation, match="'cedar': table 'flights' has spent epsilon=2"):
            train()

    assert run.metrics["auc"] > 0.75
    assert set(run.privacy_spent) == set(PARTIES)
    for name in PARTIES:
        charges = Ledger(tmp_path / f"{name}.ledger").charges()
        assert [(charge.epsilon, charge.unit) for charge in charges] == [(2.0, "example")]
