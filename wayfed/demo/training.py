"""Trains the demo's model three ways: each airline alone, federated, and all rows in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wayfed.demo.plan import CATEGORIES, FEATURES, FIRST_TEST_DAY, LABEL, TIME
from wayfed_optimizer.errors import WayfedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed.arrays import Arrays
    from wayfed.federated.runs.results import FederatedRun, Predictor

ROUNDS: Final = 20
MIN_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class Comparison:
    """The area under the ROC curve over one airline's held-out flights, for three models.

    None where a model could not be trained or the held-out flights were all alike.
    """

    carrier: str
    flights: int
    alone: float | None
    federated: float | None
    centralised: float | None
    left_out: str | None


def settings() -> dict[str, Any]:
    """Return what every training of the demo has in common."""
    import wayfed as wf

    return {
        "label": LABEL,
        "features": FEATURES,
        "preprocess": wf.features(impute="mean", standardize=True, one_hot=CATEGORIES),
        "model": wf.models.logistic_regression(learning_rate=1.0, local_epochs=10),
        "rounds": ROUNDS,
        "test": wf.by_time(TIME, FIRST_TEST_DAY),
        "seed": 2013,
    }


def compare(
    federated: FederatedRun,
    flights: Mapping[str, Arrays],
    everything: Arrays,
    report: Callable[[str], None],
) -> tuple[Comparison, ...]:
    """Measure the federated model against each airline's own and the centralised one.

    Parameters
    ----------
    federated
        The federation's run.
    flights, everything
        The rows, by airline and together, which only a demo may see.
    report
        Is told what is being done.
    """
    from wayfed.federated.run import run_federated

    report("training one model on all rows in one place, which only a demo may do")
    central = run_federated({"everyone": everything}, progress=False, **settings())
    report("training a model of its own for each airline")
    compared = []
    for carrier, own in sorted(flights.items()):
        left_out = federated.left_out.get(carrier)
        held_out = own.take(np.flatnonzero(own[TIME] >= np.datetime64(FIRST_TEST_DAY)))
        alone = None if left_out else _alone(carrier, own)
        compared.append(
            Comparison(
                carrier,
                own.rows,
                _auc(alone, held_out),
                _auc(federated.model, held_out),
                _auc(central.model, held_out),
                left_out,
            )
        )
    return tuple(compared)


def _alone(carrier: str, own: Arrays) -> Predictor | None:
    from wayfed.federated.run import run_federated

    try:
        run = run_federated({carrier: own}, progress=False, **settings())
    except WayfedError:
        return None
    return run.model


def _auc(model: Predictor | None, held_out: Arrays) -> float | None:
    from sklearn.metrics import roc_auc_score

    from wayfed.federated.runs.results import TrainedModel

    truth = held_out[LABEL]
    if not isinstance(model, TrainedModel) or len(np.unique(truth)) != 2:
        return None
    return float(roc_auc_score(truth, model.predict_proba(held_out)[:, 1]))
