"""The rounds of a run: a strategy asks, the parties answer, what comes out is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord

from wayfed.federated import metrics
from wayfed.federated.reliability import Reliability
from wayfed.federated.rounds.strategies import check_parties, configured
from wayfed.federated.runs.results import FederatedRun, Predictor, Round
from wayfed.federated.runs.stopping import Best
from wayfed.federated.wire import record_of, weights_of
from wayfed_optimizer.errors import PartyError, TypeMismatch, WayfedError

if TYPE_CHECKING:
    from flwr.serverapp.strategy import Strategy

    from wayfed.federated.models.adapter import Weights
    from wayfed.federated.privacy.masking.rounds import SecureAggregation
    from wayfed.federated.rounds.guard import GuardedGrid
    from wayfed.federated.rounds.joining import Joining
    from wayfed.federated.runs.journal import Journal
    from wayfed.federated.runs.results import OnRound
    from wayfed.federated.runs.stopping import EarlyStopping

Measures: TypeAlias = dict[str, float]
Pool: TypeAlias = Callable[["Strategy", int, list[Message]], Measures]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """All that turns first weights into last ones.

    Parameters
    ----------
    grid
        The parties.
    strategy
        Who is asked, and how the answers become one model.
    seed
        What chance depends on.
    pool
        Makes one set of measures of what the parties told.
    own
        Makes the measures of one party of what it told.
    table
        Makes the reliability of what the parties told, where their model gives probabilities.
    model
        Makes the run's model of weights.
    evaluate
        Whether rows are held out to measure on.
    stopping
        Ends the run before its last round; None plays all.
    joining
        Takes in parties that come late or come back; None where nobody joins a run.
    secure
        Sums updates that nobody can read; None where they are read.
    """

    grid: GuardedGrid
    strategy: Strategy
    seed: int
    pool: Pool
    own: Callable[[Message], Measures]
    table: Callable[[Iterable[Message]], Reliability | None]
    model: Callable[[Weights], Predictor]
    evaluate: bool
    stopping: EarlyStopping | None = None
    joining: Joining | None = None
    secure: SecureAggregation | None = None

    def play(
        self,
        run: FederatedRun,
        weights: Weights,
        *,
        journal: Journal,
        report: Callable[[FederatedRun], None],
        on_round: OnRound | None,
    ) -> None:
        """Play what is left of a run, from `weights` on, until its end or until it is stopped."""
        arrays = record_of(weights)
        run.failures = self.grid.failures
        journal.begin(run, self.strategy)
        try:
            for number in range(len(run.history) + 1, run.rounds + 1):
                if self.stopping is not None and self.stopping.is_over(run.history):
                    break
                arrays = self._play_one(run, number, arrays)
                self._note_best(run)
                journal.note_round(run, self.strategy)
                report(run)
                if on_round is not None:
                    on_round(run)
                if run.stopping:
                    break
            run.status = "stopped" if run.stopping else "finished"
            if self.stopping is not None and self.stopping.restore_best and run.best is not None:
                run.model, run.restored = run.best.model, run.best.round
        except BaseException:
            run.status = "failed"
            raise
        finally:
            journal.end(run)

    def _note_best(self, run: FederatedRun) -> None:
        if self.stopping is not None and self.stopping.best(run.history) == len(run.history):
            run.best = Best(len(run.history), run.model)

    def _play_one(self, run: FederatedRun, number: int, arrays: ArrayRecord) -> ArrayRecord:
        started = perf_counter()
        known = len(self.grid.failures)
        if self.joining is not None:
            self.joining.take_in(number)
            check_parties(self.strategy, len(self.grid.parties), None)
        messages = configured(self.strategy, "train", number, arrays, self.grid, seed=self.seed)
        replies = self._trained(messages)
        counted = {self._name(reply): _weight(reply) for reply in replies}
        arrays = self._aggregate(number, replies)
        del replies  # as many models as there are parties
        run.model = self.model(weights_of(arrays))
        told = self._evaluated(number, arrays)
        measures = self.pool(self.strategy, number, told) if told else {}
        run.history.append(
            Round(
                number,
                measures,
                {self._name(reply): self.own(reply) for reply in told},
                counted,
                tuple(self.grid.failures[known:]),
                perf_counter() - started,
                self.table(told),
            )
        )
        return arrays

    def _trained(self, messages: Iterable[Message]) -> list[Message]:
        if self.secure is None:
            return self.grid.send_and_receive(messages)
        return self.secure.train(messages)

    def _aggregate(self, number: int, replies: Iterable[Message]) -> ArrayRecord:
        try:
            combined, _ = self.strategy.aggregate_train(number, replies)
        except WayfedError:
            raise
        except Exception as error:
            raise PartyError(
                f"round {number}: {type(self.strategy).__name__} could not combine the updates: "
                f"{error}"
            ) from error
        if combined is None or not len(combined):
            raise PartyError(
                f"round {number}: {type(self.strategy).__name__} made no model of the updates"
            )
        weights = weights_of(combined)
        if not all(np.isfinite(value).all() for value in weights.values()):
            raise PartyError(
                f"round {number}: the combined model holds NaN or infinity",
                hint="steps may be too long: lower learning_rate, or wf.features(standardize=True)",
            )
        return record_of(weights)

    def _evaluated(self, number: int, arrays: ArrayRecord) -> list[Message]:
        """Return what the parties with held-out rows tell of the round's model."""
        if not self.evaluate:
            return []
        messages = configured(self.strategy, "evaluate", number, arrays, self.grid, seed=self.seed)
        return [reply for reply in self.grid.send_and_receive(messages) if _weight(reply)]

    def _name(self, reply: Message) -> str:
        return self.grid.parties[reply.metadata.src_node_id]


def pool_sums(strategy: Strategy, number: int, replies: list[Message]) -> Measures:
    """Make exact measures of the sums that the models of ``wayfed.models`` tell."""
    return metrics.pool(map(_figures, replies))


def own_sums(reply: Message) -> Measures:
    """Make one party's measures of its sums."""
    return metrics.pool([_figures(reply)])


def table_of_sums(replies: Iterable[Message]) -> Reliability | None:
    """Make the reliability of the sums that the models of ``wayfed.models`` tell."""
    return Reliability.of_sums(map(_figures, replies))


def no_table(replies: Iterable[Message]) -> None:
    """Make none: what clients of the user's own tell is their own."""
    return


def pool_by_strategy(strategy: Strategy, number: int, replies: list[Message]) -> Measures:
    """Let the strategy average what clients of the user's own tell."""
    return _numbers(strategy.aggregate_evaluate(number, replies) or {})


def own_figures(reply: Message) -> Measures:
    """Give one party's figures as it told them."""
    return _numbers(_figures(reply))


def check_weighting(strategy: Strategy) -> None:
    """Raise if `strategy` weights by something that our parties do not tell."""
    key = getattr(strategy, "weighted_by_key", metrics.WEIGHT)
    if key != metrics.WEIGHT:
        raise TypeMismatch(
            f"the strategy weights updates by '{key}', the parties tell '{metrics.WEIGHT}'",
            hint=f"leave weighted_by_key='{metrics.WEIGHT}', or give sample_weight=",
        )


def _numbers(figures: Mapping[str, Any]) -> Measures:
    return {
        name: float(value)
        for name, value in figures.items()
        if name != metrics.WEIGHT and not isinstance(value, list)
    }


def _figures(reply: Message) -> dict[str, Any]:
    for record in reply.content.values():
        if isinstance(record, MetricRecord):
            return dict(record)
    return {}


def _weight(reply: Message) -> float:
    for record in reply.content.values():
        if isinstance(record, MetricRecord):
            return float(record.get(metrics.WEIGHT, 0))
    return 0.0
