"""Flower's own parts: a NumPyClient over arrays, a ClientApp, a strategy, a server of options."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.client import NumPyClient
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg, FedMedian

from wayfed.arrays import Arrays
from wayfed.federated.grids.base import node_id_of
from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.parties.learning import learning_party
from wayfed.federated.releases import ReleaseKind, releases_in
from wayfed.federated.run import run_federated, run_flower
from wayfed.federated.runs.results import Drawing
from wayfed.federated.wire import NumpyArray, flower_process
from wayfed_optimizer.errors import InvalidOption, PartyError, PolicyViolation, Unsupported

PARTIES = Arrays.from_table(
    pa.table({"bank": ["ash", "ash", "birch"], "x": [1.0, 2.0, 6.0]})
).partition_by("bank")


class Mean(NumPyClient):
    """Learns the mean of x; counts how often it was made and changes what it is given."""

    made: ClassVar[list[str]] = []

    def __init__(self, arrays: Arrays) -> None:
        self.x = arrays["x"]
        Mean.made.append(str(arrays["bank"][0]))

    def get_parameters(self, config: dict[str, Any]) -> list[np.ndarray]:
        return [np.zeros(1)]

    def fit(
        self, parameters: list[np.ndarray], config: dict[str, Any]
    ) -> tuple[list[np.ndarray], int, dict[str, Any]]:
        parameters[0][:] = self.x.mean()
        return parameters, len(self.x), {"round": config["server-round"]}

    def evaluate(
        self, parameters: list[np.ndarray], config: dict[str, Any]
    ) -> tuple[float, int, dict[str, Any]]:
        return float(np.square(self.x - parameters[0]).mean()), len(self.x), {"half": 0.5}


def test_a_numpy_client_is_made_once_a_party_and_trained() -> None:
    Mean.made = []

    run = run_flower(PARTIES, server={"num_rounds": 3}, client=Mean)

    assert Mean.made == ["ash", "birch"]
    assert run.arrays["0"].tolist() == [3.0]
    assert len(run.history) == 3
    assert run.metrics["loss"] == pytest.approx((4 + 1 + 9) / 3)
    assert run.history[-1].parties["birch"] == {"loss": 9.0, "half": 0.5}
    assert run.history[-1].weights == {"ash": 2.0, "birch": 1.0}


def test_run_federated_takes_a_client_as_its_model() -> None:
    run = run_federated(PARTIES, label="x", model=Mean, rounds=2, strategy="fedmedian")

    assert run.arrays["0"].tolist() == [3.75]
    assert run.strategy == "FedMedian"


def test_a_strategy_can_be_the_server() -> None:
    run = run_flower(PARTIES, server=FedMedian(), client=Mean)

    assert (run.rounds, run.arrays["0"].tolist()) == (3, [3.75])


def test_a_client_app_finds_its_rows_in_the_context_and_keeps_state() -> None:
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        seen = context.state.setdefault("seen", MetricRecord({"rounds": 0}))
        seen["rounds"] += 1
        weights = message.content["arrays"].pop("w").numpy()  # its own copy: others are not hurt
        content = RecordDict(
            {
                "arrays": ArrayRecord({"w": NumpyArray(weights + context.arrays.rows)}),
                "metrics": MetricRecord({"num-examples": seen["rounds"]}),
            }
        )
        return Message(content, reply_to=message)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        return Message(
            RecordDict({"metrics": MetricRecord({"num-examples": 1, "loss": 1.0})}),
            reply_to=message,
        )

    run = run_flower(
        PARTIES, server={"num_rounds": 2, "initial_arrays": {"w": np.zeros(2)}}, client=app
    )

    assert run.arrays["w"].tolist() == [3.0, 3.0]
    assert run.history[-1].weights == {"ash": 2.0, "birch": 2.0}
    with pytest.raises(InvalidOption, match="no arrays to begin with"):
        run_flower(PARTIES, server={"num_rounds": 2}, client=app)
    with pytest.raises(Unsupported, match=r"run\.arrays"):
        run.model.predict(PARTIES["ash"])


def server_app(strategy: FedAvg, rounds: int = 3) -> ServerApp:
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        strategy.start(grid=grid, initial_arrays=ArrayRecord([np.zeros(1)]), num_rounds=rounds)

    return app


def test_a_server_app_runs_over_the_same_checked_grid() -> None:
    run = run_flower(PARTIES, server=server_app(FedAvg()), client=Mean)

    assert (run.rounds, run.status) == (3, "finished")
    assert run.arrays["0"].tolist() == [3.0]
    assert run.metrics["loss"] == pytest.approx((4 + 1 + 9) / 3)
    assert run.history[-1].weights == {"ash": 2.0, "birch": 1.0}


def test_a_server_app_can_be_stopped() -> None:
    run = run_flower(
        PARTIES,
        server=server_app(FedAvg(), rounds=100),
        client=Mean,
        on_round=lambda run: run.stop() if len(run.history) == 2 else None,
    )

    assert (run.rounds, run.status) == (2, "stopped")


def test_a_server_app_that_would_wait_for_ever_is_told_so() -> None:
    with pytest.raises(PartyError, match="waits for more than the 2 parties"):
        run_flower(PARTIES, server=server_app(FedAvg(min_available_nodes=3)), client=Mean)
    with pytest.raises(InvalidOption, match="trained nothing"):
        idle = ServerApp()
        idle.main()(lambda grid, context: None)
        run_flower(PARTIES, server=idle, client=Mean)


def test_options_of_the_server_are_checked() -> None:
    with pytest.raises(InvalidOption, match="did you mean 'num_rounds'"):
        run_flower(PARTIES, server={"num_round": 3}, client=Mean)
    with pytest.raises(InvalidOption, match="did you mean 'numpy'"):
        run_flower(PARTIES, server={}, client=Mean, flower_engine="nunpy")
    with pytest.raises(Unsupported, match="torch"):
        run_flower(PARTIES, server={}, client=Mean, flower_engine="torch")
    with pytest.raises(InvalidOption, match="gave list for party 'ash'"):
        run_flower(PARTIES, server={}, client=lambda arrays: [])


def test_a_metric_that_is_no_number_is_named() -> None:
    class Talking(Mean):
        def fit(
            self, parameters: list[np.ndarray], config: dict[str, Any]
        ) -> tuple[list[np.ndarray], int, dict[str, Any]]:
            return parameters, 1, {"mood": "good"}

    with pytest.raises(PartyError, match="metric 'mood' is str"):
        run_flower(PARTIES, server={}, client=Talking)


def test_the_grid_answers_in_the_order_of_names_and_records_what_leaves() -> None:
    parties = [learning_party(name, PARTIES["ash"]) for name in ("cedar", "ash", "birch")]

    with flower_process():
        grid = LocalGrid(parties, threads=3)
        nodes = grid.get_node_ids()
        messages = [Message(RecordDict(), node, "train") for node in reversed(nodes)]
        ids = grid.push_messages(messages)
        replies = grid.pull_messages(reversed(ids))
    names = [grid.parties[reply.metadata.src_node_id] for reply in replies]
    releases = [
        release
        for name, reply in zip(names, replies, strict=True)
        for release in releases_in(name, reply)
    ]

    assert list(grid.parties.values()) == ["ash", "birch", "cedar"]
    assert nodes == [node_id_of(name) for name in ("ash", "birch", "cedar")]
    assert names == ["ash", "birch", "cedar"]
    assert [(r.party, r.kind) for r in releases] == [
        (name, ReleaseKind.FAILURE) for name in ("ash", "birch", "cedar")
    ]
    assert isinstance(grid.cause_of(nodes[0]), PolicyViolation)


def test_two_parties_of_one_name_are_refused() -> None:
    party = learning_party("ash", PARTIES["ash"])

    with pytest.raises(InvalidOption, match="same name"):
        LocalGrid([party, party])


def test_an_array_in_process_is_shared_read_only_and_written_as_numpy_saves_it() -> None:
    from flwr.app import Array

    array = np.arange(6.0).reshape(2, 3)

    shared = NumpyArray(array)

    assert np.shares_memory(shared.numpy(), array)
    assert not shared.numpy().flags.writeable
    assert shared.data == Array(array).data
    assert (shared.dtype, shared.shape) == ("float64", (2, 3))


def test_a_run_shows_itself() -> None:
    pytest.importorskip("matplotlib").use("agg")
    run = run_flower(PARTIES, server={"num_rounds": 2}, client=Mean)

    assert repr(run).startswith("FederatedRun: Mean, FedAvg, 2 of 2 rounds, 2 parties, finished")
    assert "<svg" in run._repr_html_()
    assert list(run.to_pandas().columns) == ["loss", "half", "parties", "failures", "seconds"]
    assert len(run.to_pandas(parties=True)) == 4
    axes = run.plot("loss")
    assert not isinstance(axes, Drawing)
    with pytest.raises(InvalidOption, match="did you mean 'loss'"):
        run.plot("los")
