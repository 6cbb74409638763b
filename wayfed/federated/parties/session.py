"""A party's side of one plan: it binds the plan, makes its arrays once, and trains on them."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from wayfed.ending import ended_by
from wayfed.federated.parties.learning import Learner, answering
from wayfed.federated.parties.policy import Purpose
from wayfed.federated.parties.rules import Rules
from wayfed.federated.privacy.masking.messages import STAGES
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.wire import answer
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import (
    Cancelled,
    InvalidPlan,
    PartyError,
    PlanError,
    PolicyViolation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flwr.app import Context, Message, RecordDict

    from wayfed.arrays import Arrays
    from wayfed.dataset import Dataset
    from wayfed.federated.parties.member import Member
    from wayfed.federated.parties.policy import Policy
    from wayfed.federated.statistics.withholding import Threshold

PLAN: Final = "query.plan"
EXPLAIN: Final = "query.explain"
DESCRIBE: Final = "query.describe"
_PRIVATE: Final = frozenset({PLAN, "query.bind", "query.begin", "train", "evaluate", *STAGES})
"""The messages to which a party answers under privacy."""


class Session:
    """What a party holds for one plan of one requester, whatever grid carries the messages.

    The first message is the plan; it is bound and answered before any row is read. The arrays are
    made when they are first needed, and once.

    Parameters
    ----------
    member
        The party: its name, catalog, policy and engines.
    openly
        Whether what does not fit is told with places, as where the parties are simulated.
    """

    def __init__(self, member: Member, *, openly: bool = True) -> None:
        self._member = member
        self._openly = openly
        self._lock = Lock()
        self._token = CancellationToken()
        self._dataset: Dataset | None = None
        self._arrays: Arrays | None = None
        self._handlers: dict[str, Callable[[Message, Context], Message]] = {
            PLAN: answering(self._bind),
            EXPLAIN: answering(self._explain),
            DESCRIBE: answering(self._describe),
        }
        self._purpose = Purpose.LEARN
        self._least: Mapping[str, float] = {}
        self._least_rows: float = 1
        self._closed: Mapping[str, str] = {}
        self._learning: Callable[[Message, Context], Message] | None = None

    def answer(self, message: Message, context: Context) -> Message:
        """Answer a message; raises what keeps the party from it.

        Raises
        ------
        Cancelled
            The session has ended.
        """
        self._token.raise_if_cancelled()
        with ended_by(self._token):
            return self._answer(message, context)

    def end(self, reason: str) -> None:
        """Stop the plan that runs, on all its engines; the session answers nothing from now on.

        A step of training goes on to its end, for nobody.
        """
        self._token.cancel(reason)

    def _answer(self, message: Message, context: Context) -> Message:
        kind = message.metadata.message_type
        privacy = self._member.policy.privacy
        if privacy is not None and privacy.required and kind not in _PRIVATE:
            # What is not known to keep to it is refused, whatever will be asked one day.
            raise PolicyViolation(
                f"its policy requires privacy, and '{kind}' has none",
                hint="ctx.run_federated(…, privacy=wf.dp(…))",
            )
        handler = self._handlers.get(kind)
        if handler is not None:
            return handler(message, context)
        if self._learning is None:
            raise PlanError("this session has no plan", hint="the first message is the plan")
        return self._learning(message, context)

    def arrays(self) -> Arrays:
        """Return the arrays that the plan gives here, made at the first call.

        Raises
        ------
        PlanError
            No plan was bound, or it cannot run.
        PartyError
            The plan failed here; says no more than that, for what fails names paths and queries.
        """
        with self._lock:
            if self._arrays is None:
                self._arrays = self._run(self._bound())
            return self._arrays

    def lend(self) -> Arrays:
        """Return the arrays to code of somebody's own, in this process.

        Raises
        ------
        PolicyViolation
            The party answers only what is asked under privacy.
        """
        privacy = self._member.policy.privacy
        if privacy is not None and privacy.required:
            raise PolicyViolation(
                f"party '{self._member.name}' requires privacy, and nobody knows what code of "
                "your own tells",
                hint="ctx.run_federated(…, model=wf.models.…, privacy=wf.dp(…))",
            )
        return self.arrays()

    def _bound(self) -> Dataset:
        if self._dataset is None:
            raise PlanError("this session has no plan", hint="the first message is the plan")
        return self._dataset

    def _run(self, dataset: Dataset) -> Arrays:
        try:
            return dataset.to_numpy()
        except Cancelled:
            raise
        except Exception as error:
            if self._openly and isinstance(error, PlanError):
                raise
            told = f"its part of the plan failed with {type(error).__name__}"
            raise PartyError(told) from error

    def _bind(self, asked: Mapping[str, Any]) -> RecordDict:
        member = self._member
        plan, purpose = asked.get("plan"), asked.get("purpose", Purpose.LEARN.value)
        if not isinstance(plan, str) or purpose not in list(Purpose):
            raise InvalidPlan("a session begins with a plan and its purpose")
        purpose = Purpose(purpose)
        if purpose is Purpose.LOOK:
            return self._look(plan.encode())
        closed: Mapping[str, str] = {}
        if purpose is Purpose.DESCRIBE and asked.get("partly") is True:
            bound, closed = member.bind_partly(plan.encode(), openly=self._openly)
        else:
            bound = member.bind(plan.encode(), purpose, openly=self._openly)
        with self._lock:
            self._dataset, self._arrays = bound.dataset, None
            self._purpose, self._least = purpose, bound.least
            self._least_rows, self._closed = bound.least_rows, closed
        policy = member.policy
        account = member.account(bound)
        rules = Rules(
            policy.min_rows,
            bound.roles,
            policy,
            account,
            member.secret,
            least=bound.least,
            models=member.models,
        )
        self._learning = None
        if purpose is Purpose.LEARN:
            self._learning = Learner(member.name, self.arrays, rules).app()
        told = {
            "problems": list(bound.problems),
            "violations": list(bound.violations),
            "roles": {name: role.value for name, role in bound.roles.items()},
        }
        return answer({ReleaseKind.BINDING: told})

    def _look(self, plan: bytes) -> RecordDict:
        """Tell what of the catalog does not fit, and which rules there are; nothing is to run."""
        member = self._member
        with self._lock:
            self._dataset = self._arrays = self._learning = None
        told = {
            "problems": list(member.bind(plan, openly=self._openly).problems),
            "tables": list(member.tables),
            "min_rows": member.policy.min_rows,
            "rules": list(member.policy.in_words()),
        }
        return answer({ReleaseKind.BINDING: told})

    def _describe(self, asked: Mapping[str, Any]) -> RecordDict:
        from wayfed.federated.statistics.question import Asked
        from wayfed.federated.statistics.telling import told

        question = Asked.from_dict(asked)
        self._bound()
        if self._purpose is Purpose.LEARN:
            raise PlanError("the plan of this session is for training, and not for statistics")
        policy = self._member.policy
        least = policy.min_rows
        arrays = self.arrays()
        if self._purpose is Purpose.COUNT:
            rows = int(arrays["rows"][0])
            if rows < self._least_rows != 1:
                return answer({ReleaseKind.BINDING: {"left_out": _too_few(least)}})
            return answer({ReleaseKind.COUNT: {"rows": rows, "values": {}}})
        if arrays.rows < self._least_rows != 1:
            return answer({ReleaseKind.BINDING: {"left_out": _too_few(least)}})
        thresholds = {name: _threshold(policy, self._least.get(name, least)) for name in arrays}
        found = told(question, arrays, thresholds, self._closed)
        return answer({kind.value: content for kind, content in found.items()})

    def _explain(self, asked: Mapping[str, Any]) -> RecordDict:
        from wayfed.explain import blind, shared
        from wayfed.explain.wire import to_plain

        dataset, stage = self._bound(), str(asked.get("stage", "physical"))
        alternatives = bool(asked.get("alternatives", False))
        analyze = bool(asked.get("analyze", False)) or stage == "executed"
        least = self._member.policy.min_rows
        if least <= 1:
            told = dataset.explain(stage=stage, analyze=analyze, alternatives=alternatives)
        elif analyze:
            raise PolicyViolation(
                f"its min_rows={least:,} keeps it from telling how plans ran",
                hint="explain() without analyze=True",
            )
        else:
            environment = self._member.context.environment
            told = blind(dataset.relation, environment, stage=stage, alternatives=alternatives)
        return answer({ReleaseKind.EXPLANATION: to_plain(shared(told, self._member.name))})


def _threshold(policy: Policy, least: float) -> Threshold:
    """Return the least number of rows of a statistic, and the rule that says it."""
    from wayfed.federated.statistics.withholding import Threshold

    for rule, number in (("min_rows", policy.min_rows), ("min_group", policy.smallest_group)):
        if least == number:
            return Threshold(least, f"its {rule}={number:,}")
    return Threshold(least, f"the {least:,.0f} that its policy asks for of this plan")


def _too_few(least: int) -> str:
    return f"fewer rows than its min_rows={least:,}"
