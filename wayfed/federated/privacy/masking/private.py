"""The names of Flower that are private and on which secure aggregation stands, in one place.

Flower has SecAgg+ in its legacy workflow only. Its key agreement, secret sharing and encryption are
used, and its stages at a client; not its generator of masks, see `masks`.
"""

from __future__ import annotations

from flwr.client.mod.secure_aggregation.secaggplus_mod import (
    SecAggPlusState,
    _setup,
    _share_keys,
    _unmask,
)
from flwr.common.secure_aggregation.crypto.shamir import combine_shares
from flwr.common.secure_aggregation.crypto.symmetric_encryption import (
    decrypt,
    generate_shared_key,
)
from flwr.common.secure_aggregation.secaggplus_constants import Key
from flwr.common.secure_aggregation.secaggplus_utils import share_keys_plaintext_separate
from flwr.supercore.primitives.asymmetric import bytes_to_private_key, bytes_to_public_key

setup = _setup
share_keys = _share_keys
unmask = _unmask

__all__ = [
    "Key",
    "SecAggPlusState",
    "bytes_to_private_key",
    "bytes_to_public_key",
    "combine_shares",
    "decrypt",
    "generate_shared_key",
    "setup",
    "share_keys",
    "share_keys_plaintext_separate",
    "unmask",
]
