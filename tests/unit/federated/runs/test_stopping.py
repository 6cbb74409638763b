"""Runs that end when they do not become better, and keep the best of their models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import wayfed as wf
from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.run import run_federated
from wayfed.federated.runs.kept import open_run
from wayfed.federated.runs.results import FederatedRun, Round
from wayfed.federated.runs.stopping import EarlyStopping
from wayfed.federated.runs.store import RunStore
from wayfed_optimizer.errors import InvalidOption, Unsupported

ASKED: dict[str, Any] = {
    "label": "late",
    "features": ["a", "b", "c"],
    "model": models.logistic_regression(learning_rate=4.0, local_epochs=40),
}


def history(*values: float | None) -> list[Round]:
    return [
        Round(number, {} if value is None else {"auc": value}, {}, {}, (), 0.0)
        for number, value in enumerate(values, 1)
    ]


@pytest.mark.parametrize(
    ("values", "best", "over"),
    [
        ((), None, False),
        ((0.5,), 1, False),
        ((0.5, 0.6, 0.7), 3, False),
        ((0.7, 0.6, 0.6), 1, True),
        ((0.5, 0.7, 0.705, 0.709), 2, True),
        ((0.5, 0.7, 0.705, 0.72), 4, False),
        ((0.5, None, None), 1, True),
    ],
)
def test_a_round_is_better_by_more_than_min_delta(
    values: tuple[float | None, ...], best: int | None, over: bool
) -> None:
    stopping = wf.early_stopping("auc", patience=2, min_delta=0.01)

    assert stopping.best(history(*values)) == best
    assert stopping.is_over(history(*values)) is over


def losses(run: FederatedRun) -> list[float]:
    return [each.metrics["log_loss"] for each in run.history]


def test_a_run_ends_when_it_is_no_better_and_keeps_its_best_model(
    unequal_parties: dict[str, Arrays], tmp_path: Path
) -> None:
    store = RunStore(str(tmp_path / "runs.db"))
    whole = run_federated(unequal_parties, **ASKED, rounds=12)
    best = min(range(12), key=losses(whole).__getitem__) + 1
    assert best < 9, "the data of this test must have its best round early"

    run = run_federated(
        unequal_parties,
        **ASKED,
        rounds=12,
        early_stopping=wf.early_stopping("log_loss", patience=3),
        store=store,
    )
    that_far = run_federated(unequal_parties, **ASKED, rounds=run.restored)

    assert run.status == "finished"
    assert len(run.history) == run.restored + 3 < 12
    assert run.metrics["log_loss"] == min(losses(run))
    assert run.arrays["coefficients"].tobytes() == that_far.arrays["coefficients"].tobytes()
    kept = open_run(store, run.id)
    assert (kept.restored, kept.metrics) == (run.restored, run.metrics)


def test_a_run_may_play_on_and_still_keep_the_best(unequal_parties: dict[str, Arrays]) -> None:
    run = run_federated(
        unequal_parties, **ASKED, rounds=8, early_stopping=wf.early_stopping(patience=None)
    )

    assert len(run.history) == 8
    assert run.metrics["log_loss"] == min(losses(run))


def test_a_run_that_goes_on_stops_where_the_undisturbed_one_does(
    unequal_parties: dict[str, Arrays], tmp_path: Path
) -> None:
    undisturbed = run_federated(unequal_parties, **ASKED, rounds=12, early_stopping="log_loss")
    with wf.context() as ctx:
        stopped = ctx.run_federated(
            unequal_parties,
            **ASKED,
            rounds=12,
            early_stopping="log_loss",
            checkpoint=tmp_path,
            on_round=lambda run: run.stop() if len(run.history) == 2 else None,
        )
        resumed = ctx.resume(tmp_path / f"{stopped.id}.checkpoint", unequal_parties)
        again = ctx.resume(tmp_path / f"{stopped.id}.checkpoint", unequal_parties)

    for run in (resumed, again):
        assert (run.restored, len(run.history)) == (
            undisturbed.restored,
            len(undisturbed.history),
        )
        assert run.arrays["coefficients"].tobytes() == (
            undisturbed.arrays["coefficients"].tobytes()
        )


def test_what_cannot_stop_a_run_is_refused(unequal_parties: dict[str, Arrays]) -> None:
    with pytest.raises(InvalidOption, match="'acc' is not"):
        run_federated(unequal_parties, **ASKED, rounds=2, early_stopping="acc")
    with pytest.raises(InvalidOption, match="rmse"):
        run_federated(unequal_parties, **ASKED, rounds=2, early_stopping="rmse")
    with pytest.raises(InvalidOption, match="measures held-out rows"):
        run_federated(unequal_parties, **ASKED, rounds=2, early_stopping="auc", test=None)
    with pytest.raises(InvalidOption, match="patience is a whole number"):
        wf.early_stopping(patience=0)
    with pytest.raises(InvalidOption, match="min_delta"):
        wf.early_stopping(min_delta=-1.0)
    with pytest.raises(Unsupported, match=r"which measures .* are better is not known"):
        own = {**ASKED, "model": lambda arrays: None}
        run_federated(unequal_parties, **own, rounds=2, early_stopping="auc")


def test_a_round_whose_rows_cannot_be_measured_so_is_no_better() -> None:
    asked = wf.early_stopping("auc", patience=2)
    one_class = Round(2, {"log_loss": 0.1}, {}, {}, (), 0.0)
    first, *_, last = history(0.6, None, 0.7)

    assert asked.best([first, one_class, last]) == 3
    assert not asked.is_over([first, one_class])
    with pytest.raises(InvalidOption, match="'auc' is not an option"):
        asked.best([one_class])


def test_what_was_asked_is_read_again_as_it_was() -> None:
    asked = wf.early_stopping("f1", patience=7, min_delta=0.1, restore_best=False)

    assert EarlyStopping.from_dict(asked.to_dict()) == asked
    assert EarlyStopping.from_dict(None) is None
