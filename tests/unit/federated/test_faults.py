"""What goes wrong is named, by party, column and remedy; the rest goes on where it can."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp.strategy import FedAvg, Krum

from wayfed import models
from wayfed.arrays import Arrays
from wayfed.federated.features.recipe import features
from wayfed.federated.run import run_federated, run_flower
from wayfed.federated.runs.results import FederatedRun
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import (
    Cancelled,
    ColumnNotFound,
    InvalidOption,
    PartyError,
    TypeMismatch,
    Unsupported,
)

LOGISTIC = models.logistic_regression()


def table(**columns: Any) -> Arrays:
    return Arrays.from_table(pa.table(columns))


TWO = {
    "ash": table(x=[1.0, 2.0, 3.0, 4.0], y=[0, 0, 1, 1]),
    "birch": table(x=[1.0, 2.0, 3.0, 4.0], y=[0, 1, 0, 1]),
}

FIVE = {name: TWO["ash"] for name in ("ash", "birch", "cedar", "dogwood", "elm")}


def train(parties: Any = TWO, **options: Any) -> FederatedRun:
    chosen = {"label": "y", "model": LOGISTIC, "rounds": 2, "test": None, **options}
    return run_federated(parties, **chosen)


# Before training


def test_a_misspelt_column_gets_a_suggestion() -> None:
    with pytest.raises(ColumnNotFound, match="did you mean 'x'"):
        train(features=["xx"])
    parties = {"ash": table(late=[0, 1], delay=[1.0, 2.0])}
    with pytest.raises(ColumnNotFound, match=r"'latte' (.|\n)*did you mean 'late'"):
        train(parties, label="latte")
    with pytest.raises(ColumnNotFound, match="did you mean 'x'"):
        train(preprocess=features(standardize=["xs"]))
    with pytest.raises(ColumnNotFound, match="'w' is not a column"):
        train(sample_weight="w")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "fedavgg"}, "did you mean 'fedavg'"),
        ({"strategy": {"name": "fedadam", "etta": 1}}, "did you mean 'eta'"),
        ({"strategy": {"name": "fedadam", "eta": "big"}}, "is a number"),
        ({"strategy": {"eta": 1}}, "needs its name"),
        ({"strategy": 3}, "not a strategy"),
        ({"runner": "locale"}, "did you mean 'local'"),
        ({"rounds": 0}, "rounds is a whole number"),
        ({"deadline": 0}, "deadline is a number"),
        ({"quorum": 0}, "without anybody"),
        ({"quorum": 1.5}, "up to 1"),
        ({"quorum": 3}, "more than the 2 parties"),
        ({"test": 2}, "says nothing about which rows"),
        ({"test": 1.5}, "between 0 and 1"),
        ({"model": "logistic"}, "is not a model"),
        ({"model": models.custom("logistic_regresion")}, "did you mean 'logistic_regression'"),
        ({"model": models.custom("mlp", widht=3)}, "cannot be built"),
        ({"features": []}, "leaves nothing"),
        ({"features": ["x", "y"]}, "label 'y' is among"),
        ({"parties": TWO["ash"]}, "partition_by"),
        ({"parties": {}}, "at least one party"),
        ({"strategy": FedAvg(min_available_nodes=5)}, "waits for more than the 2 parties"),
        (
            {"strategy": FedAvg(fraction_train=0.5, min_train_nodes=1), "quorum": 2},
            r"of 2 parties, fraction_train=0\.5 asks 1",
        ),
        (
            {"strategy": {"name": "fedtrimmedavg", "beta": 0.6}},
            r"takes no .* in the range \[0, 0\.5",
        ),
        ({"strategy": {"name": "fedavg", "fraction_train": 5}}, "is from 0 to 1, not 5"),
        ({"strategy": {"name": "fedadam", "eta": float("nan")}}, "is a finite number, not nan"),
        ({"strategy": {"name": "fedadam", "eta": 10**400}}, "option eta of 'fedadam' is from"),
        ({"strategy": {"name": "krum", "num_malicious_nodes": 1.5}}, "whole number, not 1.5"),
        (
            {"strategy": {"name": "krum", "num_malicious_nodes": 1}},
            "tells 1 of at least 5 parties apart, and it is 2 that a round asks",
        ),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_meant_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        train(**options)


@pytest.mark.parametrize(("quorum", "passing"), [(4, 4), (0.5, 3)])
def test_a_quorum_of_fewer_than_tell_who_lies_is_refused(quorum: float, passing: int) -> None:
    with pytest.raises(InvalidOption) as raised:
        train(FIVE, strategy={"name": "krum", "num_malicious_nodes": 1}, quorum=quorum)

    assert raised.value.message == (
        "Krum(num_malicious_nodes=1) tells 1 of at least 5 parties apart, and "
        f"quorum={quorum} lets a round pass with {passing}"
    )
    assert raised.value.hint == "quorum=5 or more, or leave it out"


def test_parties_that_are_here_cannot_be_reached_elsewhere() -> None:
    with pytest.raises(Unsupported, match="these arrays are on this machine"):
        train(runner="grpc")


def test_every_problem_of_every_party_is_said_at_once() -> None:
    parties = {
        "ash": table(x=[1.0, float("nan")], t=["a", "b"], n=[1, 2], y=[0, 1]),
        "birch": table(x=[1.0, 2.0], t=["a", "b"], n=[None, 2], y=[0, None]),
        "cedar": table(x=[1.0, 2.0], t=["a", "b"], y=[0, 1]),
    }

    with pytest.raises(TypeMismatch) as raised:
        train(parties, features=["x", "t", "n"])

    message = str(raised.value)
    assert "party 'ash': 'x' is NaN in 1 rows; preprocess=wf.features(impute='mean')" in message
    assert "parties 'ash', 'birch': column 't' is string, not a number; wf.features(" in message
    assert "party 'birch': the label 'y' is NULL in 1 rows; drop_null('y')" in message
    assert "party 'birch': 'n' is NULL in 1 rows" in message
    assert "party 'cedar': there is no column 'n'" in message


def test_an_infinite_feature_and_a_negative_weight_are_refused() -> None:
    parties = {"ash": table(x=[1.0, float("inf")], w=[1.0, -1.0], y=[0, 1])}

    with pytest.raises(TypeMismatch, match=r"infinite in 1 rows(.|\n)*'w' is below zero"):
        train(parties, sample_weight="w")


def test_a_label_with_one_value_everywhere_is_refused() -> None:
    parties = {"ash": table(x=[1.0, 2.0], y=[1, 1]), "birch": table(x=[1.0, 2.0], y=[1, 1])}

    with pytest.raises(InvalidOption, match="has one value at every party"):
        train(parties)
    with pytest.raises(InvalidOption, match="has one value at every party"):
        train(parties, model=models.linear_regression())


def test_a_label_that_no_model_of_its_kind_learns_is_refused() -> None:
    with pytest.raises(TypeMismatch, match=r"fractions(.|\n)*linear_regression"):
        train({"ash": table(x=[1.0, 2.0], y=[0.5, 1.5])})
    with pytest.raises(TypeMismatch, match="'y' is string, not a number"):
        train({"ash": table(x=[1.0, 2.0], y=["a", "b"])}, model=models.linear_regression())
    with pytest.raises(TypeMismatch, match=r"none of classes=\(0, 2\) in 2 rows; name all classes"):
        train(classes=[0, 2])


def test_parties_with_too_few_rows_are_left_out_and_the_rest_goes_on() -> None:
    parties = {**TWO, "cedar": table(x=[1.0], y=[1]), "yew": TWO["ash"].take(slice(0, 0))}

    run = train(parties, min_rows=2)

    assert run.left_out == {
        "cedar": "fewer training rows than its min_rows=2",
        "yew": "fewer training rows than its min_rows=2",
    }
    assert sorted(run.history[-1].weights) == ["ash", "birch"]
    assert "left out: yew (fewer training rows than its min_rows=2)" in repr(run)


def test_a_federation_in_which_nobody_has_rows_fails() -> None:
    with pytest.raises(PartyError, match=r"no party can take part(.|\n)*party 'ash': fewer"):
        train(min_rows=100)


# While training


def client(answer: Callable[[np.ndarray, int], dict[str, Any]], examples: float = 1.0) -> ClientApp:
    """Make a ClientApp that answers what `answer` makes of the weights and the round."""
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        weights = message.content["arrays"]["w"].numpy()
        number = int(message.content["config"]["server-round"])
        arrays = {name: np.asarray(value) for name, value in answer(weights, number).items()}
        record = ArrayRecord()
        for name, array in arrays.items():
            record[name] = Array(array)
        content = RecordDict({"u": record, "m": MetricRecord({"num-examples": examples})})
        return Message(content, reply_to=message)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        content = RecordDict({"m": MetricRecord({"num-examples": 1, "loss": 0.5})})
        return Message(content, reply_to=message)

    return app


def good(weights: np.ndarray, number: int) -> dict[str, Any]:
    return {"w": weights + 1.0}


class Parties:
    """One ClientApp that behaves differently at each party."""

    def __init__(self, **behaviours: Any) -> None:
        self.apps = {name: client(answer) for name, answer in behaviours.items()}
        self.app = ClientApp()
        for decorate in (self.app.train, self.app.evaluate):
            decorate()(lambda message, context: self.apps[context.party](message, context))

    def train(self, *, rounds: int = 2, **options: Any) -> FederatedRun:
        server = {"num_rounds": rounds, "initial_arrays": {"w": np.zeros(3)}}
        server |= options.pop("server", {})
        arrays = {name: table(x=[1.0]) for name in self.apps}
        return run_flower(arrays, server=server, client=self.app, **options)


def raising(weights: np.ndarray, number: int) -> dict[str, Any]:
    raise RuntimeError("the disk is full")


FAULTS = {
    "raises": (raising, "RuntimeError: the disk is full"),
    "NaN": (lambda w, r: {"w": w * np.nan}, "answered NaN or infinity in 'w'"),
    "infinity": (lambda w, r: {"w": w + np.inf}, "answered NaN or infinity in 'w'"),
    "absurd": (lambda w, r: {"w": w + 1e10}, r"numbers of up to 1\.0e\+10"),
    "endless": (lambda w, r: {"w": w + 1e300}, r"numbers of up to 1\.0e\+300"),
    "shape": (lambda w, r: {"w": np.zeros(4)}, r"shape \(4,\) instead of \(3,\)"),
    "broadcast": (lambda w, r: {"w": np.zeros(1)}, r"shape \(1,\) instead of \(3,\)"),
    "dtype": (lambda w, r: {"w": w.astype(np.float32)}, "as float32 instead of float64"),
    "names": (lambda w, r: {"v": w}, r"arrays \['v'\] instead of \['w'\]"),
    "nothing": (lambda w, r: {}, r"arrays \[\] instead of \['w'\]"),
}


@pytest.mark.parametrize(("answer", "reason"), FAULTS.values(), ids=FAULTS)
def test_a_bad_answer_is_named_and_left_out_of_the_round(answer: Any, reason: str) -> None:
    run = Parties(ash=good, birch=answer, cedar=good).train()

    assert run.arrays["w"].tolist() == [2.0, 2.0, 2.0]
    assert [sorted(r.weights) for r in run.history] == [["ash", "cedar"]] * 2
    for number, outcome in enumerate(run.history, start=1):
        (failure,) = outcome.failures
        assert (failure.party, failure.round, failure.stage) == ("birch", number, "train")
        assert re.search(reason, failure.reason)


def test_a_party_that_failed_once_is_asked_again() -> None:
    def hiccup(weights: np.ndarray, number: int) -> dict[str, Any]:
        return raising(weights, number) if number == 1 else good(weights, number)

    run = Parties(ash=good, birch=hiccup).train(rounds=3)

    assert [sorted(r.weights) for r in run.history] == [["ash"], ["ash", "birch"], ["ash", "birch"]]


def test_a_number_of_examples_that_is_not_one_is_a_bad_answer() -> None:
    parties = Parties(ash=good, birch=good)
    parties.apps["birch"] = client(good, examples=float("nan"))

    run = parties.train()

    assert "num-examples" in run.history[0].failures[0].reason


def test_a_run_in_which_nobody_answers_fails_with_everyones_reason() -> None:
    with pytest.raises(PartyError, match="round 1, train: 0 of 2 parties") as raised:
        Parties(ash=raising, birch=FAULTS["NaN"][0]).train()

    assert "party 'ash': RuntimeError: the disk is full" in str(raised.value)
    assert "party 'birch': answered NaN" in str(raised.value)
    assert isinstance(raised.value.__cause__, RuntimeError)


@pytest.mark.parametrize("quorum", [3, 1.0])
def test_a_quorum_that_is_missed_ends_the_run(quorum: float) -> None:
    with pytest.raises(PartyError, match="2 of 3 parties gave a usable answer"):
        Parties(ash=good, birch=raising, cedar=good).train(quorum=quorum)

    assert Parties(ash=good, birch=raising, cedar=good).train(quorum=2).status == "finished"


def test_krum_combines_no_fewer_updates_than_tell_who_lies() -> None:
    five = {name: good for name in FIVE}
    lied_to = {"strategy": Krum(num_malicious_nodes=1)}

    with pytest.raises(PartyError, match=r"round 1, train: 4 of 5 parties(.|\n)*'cedar'"):
        Parties(**{**five, "cedar": raising}).train(server=lied_to)

    assert Parties(**five).train(server=lied_to).status == "finished"


def test_a_party_that_hangs_is_left_out_at_the_deadline() -> None:
    release = threading.Event()

    def hang(weights: np.ndarray, number: int) -> dict[str, Any]:
        release.wait(600)
        return good(weights, number)

    try:
        run = Parties(ash=good, birch=hang).train(server={"round_timeout": 30.0})
    finally:
        release.set()

    assert run.arrays["w"].tolist() == [2.0, 2.0, 2.0]
    assert [r.failures[0].reason for r in run.history] == [
        "no answer within 30 s",
        "is still busy with an earlier message",
    ]


def test_steps_that_are_too_long_end_the_run_with_a_remedy() -> None:
    with pytest.raises(PartyError, match="lower learning_rate"), np.errstate(all="ignore"):
        train(model=models.linear_regression(learning_rate=1e200), rounds=5)


def test_a_token_cancels_between_steps() -> None:
    token = CancellationToken()

    with pytest.raises(Cancelled):
        train(rounds=100, token=token, on_round=lambda run: token.cancel())


def test_stop_ends_after_the_round_with_its_model() -> None:
    run = train(rounds=100, on_round=lambda run: run.stop() if len(run.history) == 3 else None)

    assert (len(run.history), run.status) == (3, "stopped")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_party_that_exits_does_not_take_the_run_with_it(threads: int) -> None:
    def leave(weights: np.ndarray, number: int) -> dict[str, Any]:
        raise SystemExit("out of memory")

    run = Parties(ash=good, birch=leave).train(threads=threads)

    assert run.history[1].failures[0].reason == "SystemExit: out of memory"


def test_progress_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    train(rounds=20, test=0.3, progress=True)

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith("round 20/20")
    assert "accuracy" in lines[-1]


def test_an_interrupt_leaves_nothing_behind() -> None:
    before = threading.active_count()

    def interrupt(run: FederatedRun) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(rounds=100, threads=2, on_round=interrupt)

    assert threading.active_count() == before
