"""A party's side of a run under privacy: whatever depends on its rows leaves it with noise.

What is told before training is a question of names and types only. Rows that cannot be used (a NULL
label, a feature without a value) are left out in silence, each for itself, instead of being counted
in a message. A plan that fails goes on without rows: what fails may be made to depend on who is in
it. The numbers of rows are told with noise, and paid for; so is every measure.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import numpy as np
from flwr.app import ArrayRecord, MetricRecord, RecordDict

from wayfed.arrays import numeric_column
from wayfed.federated import metrics
from wayfed.federated.features import canonical, fitting, split
from wayfed.federated.models.adapter import Examples, Model, Task, in_round, resolve_model
from wayfed.federated.models.class_weight import weighed
from wayfed.federated.privacy.account import Account
from wayfed.federated.privacy.charges import Standing
from wayfed.federated.privacy.client_level import cut_update
from wayfed.federated.privacy.descent import ClippingModel, descend
from wayfed.federated.privacy.measuring import cells_of, histogram
from wayfed.federated.privacy.noise import noised
from wayfed.federated.privacy.settling import Settled, settle
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.wire import Reply, answer, record_of, weights_of
from wayfed_optimizer.errors import InvalidOption, PartyError, PolicyViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from wayfed.arrays import Arrays
    from wayfed.federated.parties.question import Question
    from wayfed.federated.parties.rules import Rules
    from wayfed.federated.privacy.dp import DifferentialPrivacy

_LOG: Final = logging.getLogger("wayfed.party")
_T = TypeVar("_T")
_Work: TypeAlias = "Callable[[dict[str, NDArray[Any]], Mapping[str, Any]], RecordDict]"


@dataclass(frozen=True, slots=True)
class _Usable:
    """The rows that can be used, before a matrix is made of them: their number is paid for first.

    Parameters
    ----------
    arrays, y, weight
        All rows, their labels and how much each counts.
    train, test
        The places of those that are learned from, and held out.
    """

    arrays: Arrays
    y: NDArray[np.float64]
    weight: NDArray[np.float64] | None
    train: NDArray[np.intp]
    test: NDArray[np.intp]


class PrivateRun:
    """One party in one run under privacy.

    Parameters
    ----------
    rows
        Gives the party's arrays.
    rules
        What the party insists on; pays from its budget.
    question
        What the run asks.
    name_word
        A number made of the party's name, which makes its chance another than the others'.
    key
        By which the run is known again after a crash; None where it ends with this process.
    """

    def __init__(
        self,
        rows: Callable[[], Arrays],
        rules: Rules,
        question: Question,
        name_word: int,
        key: str | None = None,
    ) -> None:
        if question.privacy is None:
            raise InvalidOption("a private run needs privacy=")
        self._rows = rows
        self._rules = rules
        self._account = rules.account or Account()
        self._question = question
        self._privacy: DifferentialPrivacy = question.privacy
        self._name_word = name_word
        self._key = key
        self._begun_times = 1
        self._model: Model
        self._usable: _Usable | None = None
        self._training: Examples
        self._testing: Examples
        self._classes = 0
        self._lock = Lock()
        self._plan: Settled | None = None
        self._left: dict[str, int] = {}
        self._told: dict[str, tuple[bytes, RecordDict]] = {}

    def bind(self) -> RecordDict:
        """Say that the question is accepted, without a look at the rows.

        What does not fit by name or type, who asks knows from the plan. To say it here would tell
        whether the plan has failed.
        """
        return answer({ReleaseKind.BINDING: {"problems": []}})

    def statistics(self) -> RecordDict:
        """Refuse: means and vocabularies are what rows say of themselves."""
        raise PolicyViolation(
            "statistics of rows are not told under privacy",
            hint="name categories and scales in the plan or in preprocess=",
        )

    def begin(
        self,
        fitted: fitting.FittedFeatures,
        classes: Sequence[fitting.Category] | None,
        by_class: NDArray[np.float64] | None = None,
        *,
        run: str = "",
        after: int = 0,
    ) -> RecordDict:
        """Pay for the run, and tell about how many rows there are.

        Parameters
        ----------
        fitted, classes, by_class
            What was fitted, the label's values, and how much the rows of each count.
        run
            The run, as who asks calls it.
        after
            How many rounds who asks has the model of. What was told of later ones is told again,
            with other noise, and paid for again.
        """
        with self._lock:
            try:
                self._take(fitted, classes)
                standing = None if self._key is None else self._account.standing(self._key)
                rounds = self._begun(run) if standing is None else self._gone_on(standing, after)
                plan = self._settled
                if self._privacy.unit == "example":
                    if plan.rows < self._rules.min_rows:
                        return answer({ReleaseKind.BINDING: {"left_out": self._rules.too_few_told}})
                    # By the noisy numbers: who asks chooses the width, and so how many rows fit.
                    self._rules.check_matrix(plan.at_most(self._rules.rows_of_a_unit), fitted.width)
                with self._silence():
                    self._make(fitted, by_class)
                self._left = dict.fromkeys(("train", "evaluate"), self._question.rounds - after)
                told = {
                    "features": len(fitted.names),
                    "training": plan.rows,
                    "testing": plan.testing,
                    "spent": asdict(plan.spent(self._privacy, rounds)),
                    "resumed": standing is not None,
                }
                return answer({ReleaseKind.BINDING: told})
            finally:
                self._usable = None

    def _take(
        self, fitted: fitting.FittedFeatures, classes: Sequence[fitting.Category] | None
    ) -> None:
        """Build the model, and find what it learns from; nothing is told of either."""
        task = Task(fitted.width, None if classes is None else len(classes))
        self._model = resolve_model(self._question.model, task, self._rules.models)
        if reason := cannot_clip(self._question.model.name, self._model, self._privacy):
            raise PolicyViolation(reason)
        self._classes = len(classes) if classes is not None else 0
        nothing = np.empty((0, task.features)), np.empty(0)
        self._training = self._testing = Examples(*nothing)
        self._usable = None
        with self._silence():
            self._usable = self._found(fitted, classes)

    def _begun(self, run: str) -> int:
        """Pay for all rounds, and settle their noise; return how many are paid for."""
        rounds, ticket = self._question.rounds, self._key or secrets.token_hex(16)
        found = self._usable
        self._account.charge(self._privacy, key=ticket, run=run)
        # Settled when it is paid for: what fails from here on may tell of the rows.
        try:
            self._plan = plan = settle(
                self._privacy,
                self._model,
                learned=0 if found is None else len(found.train),
                measured=0 if found is None else len(found.test),
                rounds=rounds,
                unit=self._rules.rows_of_a_unit,
                is_measured=self._question.split is not None,
            )
        except BaseException:
            self._account.close(ticket)
            raise
        standing = Standing(rounds, plan.to_plain(), run=run) if self._key is not None else None
        if not self._account.settle(ticket, plan.sides(rounds), standing=standing):
            raise PolicyViolation("this run was begun at the same time", hint="resume it")
        return rounds

    def _gone_on(self, standing: Standing, after: int) -> int:
        """Pay for what will be told again; return how many rounds are paid for."""
        key, found = self._key or "", standing
        while True:
            plan = Settled.from_plain(found.settled)
            again = max(0, self._question.rounds - after - found.left)
            rounds = found.rounds + again
            is_written = self._account.settle(
                key,
                plan.sides(rounds),
                epsilon=plan.spent(self._privacy, rounds).epsilon if again else 0.0,
                standing=replace(found, rounds=rounds, begun=found.begun + 1),
                before=found,
            )
            if is_written:
                self._plan, self._begun_times = plan, found.begun + 1
                return rounds
            # What began the run before has told something meanwhile: from now on it cannot.
            found = self._account.standing(key) or found

    def train(self, weights: ArrayRecord, config: Mapping[str, Any]) -> RecordDict:
        """Learn from the rows, as often as was paid for."""
        with self._lock:
            return self._once("train", weights, config, self._learn)

    def evaluate(self, weights: ArrayRecord, config: Mapping[str, Any]) -> RecordDict:
        """Measure on held-out rows, as often as was paid for."""
        if self._question.split is None or self._privacy.unit == "client":
            raise PolicyViolation("measures are not paid for in this run", hint="test=None")
        with self._lock:
            return self._once("evaluate", weights, config, self._measure)

    def _once(
        self, kind: str, record: ArrayRecord, config: Mapping[str, Any], work: _Work
    ) -> RecordDict:
        """Answer a message; the same message again with the same answer, which costs nothing."""
        weights = weights_of(record)
        self._check_shapes(weights)
        asked = _digest(weights, config)
        before = self._told.get(kind)
        if before is not None and before[0] == asked:
            return before[1]
        if self._left.get(kind, 0) < 1:
            raise PolicyViolation(
                f"this run has paid for {self._question.rounds} rounds, and they are over",
                hint="begin another run, which is paid for by itself",
            )
        self._left[kind] -= 1
        try:
            told = quietly(lambda: work(weights, config))
        finally:
            # On the disk before the answer leaves, and before a failure does.
            if self._key is not None:
                self._account.note(self._key, kind, self._begun_times)
        self._told[kind] = asked, told
        return told

    def _check_shapes(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Raise unless weights are the model's: of other shapes numpy would make another loss."""
        own = self._model.initial_weights(0)
        shapes = {name: (value.shape, value.dtype.kind) for name, value in own.items()}
        if {name: (value.shape, value.dtype.kind) for name, value in weights.items()} != shapes:
            raise PolicyViolation(f"these are no weights of {self._question.model.name}")

    def _learn(self, weights: dict[str, NDArray[Any]], config: Mapping[str, Any]) -> RecordDict:
        plan, mu = self._settled, float(config.get("proximal-mu", 0.0))
        number = int(config.get("server-round", 0))
        model = in_round(self._model, number)
        if self._privacy.unit == "client":
            update = weights
            if len(self._training) >= max(1, self._rules.min_rows):
                seed = (self._question.seed, number, self._name_word)
                trained = model.train(weights, self._training, seed=seed, proximal_mu=mu)
                update = cut_update(weights, trained, self._privacy.clip)
        elif isinstance(model, ClippingModel):
            update = dict(
                descend(
                    model,
                    weights,
                    self._training,
                    rows=plan.rows,
                    steps=plan.steps,
                    clip=self._privacy.clip,
                    sensitivity=self._privacy.clip * self._rules.rows_of_a_unit,
                    multiplier=plan.training,
                    proximal_mu=mu,
                )
            )
        told = MetricRecord({metrics.WEIGHT: float(plan.rows)})
        content = {ReleaseKind.UPDATE.value: record_of(update), ReleaseKind.TRAINING.value: told}
        return Reply(content)

    def _measure(self, weights: dict[str, NDArray[Any]], config: Mapping[str, Any]) -> RecordDict:
        plan, classes = self._settled, self._classes
        cells = np.zeros(cells_of(classes))
        if len(self._testing):
            predicted = self._model.predict(weights, self._testing.x)
            cells = histogram(predicted, self._testing.y, classes)
        noisy = noised(
            {"cells": cells},
            sensitivity=self._rules.rows_of_a_unit,
            multiplier=plan.measuring,
        )["cells"]
        told = {
            metrics.WEIGHT: plan.testing,
            metrics.CELLS: noisy.ravel().tolist(),
            metrics.CLASSES: classes,
        }
        return Reply({ReleaseKind.METRICS.value: MetricRecord(told)})

    @property
    def _settled(self) -> Settled:
        if self._plan is None:
            raise PartyError("this run has not begun")
        return self._plan

    def _found(
        self, fitted: fitting.FittedFeatures, classes: Sequence[fitting.Category] | None
    ) -> _Usable:
        """Find the rows that can be used."""
        arrays, question = self._rows(), self._question
        hashes = canonical.hash_rows(arrays)
        order = canonical.canonical_order(hashes)
        held = split.held_out(question.split, arrays, hashes, order)
        label = arrays[question.label]
        if classes is None:
            label = numeric_column(arrays, question.label)
            y = np.ma.getdata(label).astype(np.float64)
            usable = np.isfinite(y) & ~np.ma.getmaskarray(label)
        else:
            y = fitting.encode(label, classes).astype(np.float64)
            usable = y >= 0
        for part in fitted.parts:
            usable &= part.usable(arrays)
        weight = None
        if question.sample_weight is not None:
            column = numeric_column(arrays, question.sample_weight)
            weight = np.ma.getdata(column).astype(np.float64)
            usable &= np.isfinite(weight) & (weight >= 0) & ~np.ma.getmaskarray(column)
        train, test = order[(usable & ~held)[order]], order[(usable & held)[order]]
        return _Usable(arrays, y, weight, train, test)

    def _make(self, fitted: fitting.FittedFeatures, by_class: NDArray[np.float64] | None) -> None:
        """Make the examples of the rows that were found."""
        found = self._usable
        if found is None:
            return
        rows = len(found.train) + len(found.test)
        if self._privacy.unit == "client":
            # Its rows are one unit together, in whose noise their exact number is hidden.
            self._rules.check_matrix(rows, fitted.width)
        elif rows > self._settled.never_more_than(self._rules.rows_of_a_unit):
            # Whatever the width, which who asks chooses, and with it would find their number.
            raise PolicyViolation("its rows are many more than when the run began")
        own = None if found.weight is None else found.weight[found.train]
        y = found.y[found.train]
        testing = Examples(fitted.matrix(found.arrays, found.test), found.y[found.test])
        self._training = Examples(
            fitted.matrix(found.arrays, found.train), y, weighed(own, y, by_class)
        )
        self._testing = testing

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Take a failure for having no rows: a plan can be made to fail where somebody is in it."""
        try:
            yield
        except Exception:  # noqa: BLE001  # whatever it is would tell of the rows
            _LOG.exception("a run under privacy goes on without rows")


def cannot_clip(name: str, model: Model, privacy: DifferentialPrivacy) -> str | None:
    """Say why a model cannot be trained under this privacy; None where it can."""
    if privacy.unit == "client" or isinstance(model, ClippingModel):
        return None
    return (
        f"model '{name}' cannot cut the gradient of each row, which privacy of examples needs; "
        "wf.models.logistic_regression(), linear_regression() and mlp() can"
    )


def quietly(work: Callable[[], _T]) -> _T:
    """Do what depends on rows; what it raises is told without its reason, which may quote them."""
    try:
        return work()
    except Exception as error:
        raise PartyError(
            "it failed under privacy=, which keeps the reason to the party", hint="see its log"
        ) from error


def _digest(weights: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> bytes:
    sha = hashlib.sha256(repr(sorted(config.items())).encode())
    for name, value in weights.items():
        sha.update(name.encode())
        sha.update(value.tobytes())
    return sha.digest()
