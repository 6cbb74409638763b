"""What a party insists on before it answers: rows, roles, models, strategies, rounds, privacy."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed.federated.features.split import ByHash
from wayfed.federated.parties.policy import Policy, Role
from wayfed_optimizer.errors import PolicyViolation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.metadata import EntryPoint

    from wayfed.federated.features.split import Split
    from wayfed.federated.parties.question import Question
    from wayfed.federated.privacy.account import Account
    from wayfed.federated.privacy.dp import DifferentialPrivacy


_CUT: Final = frozenset({Role.FEATURE, Role.LABEL})
_HASHED: Final = _CUT | {Role.JOIN_KEY}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a party insists on in the runs over one plan.

    Parameters
    ----------
    min_rows
        The least number of training rows with which it takes part.
    roles
        What each of its columns may be used for; any use of those that are not among them.
    policy
        What else its policy says.
    account
        Pays for what is told of its tables; None where nobody keeps an account.
    secret
        Without which nobody can compute the digest of rows that are guessed; empty where all
        parties are simulated by whoever asks.
    least
        How many rows must have a value of a column that it is told: more than `min_rows` where a
        plan may repeat a row.
    models
        Models of the party's own, by the names that its file gives them.
    """

    min_rows: int = 1
    roles: Mapping[str, Role] = field(default_factory=lambda: MappingProxyType({}))
    policy: Policy = field(default_factory=Policy)
    account: Account | None = None
    secret: bytes = field(default=b"", repr=False)
    least: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    models: Mapping[str, EntryPoint] = field(default_factory=lambda: MappingProxyType({}))

    def violations(self, question: Question, key: str | None = None) -> tuple[str, ...]:
        """Return each rule that a question would break, as one sentence with the remedy.

        Parameters
        ----------
        question
            What is asked.
        key
            Of a private run that may be gone on with; see `Account.refusals`.
        """
        return (
            *(
                f"'{name}' is a {role.value}, and no feature; leave it out of features="
                for name in question.features
                if (role := self.roles.get(name, Role.FEATURE)) is not Role.FEATURE
            ),
            *(
                f"'{name}' is a {role.value}, and no {use}"
                for use, name in (("label", question.label), ("weight", question.sample_weight))
                if name is not None
                and (role := self.roles.get(name, Role.FEATURE)) not in (Role.FEATURE, Role.LABEL)
            ),
            *self._split_violations(question.split),
            *self.policy.refusals(question),
            *self._unpaid(question.privacy, key),
        )

    def _split_violations(self, by: Split | None) -> Iterator[str]:
        """Yield the columns that must not decide which rows are held out.

        A hash of a key says no more of its values than a group does; a cut orders them.
        """
        allowed = _HASHED if isinstance(by, ByHash) else _CUT
        for name in by.columns if by is not None else ():
            if (role := self.roles.get(name, Role.FEATURE)) not in allowed:
                yield f"'{name}' is a {role.value}, and does not decide which rows are held out"

    def least_of(self, column: str) -> float:
        """Return how many rows must have a value of a column that it is told."""
        return max(self.min_rows, self.least.get(column, 1))

    def key_of(self, run: str, question: Question, name_word: int) -> str:
        """Return by what a private run is known again: the same question over the same plan.

        Parameters
        ----------
        run
            The run, as who asks calls it.
        question
            What it asks.
        name_word
            A number made of the party's name.
        """
        plan = "" if self.account is None else self.account.plan
        asked = question.to_dict()
        # A checkpoint names the weights of all classes; they change no row's side, nor its clip.
        del asked["class_weight"]
        known = json.dumps([run, plan, name_word, asked], sort_keys=True)
        return hashlib.sha256(known.encode()).hexdigest()

    @property
    def rows_of_a_unit(self) -> float:
        """How many rows of the plan's result one row of a table can change."""
        return 1.0 if self.account is None else self.account.rows_of_a_unit

    def too_few(self, rows: int, training: int) -> str | None:
        """Say why a party with so many rows takes no part; with no number of its own."""
        if training >= max(1, self.min_rows):
            return None
        if self.min_rows <= 1:
            return "no training rows" if rows else "no rows"
        return self.too_few_told

    @property
    def too_few_told(self) -> str:
        """The reason for which a party with few rows takes no part."""
        return f"fewer training rows than its min_rows={self.min_rows:,}"

    def check_matrix(self, rows: int, columns: int) -> None:
        """Raise PolicyViolation where features would make a larger matrix than it allows."""
        if rows * columns > self.policy.max_matrix:
            raise PolicyViolation(
                f"its rows have {columns:,} columns of features, and are more than its "
                f"max_matrix={self.policy.max_matrix:,} numbers",
                hint="fewer categories: wf.features(min_count=…), or group rare ones in the plan",
            )

    def _unpaid(self, privacy: DifferentialPrivacy | None, key: str | None) -> Iterator[str]:
        if privacy is not None and self.account is not None:
            yield from self.account.refusals(privacy, key)
