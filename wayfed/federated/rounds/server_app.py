"""A ServerApp of the user's own as the server: its messages are checked, and write the history."""

from __future__ import annotations

import dataclasses
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict

from wayfed.federated import metrics
from wayfed.federated.rounds.guard import GuardedGrid
from wayfed.federated.runs.results import ClientModel, FederatedRun, OnRound, Round
from wayfed.federated.wire import weights_of
from wayfed_optimizer.errors import InvalidOption, PartyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flwr.serverapp import ServerApp

    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.releases import Recorder
    from wayfed_optimizer.cancellation import CancellationToken

_PATIENCE: Final = 3


class _Stopped(Exception):
    """Somebody called `FederatedRun.stop`."""


class ServerAppGrid(GuardedGrid):
    """The guarded grid of a ServerApp: each training message begins a round of the run's history.

    The run's model is what the app last sent to the parties, which is the last round's as long as
    its strategy evaluates.

    Parameters
    ----------
    grid, quorum, deadline, token, record
        As in `GuardedGrid`.
    run
        Whose history is written.
    on_round
        Called when a round was evaluated.
    """

    def __init__(
        self,
        grid: PartyGrid,
        run: FederatedRun,
        *,
        quorum: float,
        deadline: float | None,
        token: CancellationToken | None,
        record: Recorder | None,
        on_round: OnRound | None,
    ) -> None:
        super().__init__(grid, quorum=quorum, deadline=deadline, token=token, record=record)
        self._history = run
        self._on_round = on_round
        self._asked_for_nodes = 0
        self._known_failures = 0
        self._started = perf_counter()
        run.failures = self.failures

    def play(self, app: ServerApp) -> None:
        """Let the app run to its end, or until the run is stopped."""
        context = Context(1, 0, {}, RecordDict(), {})
        run = self._history
        try:
            app(self, context)
        except _Stopped:
            run.status = "stopped"
        except BaseException:
            run.status = "failed"
            raise
        else:
            run.status = "finished"
        run.rounds = len(run.history)
        if not run.history:
            raise InvalidOption(
                "the ServerApp trained nothing", hint="call strategy.start(grid=…) in its main"
            )

    def get_node_ids(self) -> list[int]:
        """Give the parties' numbers; a strategy that waits for more of them is told so."""
        self._asked_for_nodes += 1
        if self._asked_for_nodes > _PATIENCE:
            raise PartyError(
                f"the ServerApp waits for more than the {len(self.parties)} parties there are",
                hint="lower min_available_nodes, min_train_nodes and min_evaluate_nodes",
            )
        return super().get_node_ids()

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """Deliver messages, check the answers, and write down what they say of the round."""
        self._asked_for_nodes = 0
        sent = list(messages)
        if not sent:
            return []
        kind = sent[0].metadata.message_type.partition(".")[0]
        if kind == "train":
            if self._history.stopping:
                raise _Stopped
            self._started = perf_counter()
        replies = super().send_and_receive(sent, timeout=timeout)
        self._keep_model(sent[0])
        figures = {self.parties[r.metadata.src_node_id]: _figures(r) for r in replies}
        if kind == "train":
            self._begin_round(figures)
        elif kind == "evaluate" and self._history.history:
            self._end_round(figures)
        return replies

    def _keep_model(self, message: Message) -> None:
        for record in message.content.values():
            if isinstance(record, ArrayRecord):
                self._history.model = ClientModel(weights_of(record))

    def _begin_round(self, figures: dict[str, dict[str, Any]]) -> None:
        weights = {name: float(told.get(metrics.WEIGHT, 0)) for name, told in figures.items()}
        self._history.history.append(
            Round(
                number=len(self._history.history) + 1,
                metrics={},
                parties={},
                weights=weights,
                failures=self._new_failures(),
                seconds=perf_counter() - self._started,
            )
        )

    def _end_round(self, figures: dict[str, dict[str, Any]]) -> None:
        begun = self._history.history[-1]
        sizes = {name: float(told.get(metrics.WEIGHT, 0)) for name, told in figures.items()}
        parties = {
            name: {key: float(v) for key, v in told.items() if key != metrics.WEIGHT}
            for name, told in figures.items()
            if sizes[name]
        }
        total = sum(sizes.values())
        keys = dict.fromkeys(key for told in parties.values() for key in told)
        pooled = {
            key: sum(told.get(key, 0.0) * sizes[name] for name, told in parties.items()) / total
            for key in keys
        }
        self._history.history[-1] = dataclasses.replace(
            begun,
            metrics=pooled,
            parties=parties,
            failures=(*begun.failures, *self._new_failures()),
            seconds=perf_counter() - self._started,
        )
        if self._on_round is not None:
            self._on_round(self._history)

    def _new_failures(self) -> tuple[Any, ...]:
        new = tuple(self.failures[self._known_failures :])
        self._known_failures = len(self.failures)
        return new


def _figures(reply: Message) -> dict[str, Any]:
    for record in reply.content.values():
        if isinstance(record, MetricRecord):
            return {name: v for name, v in record.items() if not isinstance(v, list)}
    return {}
