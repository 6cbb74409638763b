"""What a run was asked for, as plain values of which it can be asked again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from wayfed.federated.parties.question import Question
from wayfed.federated.runs.stopping import EarlyStopping
from wayfed.federated.runs.strategy_state import strategy_from_dict, strategy_to_dict
from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flwr.serverapp.strategy import Strategy

    from wayfed.federated.rounds.binding import Bound
    from wayfed.federated.rounds.strategies import StrategyLike
    from wayfed.federated.runs.terms import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `run_federated` was asked for: names, specifications and scalars only.

    Parameters
    ----------
    question
        What parties are asked before training.
    strategy
        As `wayfed.federated.runs.strategy_state.strategy_to_dict` says it.
    runner, quorum, deadline, min_rows, refresh
        As in `wayfed.federated.run.run_federated`.
    early_stopping
        When the run is over before its last round.
    plan
        The plan as it travels; None where arrays were given instead.
    """

    question: Question
    strategy: Mapping[str, Any]
    runner: str | None
    quorum: float | None
    deadline: float | None
    min_rows: int
    refresh: str = "once"  # what is meant by requests from before there was a choice
    early_stopping: EarlyStopping | None
    plan: str | None

    @property
    def plan_hash(self) -> str | None:
        """SHA-256 of the plan."""
        return plan_hash(self.plan)

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, fit for JSON."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **plain,
            "question": self.question.to_dict(),
            "strategy": dict(self.strategy),
            "early_stopping": self.early_stopping and self.early_stopping.to_dict(),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Request:
        """Read what `to_dict` wrote."""
        read = {
            "question": Question.from_dict(plain["question"]),
            "early_stopping": EarlyStopping.from_dict(plain["early_stopping"]),
        }
        return cls(**{**plain, **read})

    def settled(self, bound: Bound) -> Request:
        """Return the same with weights of classes as they follow from the rows."""
        question = replace(self.question, class_weight=bound.class_weight)
        return replace(self, question=question)

    def options(self) -> dict[str, Any]:
        """Give the arguments of `run_federated` that ask for the same again."""
        asked, weight = self.question, self.question.class_weight
        return {
            "label": asked.label or None,  # clusters have none
            "features": asked.features,
            "preprocess": asked.recipe,
            "model": asked.model,
            "rounds": asked.rounds,
            "strategy": strategy_from_dict(self.strategy),
            "test": asked.split,
            "sample_weight": asked.sample_weight,
            "class_weight": dict(weight) if isinstance(weight, tuple) else weight,
            "classes": asked.classes,
            "privacy": asked.privacy,
            "secure_aggregation": asked.secure_aggregation,
            "runner": self.runner,
            "seed": asked.seed,
            "quorum": self.quorum,
            "deadline": self.deadline,
            "min_rows": self.min_rows,
            "refresh": self.refresh,
            "early_stopping": self.early_stopping,
        }


def request_of(
    question: Question,
    strategy: StrategyLike,
    resolved: Strategy,
    terms: Terms,
    *,
    plan: str | None,
) -> Request | None:
    """Return what a run is asked for; None where it cannot be said in plain values.

    Raises
    ------
    Unsupported
        That cannot be, and a checkpoint is asked for.
    """
    try:
        plain = strategy_to_dict(strategy, resolved)
    except Unsupported:
        if terms.keeps:
            raise
        return None
    return Request(
        question=question,
        strategy=plain,
        runner=terms.runner,
        quorum=terms.quorum,
        deadline=terms.deadline,
        min_rows=terms.min_rows,
        refresh=terms.refresh,
        early_stopping=terms.stopping,
        plan=plan,
    )


def plan_hash(plan: str | None) -> str | None:
    """Return SHA-256 of a plan as it travels."""
    return None if plan is None else hashlib.sha256(plan.encode()).hexdigest()
