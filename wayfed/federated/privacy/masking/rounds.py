"""The requester's side of secure aggregation: it learns the mean of the updates, and no update.

SecAgg+ (Bell et al., Secure single-server aggregation with (poly)logarithmic overhead, CCS 2020):
each party shares its secrets with some others, so that a thousand need not know each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import SystemRandom
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict

from wayfed.federated import metrics
from wayfed.federated.privacy.masking import private
from wayfed.federated.privacy.masking.masks import decode, mask, signed
from wayfed.federated.privacy.masking.messages import (
    KEYS,
    MASKED,
    RECORD,
    REVEAL,
    SHARES,
    SUM,
    by_node,
    read_by_node,
    told_by,
)
from wayfed.federated.privacy.masking.party import MOST_SHARES
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.rounds.guard import Failure
from wayfed.federated.wire import Reply, record_of, weights_of
from wayfed_optimizer.errors import InvalidOption, PartyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from wayfed.federated.rounds.guard import GuardedGrid

FEWEST: Final = 3
"""Of two parties, each could take its own update out of the sum."""


def check_summed_in_secret(
    parties: int, asked: int, left_out: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Raise where updates would be summed of so few that a sum hides nobody.

    Parameters
    ----------
    parties
        How many take part.
    asked
        How many of them train in a round.
    left_out
        Those that take no part, and why.

    Raises
    ------
    InvalidOption
        There are too few parties.
    """
    if parties < FEWEST:
        told = "".join(f"\n  left out: {name} ({why})" for name, why in left_out.items())
        raise InvalidOption(
            f"secure_aggregation=True takes {FEWEST} parties, and here "
            f"{'is' if parties == 1 else 'are'} {parties}{told}",
            hint="of two, each could take its own update out of the sum",
        )
    if asked < FEWEST:
        raise InvalidOption(
            f"secure_aggregation=True takes {FEWEST} parties in each round, and of {parties} the "
            f"strategy asks {asked}",
            hint="a larger fraction_train",
        )


@dataclass(frozen=True, slots=True)
class SecureAggregation:
    """Asks for training, and gives the replies that a strategy would make the same model of.

    Each reply holds the mean, for nobody but its party knows its update.

    Parameters
    ----------
    grid
        The parties.
    quorum
        How many must give an update, or what part of those asked; more than half must anyway.
    """

    grid: GuardedGrid
    quorum: float | None = None

    def train(self, messages: Iterable[Message]) -> list[Message]:
        """Ask parties to train; give a reply for each that did, with the mean of all updates.

        Raises
        ------
        PartyError
            Too few are left for a sum that hides each of them.
        """
        asked = {message.metadata.dst_node_id: message for message in messages}
        first = next(iter(asked.values()))
        number = _round_of(first)
        if len(asked) < FEWEST:
            raise PartyError(
                f"round {number}: secure aggregation of {len(asked)} parties would tell each of "
                "them the other's update",
                hint=f"it takes at least {FEWEST} parties in each round",
            )
        exchange = _Exchange(self.grid, number, tuple(asked), self._least(len(asked)))
        exchange.agree()
        replies = exchange.collect(asked)
        like = next(
            weights_of(each) for each in first.content.values() if isinstance(each, ArrayRecord)
        )
        total = exchange.uncovered(sum(value.size for value in like.values()))
        weight = sum(_weight(reply) for reply in replies.values())
        if not weight > 0:
            raise PartyError(f"round {number}: the parties' updates have no weight")
        mean = record_of(decode(total, like, weight))
        return [
            Message(
                Reply(
                    {
                        ReleaseKind.UPDATE.value: mean,
                        ReleaseKind.TRAINING.value: replies[node].content[
                            ReleaseKind.TRAINING.value
                        ],
                    }
                ),
                reply_to=message,
            )
            for node, message in asked.items()
            if node in replies
        ]

    def _least(self, asked: int) -> int:
        majority = asked // 2 + 1
        if self.quorum is None:
            return majority
        wanted = self.quorum if isinstance(self.quorum, int) else math.ceil(self.quorum * asked)
        return max(majority, int(wanted))


@dataclass(slots=True)
class _Exchange:
    """One round: who is left after each stage, and what has come."""

    grid: GuardedGrid
    number: int
    asked: tuple[int, ...]
    least: int
    near: dict[int, frozenset[int]] = field(default_factory=dict)
    threshold: int = 0
    keys: dict[int, list[bytes]] = field(default_factory=dict)
    shares: dict[int, dict[int, bytes]] = field(default_factory=dict)
    masked: dict[int, NDArray[np.uint64]] = field(default_factory=dict)

    def agree(self) -> None:
        """Let the parties make keys, and share their secrets."""
        self.near = _ring(self.asked, min(len(self.asked), MOST_SHARES))
        count = len(next(iter(self.near.values())))
        self.threshold = count // 2 + 1
        told = told_by(self.number, parties=len(self.asked), shares=count, threshold=self.threshold)
        alike = RecordDict({RECORD: told})
        answers = self._ask(KEYS, {node: alike for node in self.asked})
        self.keys = self._each(KEYS, answers, _own_keys)
        self._require(self.keys, "made keys")
        content = {
            node: RecordDict(
                {
                    RECORD: by_node(
                        self.number,
                        {other: self.keys[other] for other in self._near(node, self.keys)},
                    )
                }
            )
            for node in self.keys
        }
        answers = self._ask(SHARES, content)
        self.shares = self._each(
            SHARES,
            answers,
            lambda node, record: {other: each[0] for other, each in read_by_node(record).items()},
        )
        self._require(self.shares, "shared their secrets")

    def collect(self, asked: Mapping[int, Message]) -> dict[int, Message]:
        """Ask for masked updates; gives the answers of those that gave one."""
        content = {}
        for node in self.shares:
            sources = {
                other: [self.shares[other][node]]
                for other in self._near(node, self.shares)
                if other != node and node in self.shares[other]
            }
            content[node] = RecordDict(
                {**asked[node].content, RECORD: by_node(self.number, sources)}
            )
        answers = self._ask(MASKED, content)
        expected = sum(
            array.numpy().size
            for record in next(iter(asked.values())).content.values()
            if isinstance(record, ArrayRecord)
            for array in record.values()
        )
        self.masked = self._each(
            MASKED, answers, lambda node, record: _masked(record, expected), of=ReleaseKind.MASKED
        )
        self._require(self.masked, "gave an update")
        return {node: answers[node] for node in self.masked}

    def uncovered(self, size: int) -> NDArray[np.uint64]:
        """Give the sum of the updates, without what masks are left in it."""
        lost = self.shares.keys() - self.masked.keys()
        content = {
            node: RecordDict(
                {
                    RECORD: told_by(
                        self.number,
                        active=sorted(self._near(node, self.masked)),
                        lost=sorted(self._near(node, lost)),
                    )
                }
            )
            for node in self.masked
        }
        answers = self._each(
            REVEAL,
            self._ask(REVEAL, content),
            lambda node, record: {other: each[0] for other, each in read_by_node(record).items()},
        )
        total = np.zeros(size, dtype=np.uint64)
        for vector in self.masked.values():
            total += vector
        for node in self.masked:
            total -= mask(self._secret(node, answers), size)
        for node in lost:
            key = private.bytes_to_private_key(self._secret(node, answers))
            for other in self._near(node, self.masked) - {node}:
                common = private.generate_shared_key(
                    key, private.bytes_to_public_key(self.keys[other][0])
                )
                total -= signed(other, node, mask(common, size))
        return total

    def _secret(self, node: int, answers: Mapping[int, Mapping[int, bytes]]) -> bytes:
        told = [shares[node] for _, shares in sorted(answers.items()) if node in shares]
        if len(told) < self.threshold:
            raise self._too_few(len(told), self.threshold, "told their shares of the masks")
        try:
            secret: bytes = private.combine_shares(told[: self.threshold])
        except ValueError as error:
            party = self.grid.parties.get(node, "?")
            raise PartyError(
                f"round {self.number}: the shares of the secret of party '{party}' do not fit"
            ) from error
        return secret

    def _near(self, node: int, among: Iterable[int]) -> set[int]:
        return set(self.near[node] & set(among))

    def _ask(self, stage: str, content: Mapping[int, RecordDict]) -> dict[int, Message]:
        messages = [Message(each, node, stage) for node, each in content.items()]
        replies = self.grid.send_and_receive(messages)
        return {reply.metadata.src_node_id: reply for reply in replies}

    def _each(
        self,
        stage: str,
        answers: Mapping[int, Message],
        read: Callable[[int, Any], Any],
        *,
        of: ReleaseKind = ReleaseKind.MASKING,
    ) -> dict[int, Any]:
        """Read what each party answered; who answered something else is named and left out."""
        found = {}
        for node, reply in answers.items():
            try:
                found[node] = read(node, reply.content[of.value])
            except (KeyError, ValueError, TypeError, IndexError) as error:
                reason = f"answered what is no part of secure aggregation: {error}"
                failure = Failure(self.grid.parties[node], self.number, stage, reason)
                self.grid.failures.append(failure)
        return found

    def _require(self, found: Mapping[int, object], did: str) -> None:
        if len(found) < self.least:
            raise self._too_few(len(found), self.least, did)
        for node in found:
            if (there := len(self._near(node, found))) < self.threshold:
                raise self._too_few(there, self.threshold, did)

    def _too_few(self, there: int, needed: int, did: str) -> PartyError:
        mine = [each for each in self.grid.failures if each.round == self.number]
        listed = "".join(f"\n  {failure}" for failure in mine[:10])
        return PartyError(
            f"round {self.number}: {there} parties {did}, and secure aggregation takes {needed}"
            f"{listed}",
            hint="more than half of the parties must stay until a round ends",
        )


def _ring(nodes: tuple[int, ...], count: int) -> dict[int, frozenset[int]]:
    """Put parties in a ring by chance, each near to the same number of others and itself."""
    if count == len(nodes):
        return dict.fromkeys(nodes, frozenset(nodes))
    order = list(nodes)
    SystemRandom().shuffle(order)
    reach = count // 2
    return {
        node: frozenset(order[(place + step) % len(order)] for step in range(-reach, reach + 1))
        for place, node in enumerate(order)
    }


def _own_keys(node: int, record: Mapping[str, Any]) -> list[bytes]:
    keys = read_by_node(record, each=2)
    if keys.keys() != {node}:
        raise ValueError("the keys are another's")
    return keys[node]


def _masked(record: ArrayRecord, size: int) -> NDArray[np.uint64]:
    vector: NDArray[np.uint64] = record[SUM].numpy()
    if vector.dtype != np.uint64 or vector.shape != (size,):
        raise ValueError(f"{vector.dtype} of shape {vector.shape} instead of uint64 of ({size},)")
    return vector


def _weight(reply: Message) -> float:
    weight = float(reply.content[ReleaseKind.TRAINING.value][metrics.WEIGHT])
    return weight if math.isfinite(weight) and weight >= 0 else 0.0


def _round_of(message: Message) -> int:
    for record in message.content.values():
        if isinstance(record, ConfigRecord) and "server-round" in record:
            return int(record["server-round"])
    return 0
