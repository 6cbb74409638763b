"""From a question to a trained model: what fits is settled, parties are reached, rounds played."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wayfed.federated.privacy.masking.rounds import SecureAggregation
from wayfed.federated.rounds.agreeing import Agreed, agree, check_reach
from wayfed.federated.rounds.asking import built, check_fit, check_measured, check_stopping
from wayfed.federated.rounds.guard import GuardedGrid
from wayfed.federated.rounds.joining import Joining
from wayfed.federated.rounds.launch import play
from wayfed.federated.rounds.playing import Rounds, own_sums, pool_sums, table_of_sums
from wayfed.federated.rounds.strategies import quorum_of, resolve_strategy
from wayfed.federated.runs.journal import Journal
from wayfed.federated.runs.request import Request, request_of
from wayfed.federated.runs.results import FederatedRun, Predictor, TrainedModel
from wayfed.federated.wire import flower_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from flwr.serverapp.strategy import Strategy

    from wayfed.federated.models.adapter import Weights
    from wayfed.federated.participants import Participants
    from wayfed.federated.parties.question import Question
    from wayfed.federated.rounds.strategies import StrategyLike
    from wayfed.federated.runs.results import PartyReport
    from wayfed.federated.runs.terms import Terms


@dataclass(frozen=True, slots=True)
class Learning:
    """A question on its way to a model.

    Parameters
    ----------
    participants
        Who learns.
    asked
        What they learn.
    terms
        How the run is played.
    """

    participants: Participants
    asked: Question
    terms: Terms

    def run(self, strategy: StrategyLike) -> FederatedRun:
        """Train what is asked for, by one of our models.

        Raises
        ------
        WayfedError
            As `wayfed.federated.run.run_federated`.
        """
        asked, terms = self.asked, self.terms
        model = built(asked)
        with flower_process(), ExitStack() as stack:
            resolved = resolve_strategy(strategy)
            request = request_of(asked, strategy, resolved, terms, plan=self.participants.plan)
            bools = self.participants.bools(asked.features)
            check_fit(asked, model, resolved, bools)
            check_stopping(asked, terms.stopping)
            grid = self._reach(stack, resolved)
            agreed = agree(grid, self.participants, asked, resolved, terms, bools=bools)
            is_measured = agreed.is_measured or asked.privacy is not None
            check_measured(asked, measured=is_measured)
            return self._play(grid, agreed, request and request.settled(agreed.bound))

    def _reach(self, stack: ExitStack, strategy: Strategy) -> GuardedGrid:
        """Return the parties' grid, under guard; `stack` lets go of it."""
        asked, terms = self.asked, self.terms
        reached = self.participants.grid(
            terms.runner,
            threads=terms.threads,
            features=len(asked.features),
            paying=terms.paying(asked.privacy),
        )
        stack.callback(self.participants.done, reached)
        check_reach(asked.model, reached, kept=terms.keeps)
        return GuardedGrid(
            reached,
            quorum=quorum_of(strategy, terms.quorum),
            deadline=terms.deadline,
            token=terms.token,
            record=terms.record,
        )

    def _play(self, grid: GuardedGrid, agreed: Agreed, request: Request | None) -> FederatedRun:
        asked, terms, resumed = self.asked, self.terms, self.terms.resumed
        reports = dict(agreed.bound.parties)
        rounds = Rounds(
            grid=grid,
            strategy=agreed.strategy,
            seed=asked.seed,
            pool=pool_sums,
            own=own_sums,
            table=table_of_sums,
            model=self._trained(agreed),
            evaluate=asked.split is not None and agreed.is_measured,
            stopping=terms.stopping,
            joining=self._joining(grid, agreed, reports),
            secure=SecureAggregation(grid, terms.quorum) if asked.secure_aggregation else None,
        )
        name = asked.model.name
        return play(
            rounds,
            agreed.model.initial_weights(asked.seed) if resumed is None else resumed.weights,
            description=f"{name} of '{asked.label}'" if asked.label else name,
            rounds=asked.rounds,
            parties=reports,
            explain=self.participants.explain,
            on_round=terms.on_round,
            progress=terms.progress,
            privacy_spent=agreed.spent,
            journal=Journal(
                run=terms.run,
                store=terms.store,
                request=request,
                directory=terms.directory,
            ),
            resumed=resumed,
        )

    def _trained(self, agreed: Agreed) -> Callable[[Weights], Predictor]:
        """Return what makes the run's model of weights."""
        asked, bound = self.asked, agreed.bound
        inputs = self.participants.types(bound.features.columns)

        def trained(weights: Weights) -> Predictor:
            return TrainedModel(
                asked.model, weights, bound.features, bound.classes, asked.label, inputs
            )

        return trained

    def _joining(
        self, grid: GuardedGrid, agreed: Agreed, reports: dict[str, PartyReport]
    ) -> Joining | None:
        """Return what takes late parties in; nobody joins a run that all have paid for."""
        plan = self.participants.plan
        if plan is None or self.asked.privacy is not None:
            return None
        terms = self.terms
        resumed = None if terms.may_change else terms.resumed
        return Joining(
            grid,
            plan,
            self.asked,
            agreed.bound,
            reports,
            digests={} if resumed is None else resumed.digests,
            afresh=terms.afresh,
        )
