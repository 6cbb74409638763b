"""Every grid gives the same model, bit for bit, and that of all rows in one place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import csv

import wayfed as wf
from tests.integration.served_parties import rows_with_ties, served
from wayfed.dataset import Dataset
from wayfed.demo.stores import _read_package
from wayfed.federated.context import FederatedContext
from wayfed.federated.runs.results import FederatedRun

AIRPORTS = ("EWR", "JFK", "LGA")
SCHEMA = {
    "flights": {
        "carrier": "text",
        "hour": "int64",
        "distance": "int64",
        "air_time": "int64",
        "dep_delay": "int64",
    },
    "tied": {"x": "float64", "y": "float64", "late": "bool"},
}
NUMBERS = ("hour", "distance", "air_time")


@pytest.fixture(scope="module")
def flights() -> pa.Table:
    """Each 75th flight of 2013: of those that left, some never arrived."""
    every = _read_package()["flights"]
    part = every.take(np.arange(0, every.num_rows, 75))
    return part.select(["origin", *SCHEMA["flights"]])


@pytest.fixture(scope="module")
def sources(
    flights: pa.Table, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, str]]:
    """The files of each airport, by table."""
    directory = tmp_path_factory.mktemp("airports")
    random = np.random.default_rng(11)
    found = {}
    for airport in AIRPORTS:
        own = flights.filter(pc.equal(flights["origin"], airport)).drop_columns("origin")
        found[airport] = {table: str(directory / f"{airport}_{table}.csv") for table in SCHEMA}
        csv.write_csv(own, found[airport]["flights"])
        csv.write_csv(rows_with_ties(random), found[airport]["tied"])
    return found


@pytest.fixture(scope="module")
def here(sources: dict[str, dict[str, str]]) -> Iterator[FederatedContext]:
    """The airports simulated on this machine."""
    parties = {
        name: {"tables": {table: {"source": place} for table, place in own.items()}}
        for name, own in sources.items()
    }
    with wf.context(env="federated", parties={"schema": SCHEMA, "party": parties}) as ctx:
        yield ctx


@pytest.fixture(scope="module")
def elsewhere(
    sources: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FederatedContext]:
    """The airports as processes of their own that met at a coordinator."""
    with served(tmp_path_factory.mktemp("served"), SCHEMA, sources) as ctx:
        yield ctx


def departures(flights: Dataset) -> Dataset:
    return flights.filter(lambda flight: flight.dep_delay.is_not_null()).map(
        lambda flight: {
            "carrier": flight.carrier,
            **{name: flight[name] for name in NUMBERS},
            "late": flight.dep_delay > 15,
        }
    )


PLANS = {"flights": departures, "tied": lambda rows: rows}


def train(ctx: FederatedContext, table: str, **options: Any) -> FederatedRun:
    asked = {
        "label": "late",
        "preprocess": wf.features(impute="mean", standardize=True, one_hot=True),
        "model": wf.models.logistic_regression(learning_rate=0.5),
        "rounds": 2,
        "seed": 2013,
        "progress": False,
        **options,
    }
    return ctx.run_federated(PLANS[table](ctx.read(table)).to_numpy(), **asked)


def told(run: FederatedRun) -> dict[str, object]:
    """All that a run has found, its numbers to the last bit."""
    return {
        "weights": {name: (each.dtype, each.tobytes()) for name, each in run.arrays.items()},
        "model": run.model.to_dict(),
        "metrics": [dict(each.metrics) for each in run.history],
        "shares": [dict(each.weights) for each in run.history],
        "rows": {name: report.rows for name, report in run.parties.items()},
    }


@pytest.fixture(scope="module")
def in_one_process(here: FederatedContext) -> dict[str, dict[str, object]]:
    return {table: told(train(here, table)) for table in SCHEMA}


@pytest.mark.parametrize("table", SCHEMA)
@pytest.mark.parametrize("runner", ["processes", "flower"])
def test_parties_started_here_train_what_one_process_trains(here, in_one_process, runner, table):
    assert told(train(here, table, runner=runner)) == in_one_process[table]


@pytest.mark.parametrize("table", SCHEMA)
def test_parties_at_a_coordinator_train_what_one_process_trains(elsewhere, in_one_process, table):
    assert told(train(elsewhere, table, runner="grpc")) == in_one_process[table]


def test_what_is_compared_has_categories_nulls_and_a_measure(flights, here, in_one_process):
    left = flights.filter(pc.is_valid(flights["dep_delay"]))
    assert left.num_rows < flights.num_rows
    assert left["air_time"].null_count > 0

    run = train(here, "flights")

    assert sum(report.rows for report in run.parties.values()) == left.num_rows
    assert any(name.startswith("carrier") for name in run.model.features.names)
    assert 0.5 < run.metrics["auc"] < 1


def test_a_full_batch_step_a_round_is_the_centralised_model(flights, here):
    run = train(here, "flights", rounds=30, test=None)

    w, b = centralised(flights, rounds=30, rate=0.5)
    assert len(run.arrays["coefficients"]) == len(w) > len(NUMBERS)
    np.testing.assert_allclose(run.arrays["coefficients"], w, rtol=0, atol=1e-9)
    np.testing.assert_allclose(run.arrays["intercept"], [b], rtol=0, atol=1e-9)


def centralised(flights: pa.Table, *, rounds: int, rate: float) -> tuple[np.ndarray, float]:
    """Descend over all departures in one place; with what numpy has, and nothing of ours."""
    left = flights.filter(pc.is_valid(flights["dep_delay"]))
    carriers = left["carrier"].to_numpy()
    columns = [carriers == carrier for carrier in np.unique(carriers)]
    for name in NUMBERS:
        values = left[name].cast("float64").to_numpy()
        # The scale is that of the values there are; what is filled in comes to lie at 0.
        scaled = (values - np.nanmean(values)) / np.nanstd(values)
        columns.append(np.nan_to_num(scaled))
    x = np.column_stack(columns).astype(float)
    y = left["dep_delay"].to_numpy() > 15
    w, b = np.zeros(x.shape[1]), 0.0
    for _ in range(rounds):
        residual = 1 / (1 + np.exp(-(x @ w + b))) - y
        w, b = w - rate * x.T @ residual / len(y), b - rate * residual.mean()
    return w, float(b)
