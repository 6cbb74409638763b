"""What a party has answered since a question was bound: no more rounds than the question says."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from wayfed_optimizer.errors import PolicyViolation

if TYPE_CHECKING:
    from wayfed.federated.models.adapter import Weights


class Answered:
    """Counts the rounds in which a party trained, and those in which it measured.

    A message that comes again, as after a connection was lost, has the same answer, and is of no
    round more.

    Parameters
    ----------
    rounds
        How many there are.

    Examples
    --------
    >>> answered = Answered(1)
    >>> answered.note("train", {"w": np.zeros(2)}, 1)
    >>> answered.note("train", {"w": np.zeros(2)}, 1)
    >>> answered.note("train", {"w": np.ones(2)}, 1)
    Traceback (most recent call last):
    wayfed_optimizer.errors.PolicyViolation: all rounds=1 of its question have been answered...
    """

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._known: dict[str, set[bytes]] = {}

    def note(self, kind: str, weights: Weights, number: float, mu: float = 0.0) -> None:
        """Count an answer to weights, in a round and with a strategy's pull to them.

        Raises
        ------
        PolicyViolation
            So many others were answered already.
        """
        sha = hashlib.sha256(repr((number, mu)).encode())
        for name, value in sorted(weights.items()):
            sha.update(repr((name, value.dtype.str, value.shape)).encode())
            sha.update(np.ascontiguousarray(value).data)
        known = self._known.setdefault(kind, set())
        if sha.digest() not in known and len(known) >= self._rounds:
            raise PolicyViolation(
                f"all rounds={self._rounds} of its question have been answered",
                hint="query.bind begins another run",
            )
        known.add(sha.digest())
