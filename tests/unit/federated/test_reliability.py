"""How far a run's probabilities hold: the table of all held-out rows together, and its refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.calibration import calibration_curve

import wayfed as wf
from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.features.split import by_time
from wayfed.federated.reliability import Reliability, told
from wayfed.federated.run import run_federated
from wayfed.federated.runs.results import FederatedRun, TrainedModel
from wayfed_optimizer.errors import InvalidOption, Unsupported

FEATURES = ["a", "b", "c"]


@pytest.fixture
def dated_parties(unequal_parties: dict[str, Arrays]) -> dict[str, Arrays]:
    """The same with a day, of which the later half is held out."""
    return {
        party: Arrays.from_table(
            pa.table({**{name: own[name] for name in own}, "day": np.arange(own.rows) % 10})
        )
        for party, own in unequal_parties.items()
    }


def train(parties: dict[str, Arrays], **options: Any) -> FederatedRun:
    asked = {
        "label": "late",
        "features": FEATURES,
        "model": models.logistic_regression(learning_rate=0.5),
        "rounds": 3,
        "test": by_time("day", 5),
        **options,
    }
    return run_federated(parties, **asked)


def held_out(parties: dict[str, Arrays], run: FederatedRun) -> tuple[np.ndarray, np.ndarray]:
    """Give the held-out rows' probabilities and labels, as one would who held them all."""
    assert isinstance(run.model, TrainedModel)
    later = [own["day"] >= 5 for own in parties.values()]
    scores = [run.model.predict_proba(own) for own in parties.values()]
    return (
        np.concatenate([all_[rows] for all_, rows in zip(scores, later, strict=True)]),
        np.concatenate([o["late"][rows] for o, rows in zip(parties.values(), later, strict=True)]),
    )


def test_the_table_is_that_of_all_held_out_rows(dated_parties: dict[str, Arrays]) -> None:
    run = train(dated_parties)

    scores, late = held_out(dated_parties, run)
    rate, score = calibration_curve(late, scores[:, 1], n_bins=10)
    table = run.reliability
    np.testing.assert_allclose([each.rate for each in table.ranges], rate, rtol=1e-12)
    np.testing.assert_allclose([each.score for each in table.ranges], score, rtol=1e-12)
    assert sum(each.rows for each in table.ranges) == len(late)
    assert run.metrics["calibration_error"] == table.error
    assert table.error == pytest.approx(
        sum(r.rows * abs(r.score - r.rate) for r in table.ranges) / len(late)
    )


def test_a_restored_model_has_the_table_of_its_own_round(
    dated_parties: dict[str, Arrays],
) -> None:
    best = wf.early_stopping("auc", patience=2, restore_best=True)
    run = train(dated_parties, rounds=6, early_stopping=best)

    played = run.history[(run.restored or 0) - 1]
    assert run.reliability == played.reliability


def test_three_classes_are_told_by_the_likeliest() -> None:
    scores = np.array([[0.7, 0.2, 0.1], [0.1, 0.55, 0.35], [0.2, 0.2, 0.6], [1.0, 0.0, 0.0]])
    table = Reliability.of_sums([told(scores, np.array([0, 2, 2, 0]))])

    assert table is not None
    assert [(each.lower, each.rows, each.rate) for each in table.ranges] == [
        (0.5, 1, 0.0),
        (0.6, 1, 1.0),
        (0.7, 1, 1.0),
        (0.9, 1, 1.0),
    ]


def test_a_table_is_shown_and_kept_with_its_run(
    dated_parties: dict[str, Arrays], tmp_path: Path
) -> None:
    with wf.context({"runs": {"store": str(tmp_path / "runs.db")}}) as ctx:
        run = ctx.run_federated(
            dated_parties,
            label="late",
            features=FEATURES,
            model=models.logistic_regression(),
            rounds=2,
            test=by_time("day", 5),
            checkpoint=tmp_path,
            on_round=lambda run: run.stop(),
        )
        kept = ctx.runs().open(run.id)
        again = ctx.resume(run.id, dated_parties)

    assert kept.reliability == run.reliability
    assert again.history[0].reliability == run.history[0].reliability
    frame = run.reliability.to_pandas()
    assert list(frame.columns) == ["lower", "upper", "rows", "score", "rate"]
    assert frame["rows"].sum() == sum(report.testing for report in run.parties.values())
    assert repr(run.reliability).startswith("Reliability: ")
    assert "<table>" in run.reliability._repr_html_()


def test_what_gives_no_probabilities_has_no_table(dated_parties: dict[str, Arrays]) -> None:
    values = train(dated_parties, label="minutes", model=models.linear_regression())
    with pytest.raises(Unsupported, match="gives no probabilities"):
        _ = values.reliability

    with pytest.raises(InvalidOption, match="nothing was measured"):
        _ = train(dated_parties, test=None).reliability


def test_under_privacy_there_is_no_table(dated_parties: dict[str, Arrays]) -> None:
    run = train(
        dated_parties,
        classes=[False, True],
        privacy=wf.dp(epsilon=5.0, delta=1e-5, clip=1.0),
        rounds=1,
    )
    assert "accuracy" in run.metrics
    with pytest.raises(Unsupported, match="under privacy="):
        _ = run.reliability
