"""What our messages are inside Flower's: a session, a number and bytes, in records of some MB.

A SuperLink stores each record of a message as an object of its own, each of which costs requests;
so the arrays of a model travel together. Records that are alike are stored once for all parties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flwr.app import ConfigRecord, RecordDict

from wayfed.federated.grids.rpc.messages import MalformedMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

MESSAGE_TYPE: Final = "query.wayfed"
"""The type of all our messages as a SuperLink sees them."""
PART_BYTES: Final = 4 << 20
ASK: Final = "ask"
END: Final = "end"
ANSWER: Final = "answer"
_DATA: Final = "data"
_PLACE: Final = "part"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message of ours.

    Parameters
    ----------
    kind
        A question, its answer, or the end of a session.
    session, number
        Which message of which session it is.
    stage
        What is asked, such as ``train``.
    group
        Flower's name for messages that belong together.
    data
        The message's content, or a whole answer.
    """

    kind: str
    session: str
    number: int = 0
    stage: str = ""
    group: str = ""
    data: bytes = b""

    def records(self) -> RecordDict:
        """Put it into records, none of which is large."""
        head = {
            "kind": self.kind,
            "session": self.session,
            "number": self.number,
            "stage": self.stage,
            "group": self.group,
            "size": len(self.data),
        }
        parts = range(0, max(1, len(self.data)), PART_BYTES)
        return RecordDict(
            {
                f"{place:05}": ConfigRecord(
                    {**head, _PLACE: place, _DATA: self.data[start : start + PART_BYTES]}
                )
                for place, start in enumerate(parts)
            }
        )

    @classmethod
    def of(cls, records: Iterable[ConfigRecord]) -> Envelope:
        """Take it out of its records, in whatever order they are.

        Raises
        ------
        MalformedMessage
            These are no message of ours.
        """
        try:
            ordered = sorted(records, key=lambda record: int(record[_PLACE]))
            head = ordered[0]
            data = b"".join(record[_DATA] for record in ordered)
            if len(data) != head["size"]:
                raise MalformedMessage(f"{len(data):,} of {head['size']:,} bytes of a message")
            return cls(
                str(head["kind"]),
                str(head["session"]),
                int(head["number"]),
                str(head["stage"]),
                str(head["group"]),
                data,
            )
        except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
            raise MalformedMessage(f"records that are no message: {error}") from error
