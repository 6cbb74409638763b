"""What a run leaves behind: a model, its history, its parties, and why some were left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, Protocol, TypeAlias, overload

import numpy as np

from wayfed.display import counted
from wayfed.federated.features.fitting import FittedFeatures
from wayfed.federated.metrics import HIGHER_IS_BETTER
from wayfed.federated.models.adapter import Matrix, Task, Weights, resolve_model
from wayfed.federated.models.spec import ModelSpec
from wayfed.federated.runs.curve import learning_curve
from wayfed.federated.runs.places import new_id
from wayfed.federated.runs.scoring import (
    PREDICTION,
    PROBABILITY,
    with_prediction,
    with_probabilities,
)
from wayfed_optimizer.errors import InvalidOption, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from wayfed.arrays import Arrays
    from wayfed.dataset import Dataset
    from wayfed.explain import Explanation
    from wayfed.federated.features.fitting import Category
    from wayfed.federated.privacy.dp import Spent
    from wayfed.federated.reliability import Reliability
    from wayfed.federated.rounds.guard import Failure
    from wayfed.federated.runs.stopping import Best

_SHOWN: Final = 5
Status = Literal["running", "finished", "stopped", "failed"]


class Predictor(Protocol):
    """What a run's model can do."""

    @property
    def weights(self) -> Weights:
        """The model's arrays."""
        ...

    @overload
    def predict(self, rows: Arrays, *, name: str = ...) -> NDArray[Any]: ...
    @overload
    def predict(self, rows: Dataset, *, name: str = ...) -> Dataset: ...
    def predict(self, rows: Arrays | Dataset, *, name: str = PREDICTION) -> NDArray[Any] | Dataset:
        """Give a class or a value for each row."""
        ...


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model with all that it needs to score rows as they come out of the plan.

    Parameters
    ----------
    spec
        What was trained.
    weights
        Its arrays.
    features
        How columns become its matrix; fitted over all parties.
    classes
        The label's classes; None in a regression.
    label
        The name of the label.
    inputs
        The types of the columns that it was trained on.
    """

    spec: ModelSpec
    weights: Weights
    features: FittedFeatures
    classes: tuple[Category, ...] | None
    label: str
    inputs: Mapping[str, str] = field(default_factory=dict)

    @overload
    def predict(self, rows: Arrays, *, name: str = ...) -> NDArray[Any]: ...
    @overload
    def predict(self, rows: Dataset, *, name: str = ...) -> Dataset: ...
    def predict(self, rows: Arrays | Dataset, *, name: str = PREDICTION) -> NDArray[Any] | Dataset:
        """Give the likeliest class, or the value, of each row.

        Parameters
        ----------
        rows
            Arrays; or a dataset, which comes back with one column more, and is computed when its
            rows are asked for, a batch at a time.
        name
            The column's name.

        Raises
        ------
        ColumnNotFound
            A feature is missing.
        TypeMismatch
            A feature is not a number, or has no value and none to take its place.
        """
        from wayfed.dataset import Dataset

        if isinstance(rows, Dataset):
            return with_prediction(self, rows, name)
        scores = self._scores(rows)
        if self.classes is None:
            return scores
        labels: NDArray[Any] = np.asarray(self.classes)[scores.argmax(axis=1)]
        return labels

    @overload
    def predict_proba(self, rows: Arrays, *, name: str = ...) -> Matrix: ...
    @overload
    def predict_proba(self, rows: Dataset, *, name: str = ...) -> Dataset: ...
    def predict_proba(self, rows: Arrays | Dataset, *, name: str = PROBABILITY) -> Matrix | Dataset:
        """Give the probability of each class: rows x classes, in the order of `classes`.

        A dataset comes back with a column more for each class: ``probability_True``.
        """
        from wayfed.dataset import Dataset

        if self.classes is None:
            raise Unsupported("predict_proba", reason=f"{self.spec.name} predicts numbers")
        if isinstance(rows, Dataset):
            return with_probabilities(self, rows, name)
        return self._scores(rows)

    def to_dict(self) -> dict[str, Any]:
        """Say what the model is, but for its arrays, as plain values."""
        return {
            "model": self.spec.to_dict(),
            "label": self.label,
            "classes": None if self.classes is None else list(self.classes),
            "features": self.features.to_dict(),
            "inputs": dict(self.inputs),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], weights: Weights) -> TrainedModel:
        """Read what `to_dict` wrote."""
        classes = plain["classes"]
        return cls(
            ModelSpec.from_dict(plain["model"]),
            weights,
            FittedFeatures.from_dict(plain["features"]),
            None if classes is None else tuple(classes),
            str(plain["label"]),
            dict(plain["inputs"]),
        )

    def _scores(self, arrays: Arrays) -> Matrix:
        task = Task(len(self.features.names), None if self.classes is None else len(self.classes))
        model = resolve_model(self.spec, task)
        return model.predict(self.weights, self.features.matrix(arrays))

    def __repr__(self) -> str:
        features = counted(len(self.features.names), "feature")
        return f"TrainedModel({self.spec} of '{self.label}', {features})"


@dataclass(frozen=True, slots=True)
class ClientModel:
    """The arrays that Flower clients of the user's own have trained."""

    weights: Weights

    def predict(self, rows: Arrays | Dataset, *, name: str = PREDICTION) -> NoReturn:
        """Refuse: only the client's author knows what the arrays mean."""
        raise Unsupported(
            "predict",
            reason="a Flower client's arrays mean what the client says",
            hint="run.arrays",
        )


@dataclass(frozen=True, slots=True)
class PartyReport:
    """What is known of a party in a run.

    Parameters
    ----------
    name
        The party.
    rows, training, testing
        How many rows it has, learns from, and is measured on.
    digest
        SHA-256 of its arrays in canonical order.
    left_out
        Why it takes no part; None if it does.
    """

    name: str
    rows: int
    training: int
    testing: int
    digest: str | None = None
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """What came out of one round.

    Parameters
    ----------
    number
        From 1 up.
    metrics
        Measures on the held-out rows of all parties (`wayfed.federated.metrics.pool`).
    parties
        The same of each party by itself.
    weights
        How much each party's update counted, by name; those that are absent gave none.
    failures
        Who was left out of this round, and why.
    seconds
        How long it took.
    reliability
        How far the model's probabilities hold; None where it gives none.
    """

    number: int
    metrics: Mapping[str, float]
    parties: Mapping[str, Mapping[str, float]]
    weights: Mapping[str, float]
    failures: tuple[Failure, ...]
    seconds: float
    reliability: Reliability | None = None


OnRound: TypeAlias = "Callable[[FederatedRun], object]"


class ExplainParty(Protocol):
    """Asks a party how it runs the plan."""

    def __call__(self, party: str | None = None, *, analyze: bool = False) -> Explanation:
        """Return what it tells; by default the first party is asked."""
        ...


def failed_in(failures: Iterable[Failure]) -> tuple[str, ...]:
    """Say who gave no usable answer, why, and in which rounds.

    Examples
    --------
    >>> from wayfed.federated.rounds.guard import Failure
    >>> failed_in(Failure("elm", number, "train", "is not connected") for number in (3, 4, 5))
    ('elm: is not connected (3 rounds, from 3 to 5)',)
    """
    rounds: dict[tuple[str, str], set[int]] = {}
    for failure in failures:
        rounds.setdefault((failure.party, failure.reason), set()).add(failure.round)
    return tuple(
        f"{party}: {reason} ({_which(numbers)})" for (party, reason), numbers in rounds.items()
    )


def _which(rounds: Collection[int]) -> str:
    first, last = min(rounds), max(rounds)
    if len(rounds) > 1:
        return f"{len(rounds):,} rounds, from {first} to {last}"
    return f"round {first}" if first else "before the first round"


def left_out_of(parties: Mapping[str, PartyReport]) -> dict[str, str]:
    """Return the parties that take no part, and why."""
    return {name: r.left_out for name, r in parties.items() if r.left_out is not None}


@dataclass(slots=True, kw_only=True)
class FederatedRun:
    """A run: what it was asked, what it has come to, and a way to stop it.

    Parameters
    ----------
    id
        By which it is resumed, and found among ``ctx.runs()``.
    description
        The model, in words.
    strategy
        The strategy's name.
    rounds
        How many rounds were asked for.
    model
        The model after the last round.
    parties
        Who there is, those that were left out among them.
    history
        The rounds so far.
    failures
        Every answer that could not be used.
    status
        ``running``, ``finished``, ``stopped`` (by `stop`), or ``failed``.
    privacy_spent
        What the run costs each party; None where `privacy` was not asked for.
    best
        The best model so far, by the measure of ``early_stopping=``; None without it.
    restored
        The round whose model this is, where it is not the last one's.
    explain_party
        Asks a party how it runs the plan, for `explain`; None where there is no plan to ask of.
    """

    id: str = field(default_factory=new_id)
    description: str
    strategy: str
    rounds: int
    model: Predictor
    parties: Mapping[str, PartyReport]
    history: list[Round] = field(default_factory=list)
    failures: Sequence[Failure] = ()
    status: Status = "running"
    privacy_spent: Mapping[str, Spent] | None = None
    best: Best | None = None
    restored: int | None = None
    explain_party: ExplainParty | None = field(default=None, repr=False, compare=False)
    _stop: bool = field(default=False, init=False, repr=False)

    @property
    def arrays(self) -> Weights:
        """The model's arrays by name."""
        return self.model.weights

    @property
    def metrics(self) -> Mapping[str, float]:
        """The model's measures: those after the last round, or after the one that was restored."""
        played = self._measured
        return {} if played is None else played.metrics

    @property
    def reliability(self) -> Reliability:
        """How far the model's probabilities hold on held-out rows: by ranges, over all parties.

        Raises
        ------
        InvalidOption
            Nothing was measured.
        Unsupported
            The model gives no probabilities, or measures were told with noise.
        """
        played = self._measured
        if played is None or not played.metrics:
            raise InvalidOption("nothing was measured", hint="run with test=0.2")
        if self.privacy_spent is not None:
            raise Unsupported(
                "reliability",
                reason="under privacy= parties tell rows by score with noise, and no mean scores",
                hint="run.model.predict_proba(rows) on rows of your own",
            )
        if played.reliability is None:
            raise Unsupported(
                "reliability",
                reason=f"{self.description} gives no probabilities",
                hint="run.metrics",
            )
        return played.reliability

    @property
    def _measured(self) -> Round | None:
        """The round whose model this is."""
        return self.history[(self.restored or 0) - 1] if self.history else None

    @property
    def left_out(self) -> Mapping[str, str]:
        """The parties that take no part, and why."""
        return left_out_of(self.parties)

    @property
    def stopping(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stop

    def stop(self) -> None:
        """Ask the run to end after the round it is in; the model is that round's."""
        self._stop = True

    def explain(self, party: str | None = None, *, analyze: bool = False) -> Explanation:
        """Return how a party, by default the first, runs the plan; not where, nor by which queries.

        Parameters
        ----------
        party
            Whose plan.
        analyze
            Whether the party runs it again, and tells what took how long.

        Raises
        ------
        Unsupported
            The parties were given arrays, or the run is one that was kept: there is no plan.
        InvalidOption
            There is no such party.
        PartyError
            It does not answer.
        """
        if self.explain_party is None:
            raise Unsupported(
                "explain()",
                reason="of a run that was kept, and of clients of your own, there is no plan",
                hint="dataset.to_numpy().explain(party)",
            )
        return self.explain_party(party, analyze=analyze)

    def to_pandas(self, *, parties: bool = False) -> pd.DataFrame:
        """Give a row a round, or with ``parties=True`` a row a round and party."""
        import pandas as pd

        if parties:
            return pd.DataFrame(
                [
                    {"round": r.number, "party": name, "weight": r.weights.get(name), **measures}
                    for r in self.history
                    for name, measures in r.parties.items()
                ]
            )
        return pd.DataFrame(
            [
                {
                    "round": r.number,
                    **r.metrics,
                    "parties": len(r.weights),
                    "failures": len(r.failures),
                    "seconds": r.seconds,
                }
                for r in self.history
            ]
        ).set_index("round")

    def plot(self, metric: str | None = None) -> object:
        """Draw a measure over the rounds, on held-out rows.

        Parameters
        ----------
        metric
            Which; by default the first that the model has, such as ``auc``.

        Returns
        -------
        object
            Matplotlib's Axes where it is installed, else a drawing that a notebook shows.
        """
        name = self._metric(metric)
        values = [r.metrics.get(name, float("nan")) for r in self.history]
        try:
            from matplotlib import pyplot
        except ImportError:
            return Drawing(learning_curve({name: values}, title=f"{name} on held-out rows"))
        axes = pyplot.figure().add_subplot()
        axes.plot(range(1, len(values) + 1), values, marker="o", markersize=3)
        axes.set_xlabel("round")
        axes.set_ylabel(f"{name} on held-out rows")
        axes.set_title(f"{self.description}, {self.strategy}")
        return axes

    def __repr__(self) -> str:
        taking_part = len(self.parties) - len(self.left_out)
        lines = [
            f"FederatedRun: {self.description}, {self.strategy}, "
            f"{len(self.history)} of {self.rounds} rounds, {counted(taking_part, 'party')}, "
            f"{self.status}"
        ]
        if self.metrics:
            lines.append("  " + ", ".join(f"{k} {v:.4f}" for k, v in self.metrics.items()))
        lines += [f"  left out: {name} ({reason})" for name, reason in self.left_out.items()]
        failed = failed_in(each for each in self.failures if each.party not in self.left_out)
        lines += [f"  failed: {each}" for each in failed[:_SHOWN]]
        if len(failed) > _SHOWN:
            lines.append(f"  … {len(failed) - _SHOWN} more in run.failures")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head, *_ = repr(self).split("\n")
        parts = [f"<p><b>{escape(head)}</b></p>"]
        if self.metrics:
            shown = list(self.metrics)[:1]
            lines = {m: [r.metrics.get(m, float("nan")) for r in self.history] for m in shown}
            parts.append(learning_curve(lines, title=f"{shown[0]} on held-out rows"))
        parts.append(self._party_table())
        return "".join(parts)

    def _party_table(self) -> str:
        last = self.history[-1].parties if self.history else {}
        names = list(self.metrics)
        head = "".join(f"<th>{escape(n)}</th>" for n in ("party", "rows", *names, "left out"))
        rows = []
        for name, report in self.parties.items():
            measures = last.get(name, {})
            cells = [name, f"{report.rows:,}"]
            cells += [f"{measures[m]:.4f}" if m in measures else "" for m in names]
            cells.append(report.left_out or "")
            rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"

    def _metric(self, metric: str | None) -> str:
        if not self.metrics:
            raise InvalidOption("there are no measures to draw", hint="run with test=0.2")
        if metric is None:
            return next(
                (m for m in HIGHER_IS_BETTER if m in self.metrics), next(iter(self.metrics))
            )
        if metric not in self.metrics:
            raise InvalidOption.unknown(metric, self.metrics, of="the run's measures")
        return metric


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG that a notebook shows."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg
