"""A party's side of secure aggregation: its keys, the shares that it keeps, and its masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cryptography.fernet import InvalidToken
from flwr.app import ConfigRecord

from wayfed.federated.privacy.masking import private
from wayfed.federated.privacy.masking.masks import encode, mask, signed
from wayfed_optimizer.errors import PolicyViolation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

_FEWEST: Final = 3
MOST_SHARES: Final = 31
"""With how many parties each shares its secrets, itself included; odd, for a ring of them."""


class Masking:
    """One round of a party: four stages, each once and in this order.

    Everything that the masks are made of comes from the operating system's generator, lives for one
    round, and is written down nowhere.

    Parameters
    ----------
    node
        The party's number.
    """

    def __init__(self, node: int) -> None:
        self._state = private.SecAggPlusState()
        self._state.nid = node
        self._stage = 0
        self._parties = 0

    def keys(self, parties: int, shares: int, threshold: int) -> dict[str, bytes]:
        """Make keys for a round; gives the public ones.

        Raises
        ------
        PolicyViolation
            So few could then read an update.
        """
        self._next(1)
        enough = shares // 2 < threshold <= shares <= parties
        if not enough or not _FEWEST <= shares <= MOST_SHARES:
            raise PolicyViolation(
                f"{threshold} of {shares} parties could read an update: it takes more than half, "
                f"and {_FEWEST} to {MOST_SHARES} parties"
            )
        self._parties = parties
        told = {
            private.Key.SAMPLE_NUMBER: parties,
            private.Key.SHARE_NUMBER: shares,
            private.Key.THRESHOLD: threshold,
            private.Key.CLIPPING_RANGE: 0.0,
            private.Key.TARGET_RANGE: 0,
            private.Key.MOD_RANGE: 0,
            private.Key.MAX_WEIGHT: 0.0,
        }
        return dict(private.setup(self._state, ConfigRecord(told)))

    def shares(self, keys: Mapping[int, Sequence[bytes]]) -> dict[int, bytes]:
        """Share this party's secrets among those of these keys; gives each one's, encrypted."""
        self._next(2)
        if self._state.nid not in keys or len(keys) > self._state.share_num:
            raise PolicyViolation("the keys are of others than were agreed")
        told = private.share_keys(
            self._state, ConfigRecord({str(node): list(pair) for node, pair in keys.items()})
        )
        ciphertexts = told[private.Key.CIPHERTEXT_LIST]
        return dict(zip(told[private.Key.DESTINATION_LIST], ciphertexts, strict=True))

    def mask(
        self, update: Mapping[str, NDArray[Any]], weight: float, shares: Mapping[int, bytes]
    ) -> NDArray[np.uint64]:
        """Give the weighted update under masks that only the sum is without.

        Parameters
        ----------
        update, weight
            What is to be summed.
        shares
            Of those who take part, what they have encrypted for this party.
        """
        self._next(3)
        if len(shares) + 1 < self._state.threshold:
            raise PolicyViolation(f"only {len(shares) + 1} parties are left to hide among")
        for node, ciphertext in shares.items():
            self._keep(node, ciphertext)
        total = encode(update, weight, self._parties)
        total += mask(self._state.rd_seed, total.size)
        own = private.bytes_to_private_key(self._state.sk1)
        for node in shares:
            other = private.bytes_to_public_key(self._state.public_keys_dict[node][0])
            common = private.generate_shared_key(own, other)
            total += signed(self._state.nid, node, mask(common, total.size))
        return total

    def reveal(self, active: Sequence[int], lost: Sequence[int]) -> dict[int, bytes]:
        """Give this party's shares of the masks that the sum still has.

        Of each party either what hides its own update, or what others hid theirs with: who has
        both can read the update.
        """
        self._next(4)
        known = self._state.rd_seed_share_dict.keys()
        if (
            set(active) & set(lost)
            or not {*active, *lost} <= known
            or self._state.nid not in active
            or len(set(active)) < self._state.threshold
        ):
            raise PolicyViolation("these shares would uncover more than a sum")
        told = private.unmask(
            self._state,
            ConfigRecord(
                {
                    private.Key.ACTIVE_NODE_ID_LIST: list(active),
                    private.Key.DEAD_NODE_ID_LIST: list(lost),
                }
            ),
        )
        return dict(zip(told[private.Key.NODE_ID_LIST], told[private.Key.SHARE_LIST], strict=True))

    def _keep(self, node: int, ciphertext: bytes) -> None:
        if node not in self._state.ss2_dict:
            raise PolicyViolation("a share is of a party whose key was not told")
        try:
            opened = private.decrypt(self._state.ss2_dict[node], ciphertext)
        except InvalidToken as error:
            raise PolicyViolation("a share was altered on its way") from error
        source, destination, seed, key = private.share_keys_plaintext_separate(opened)
        if (source, destination) != (node, self._state.nid):
            raise PolicyViolation("a share is for another party, or of another")
        self._state.rd_seed_share_dict[node] = seed
        self._state.sk1_share_dict[node] = key

    def _next(self, stage: int) -> None:
        if self._stage != stage - 1:
            raise PolicyViolation("the stages of secure aggregation come once and in their order")
        self._stage = stage
