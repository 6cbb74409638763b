"""Numbers that can be summed under masks: fixed point in a ring of 64 bits, and the masks.

Flower's own generator of masks folds a seed of 256 bits to 32, with which it seeds a Mersenne
Twister: whoever sums could try all seeds. Here a mask is the key stream of ChaCha20, as Bonawitz et
al. have it (Practical Secure Aggregation, CCS 2017, section 3: a secure pseudorandom generator).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wayfed_optimizer.errors import PartyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FRACTION_BITS: Final = 24
LARGEST_SUM: Final = 2.0 ** (63 - FRACTION_BITS)
_STEP: Final = 2.0**FRACTION_BITS


def encode(values: Mapping[str, NDArray[Any]], weight: float, parties: int) -> NDArray[np.uint64]:
    """Write weighted values as one vector of whole numbers, of which so many can be summed.

    The error of a number is at most 2**-25, and so is that of a mean whose weights are 1 and more.

    Raises
    ------
    PartyError
        A value is no number, or too large to be summed.

    Examples
    --------
    >>> one = encode({"w": np.array([0.5, -2.0])}, weight=3.0, parties=2)
    >>> other = encode({"w": np.array([1.5, 0.0])}, weight=1.0, parties=2)
    >>> decode(one + other, {"w": np.zeros(2)}, weight=4.0)
    {'w': array([ 0.75, -1.5 ])}
    """
    flat = np.concatenate([np.ravel(value).astype(np.float64) for value in values.values()])
    flat *= weight
    if not np.isfinite(flat).all() or not np.isfinite(weight):
        raise PartyError("its update holds NaN or infinity")
    if np.abs(flat, out=None).max(initial=0.0) * parties >= LARGEST_SUM:
        raise PartyError(
            f"its update, times its weight {weight:g}, is too large to be summed in secret",
            hint="standardize the features, or lower learning_rate",
        )
    written: NDArray[np.uint64] = np.rint(flat * _STEP).astype(np.int64).view(np.uint64)
    return written


def decode(
    total: NDArray[np.uint64], like: Mapping[str, NDArray[Any]], weight: float
) -> dict[str, NDArray[Any]]:
    """Read the mean out of a sum of weighted values, in arrays `like` those that were written."""
    flat = total.view(np.int64) / (_STEP * weight)
    found = {}
    start = 0
    for name, value in like.items():
        found[name] = flat[start : start + value.size].reshape(value.shape).astype(value.dtype)
        start += value.size
    return found


def mask(secret: bytes, size: int) -> NDArray[np.uint64]:
    """Make the mask of a secret: numbers that nobody tells from chance who lacks the secret."""
    key = HKDF(hashes.SHA256(), 32, salt=None, info=b"wayfed mask").derive(secret)
    stream = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor()
    return np.frombuffer(stream.update(bytes(8 * size)), dtype="<u8")


def signed(first: int, second: int, mask_of_both: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return what `first` adds for a mask that it has in common with `second`.

    In a sum, what `second` adds takes it away again.
    """
    return mask_of_both if first > second else np.negative(mask_of_both)
