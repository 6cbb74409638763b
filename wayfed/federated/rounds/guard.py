"""Every reply is looked at before a strategy sees it: who failed is named and left out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict

from wayfed.federated.grids.base import PartyGrid
from wayfed.federated.releases import releases_in
from wayfed.federated.rounds.answers import answer_fault
from wayfed_optimizer.errors import PartyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from wayfed.federated.releases import Recorder
    from wayfed_optimizer.cancellation import CancellationToken

_SHOWN: Final = 10
_LATE: Final = "no answer"
_FEWEST_TO_COMPARE: Final = 3
_OUT_OF_PROPORTION: Final = 1e9
"""How far beyond what half of the parties answer a number may lie: sums grow with the rows."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a party was left out of a step.

    Parameters
    ----------
    party
        Whose answer could not be used.
    round
        In which round; 0 before the first.
    stage
        What it was asked: ``train``, ``evaluate``, ``query.bind`` …
    reason
        What was wrong.
    """

    party: str
    round: int
    stage: str
    reason: str

    def __str__(self) -> str:
        return f"party '{self.party}': {self.reason}"


class GuardedGrid(PartyGrid):
    """A grid that lets through only answers that can be used, and insists on a quorum.

    A strategy would sum up NaN, broadcast a wrong shape, or keep the old model where nobody
    answered; so answers are checked before it sees them, on every grid and for every strategy.

    Parameters
    ----------
    grid
        How messages travel.
    quorum
        How many parties must give a usable update in a round; a fraction is of those asked.
    deadline
        Seconds within which a party must answer; None waits as long as the grid does
        (`wayfed.federated.grids.patience`).
    token
        Cancels the run between steps.
    record
        Is told of everything that a party gave, in the order of the names.
    """

    def __init__(
        self,
        grid: PartyGrid,
        *,
        quorum: float = 1,
        deadline: float | None = None,
        token: CancellationToken | None = None,
        record: Recorder | None = None,
    ) -> None:
        super().__init__(grid.parties)
        self.grid = grid
        self.failures: list[Failure] = []
        self._quorum = quorum
        self._deadline = deadline
        self._token = token
        self._record = record

    def cause_of(self, node_id: int) -> BaseException | None:
        """Give what a party's app raised at the last message, where the grid beneath knows."""
        return self.grid.cause_of(node_id)

    def expect(self, work: int) -> None:
        """Tell the grid beneath."""
        self.grid.expect(work)

    def close(self) -> None:
        """Close the grid beneath."""
        self.grid.close()

    def ask(self, content: RecordDict, message_type: str) -> dict[str, RecordDict]:
        """Put one question to every party and give the answers by name."""
        messages = [Message(content, node, message_type) for node in self.parties]
        replies = self.send_and_receive(messages)
        return {self.parties[r.metadata.src_node_id]: r.content for r in replies}

    def ask_some(
        self, parties: Iterable[str], content: RecordDict, message_type: str
    ) -> dict[str, RecordDict]:
        """Put one question to some parties; who gives no usable answer is among the failures."""
        names = set(parties)
        asked = [node for node, name in self.grid.parties.items() if name in names]
        messages = {node: Message(content, node, message_type) for node in asked}
        usable, _ = self._checked(messages, self._deadline)
        return {self.grid.parties[r.metadata.src_node_id]: r.content for r in usable}

    def patience(self, message_type: str) -> float | None:
        """Return how long the grid beneath waits where there is no deadline."""
        return self.grid.patience(message_type)

    def arrivals(self) -> Mapping[int, str]:
        """Give the parties that came late or came back, where the grid beneath knows."""
        return self.grid.arrivals()

    def admit(self, party: str) -> None:
        """Ask this party from now on."""
        names = {*self.parties.values(), party}
        self.parties = {node: name for node, name in self.grid.parties.items() if name in names}

    def leave_out(self, party: str) -> None:
        """Ask this party no more."""
        self.parties = {node: name for node, name in self.parties.items() if name != party}

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """Deliver messages; give the usable answers in the order of the parties' names.

        Raises
        ------
        PartyError
            Fewer parties than the quorum gave a usable answer.
        """
        if self._token is not None:
            self._token.raise_if_cancelled()
        sent = {message.metadata.dst_node_id: message for message in messages}
        if not sent:
            return []
        limits = [limit for limit in (timeout, self._deadline) if limit is not None]
        limit = min(limits, default=None)
        usable, failures = self._checked(sent, limit)
        if len(usable) < self._needed(len(sent), next(iter(sent.values()))):
            raise self._too_few(len(usable), len(sent), failures)
        return usable

    def _checked(
        self, sent: Mapping[int, Message], limit: float | None
    ) -> tuple[list[Message], list[tuple[int, Failure]]]:
        """Deliver messages; give what can be used of the answers, and who gave none."""
        names = self.grid.parties
        kind = next((message.metadata.message_type for message in sent.values()), "")
        longest = self.patience(kind) if limit is None else limit
        replies = self.grid.send_and_receive(sent.values(), timeout=longest)
        if self._record is not None:
            for reply in replies:
                for release in releases_in(names[reply.metadata.src_node_id], reply):
                    self._record(release)
        answers = {reply.metadata.src_node_id: reply for reply in replies}
        checks = _Checks()
        faults = {n: checks.fault(sent[n], reply) for n, reply in answers.items() if n in sent}
        faults |= checks.absurd()
        usable: list[Message] = []
        failures: list[tuple[int, Failure]] = []
        for node, name in names.items():
            if (message := sent.get(node)) is None:
                continue
            reply = answers.get(node)
            reason = faults[node] if reply else _silence(longest)
            if reason is None and reply is not None:
                usable.append(reply)
            else:
                stage = message.metadata.message_type
                failures.append((node, Failure(name, _round_of(message), stage, str(reason))))
        self.failures += [failure for _, failure in failures]
        return usable, failures

    def _needed(self, asked: int, message: Message) -> int:
        if message.metadata.message_type != "train":
            return 1
        if isinstance(self._quorum, float):
            return max(1, math.ceil(self._quorum * asked))
        return int(self._quorum)

    def _too_few(self, usable: int, asked: int, failures: list[tuple[int, Failure]]) -> PartyError:
        listed = "".join(f"\n  {failure}" for _, failure in failures[:_SHOWN])
        more = f"\n  … {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
        stage, number = failures[0][1].stage, failures[0][1].round
        where = f"round {number}, {stage}" if number else stage
        error = PartyError(
            f"{where}: {usable} of {asked} parties gave a usable answer{listed}{more}",
            hint=_hint(failure for _, failure in failures),
        )
        error.__cause__ = next(
            (cause for node, _ in failures if (cause := self.grid.cause_of(node))), None
        )
        return error


class _Checks:
    """What an answer must be, by the message it answers; one template serves all parties."""

    def __init__(self) -> None:
        self._templates: dict[int, dict[str, tuple[tuple[int, ...], str]]] = {}
        self._sizes: dict[int, float] = {}

    def fault(self, message: Message, reply: Message) -> str | None:
        """Say what is wrong with `reply`; None if nothing is."""
        if reply.has_error():
            return str(reply.error.reason)
        stage = message.metadata.message_type
        kind = stage.partition(".")[0]
        if kind not in ("train", "evaluate"):
            return answer_fault(stage, message.content, reply.content)
        updates: list[ArrayRecord] = []
        figures: list[MetricRecord] = []
        for record in reply.content.values():
            if isinstance(record, ArrayRecord):
                updates.append(record)
            elif isinstance(record, MetricRecord):
                figures.append(record)
        if kind == "train":
            if len(updates) != 1 or len(figures) != 1:
                return (
                    f"answered {len(updates)} sets of arrays and {len(figures)} of metrics, "
                    "one of each is expected"
                )
            if fault := self._array_fault(message, updates[0]):
                return fault
        return next(filter(None, map(_metric_fault, figures)), None)

    def _array_fault(self, message: Message, update: ArrayRecord) -> str | None:
        template = self._template_of(message.content)
        if template.keys() != update.keys():
            return f"answered arrays {sorted(update)} instead of {sorted(template)}"
        greatest = 0.0
        for name, array in update.items():
            shape, dtype = template[name]
            if tuple(array.shape) != shape:
                return f"answered '{name}' of shape {tuple(array.shape)} instead of {shape}"
            if array.dtype != dtype:
                return f"answered '{name}' as {array.dtype} instead of {dtype}"
            if not math.isfinite(size := _size(array.numpy())):
                return f"answered NaN or infinity in '{name}'"
            greatest = max(greatest, size)
        self._sizes[message.metadata.dst_node_id] = greatest
        return None

    def absurd(self) -> dict[int, str]:
        """Say whose updates are out of all proportion to those of the others."""
        sizes = sorted(self._sizes.values())
        if len(sizes) < _FEWEST_TO_COMPARE:
            return {}
        usual = max(1.0, sizes[(len(sizes) - 1) // 2])
        return {
            node: f"answered numbers of up to {size:.1e}, where half of the parties stay below "
            f"{usual:.1e}"
            for node, size in self._sizes.items()
            if size > _OUT_OF_PROPORTION * usual
        }

    def _template_of(self, content: RecordDict) -> dict[str, tuple[tuple[int, ...], str]]:
        template = self._templates.get(id(content))
        if template is None:
            template = {
                name: (tuple(array.shape), array.dtype)
                for record in content.values()
                if isinstance(record, ArrayRecord)
                for name, array in record.items()
            }
            self._templates[id(content)] = template
        return template


def _size(values: NDArray[Any]) -> float:
    """Return the greatest magnitude in an array; NaN or infinity where it holds such."""
    if values.dtype.kind not in "fc" or not values.size:
        return 0.0
    return float(np.abs(values).max())


def _metric_fault(figures: MetricRecord) -> str | None:
    for name, value in figures.items():
        values = value if isinstance(value, list) else (value,)
        if not all(map(math.isfinite, values)):
            return f"answered a metric '{name}' that is NaN or infinite"
        if name == "num-examples" and any(v < 0 for v in values):
            return "answered a number of examples below zero"
    return None


def _silence(limit: float | None) -> str:
    return _LATE if limit is None else f"{_LATE} within {limit:g} s"


def _round_of(message: Message) -> int:
    for record in message.content.values():
        if isinstance(record, ConfigRecord) and "server-round" in record:
            return int(record["server-round"])
    return 0


def _hint(failures: Iterable[Failure]) -> str | None:
    reasons = [failure.reason for failure in failures]
    if any("NaN or infinity" in reason for reason in reasons):
        return "steps may be too long: lower learning_rate, or wf.features(standardize=True)"
    if any(reason.startswith(_LATE) for reason in reasons):
        return "who works for long needs a longer deadline=; who hangs has to be started anew there"
    return None
