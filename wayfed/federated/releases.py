"""What leaves a party, by kind: each reply, taken apart into its records at the grid's seam."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from flwr.app import Message


class ReleaseKind(StrEnum):
    """The kinds of things that may leave a party."""

    BINDING = "binding"
    """Whether the plan fits: numbers of rows, a digest of the arrays, and what does not fit."""
    LABELS = "labels"
    """The classes of the label with their counts, or the moments of a numeric label."""
    COUNT = "count"
    """How many rows a plan gives and have a value in each column, and what rules keep back."""
    STATISTICS = "statistics"
    """Counts, means and variances of numeric columns."""
    QUANTILES = "quantiles"
    """How many values of a column lie in ranges of growing width; of them quantiles are made."""
    HISTOGRAM = "histogram"
    """How many values of a column lie in ranges that were asked for."""
    VOCABULARY = "vocabulary"
    """Categories of a column with their counts."""
    UPDATE = "update"
    """Weights of a model after training on the party's rows."""
    MASKED = "masked"
    """An update under masks, of which nothing can be read but the sum of all."""
    MASKING = "masking"
    """Public keys, and shares of the secrets that masks are made of."""
    TRAINING = "training"
    """Figures about a round's training: how much the update counts."""
    METRICS = "metrics"
    """Sums over held-out rows, of which measures are made."""
    EXPLANATION = "explanation"
    """How the party runs a plan: operators, kinds of platforms, estimates; no values, no places."""
    FAILURE = "failure"
    """Why the party could not answer."""
    OTHER = "other"
    """Records of a ClientApp of the user's own, whose meaning is unknown."""


_BY_NAME: Final = {kind.value: kind for kind in ReleaseKind}


@dataclass(frozen=True, slots=True)
class Release:
    """One thing that left a party.

    Parameters
    ----------
    party
        Whose it was.
    kind
        What it is.
    stage
        The type of the message it answers, such as ``train`` or ``query.bind``.
    content
        The values themselves.
    """

    party: str
    kind: ReleaseKind
    stage: str
    content: Mapping[str, Any]


Recorder: TypeAlias = Callable[[Release], None]


def releases_in(party: str, reply: Message) -> Iterator[Release]:
    """Give each record of a party's reply as a release."""
    from flwr.app import ArrayRecord

    stage = reply.metadata.message_type
    if reply.has_error():
        content = {"reason": reply.error.reason}
        yield Release(party, ReleaseKind.FAILURE, stage, content)
        return
    for name, record in reply.content.items():
        kind = _BY_NAME.get(name, ReleaseKind.OTHER)
        if isinstance(record, ArrayRecord):
            values = {key: array.numpy() for key, array in record.items()}
            yield Release(party, kind, stage, values)
        else:
            yield Release(party, kind, stage, dict(record))
