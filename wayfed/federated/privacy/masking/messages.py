"""What travels in secure aggregation: four questions, and records of keys and shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flwr.app import ConfigRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEYS: Final = "query.masking_keys"
SHARES: Final = "query.masking_shares"
MASKED: Final = "query.masked_update"
REVEAL: Final = "query.unmasking"
STAGES: Final = (KEYS, SHARES, MASKED, REVEAL)
RECORD: Final = "masking"
"""The record beside those of training in which a question tells of masks."""
SUM: Final = "masked"
"""The one array of a masked update."""
_NODES: Final = "nodes"
_BYTES: Final = "bytes"
_ROUND: Final = "server-round"


def told_by(number: int, **values: Any) -> ConfigRecord:
    """Put the numbers of a round into a record."""
    return ConfigRecord({_ROUND: number, **values})


def by_node(number: int, values: Mapping[int, Sequence[bytes]]) -> ConfigRecord:
    """Put bytes, equally many a party, into a record."""
    flat = [each for several in values.values() for each in several]
    return ConfigRecord({_ROUND: number, _NODES: list(values), _BYTES: flat})


def read_by_node(record: Mapping[str, Any], each: int = 1) -> dict[int, list[bytes]]:
    """Read what `by_node` wrote; raises ValueError where it is something else."""
    nodes, flat = list(record[_NODES]), list(record[_BYTES])
    if len(flat) != each * len(nodes) or len(set(nodes)) != len(nodes):
        raise ValueError("keys and parties do not match")
    return {
        int(node): [bytes(one) for one in flat[each * place : each * (place + 1)]]
        for place, node in enumerate(nodes)
    }
