"""One order and one digest for a party's rows, whatever engine read them and in which order."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from wayfed.arrays import Arrays

_NULL: Final = np.uint64(0x6E756C6C)
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_STEPS: Final = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_LAST_STEP: Final = np.uint64(31)
_MANTISSA: Final = np.uint64(11)


def hash_rows(arrays: Arrays, columns: Iterable[str] | None = None) -> NDArray[np.uint64]:
    """Hash each row to 128 bits (two rows of words), by the content of `columns` (all of them).

    Integers hash by value whatever their width, -0.0 as 0.0, NaNs alike, NULL as itself; the order
    of the columns does not matter.
    """
    names = list(arrays if columns is None else columns)
    hashes = np.zeros((2, arrays.rows), dtype=np.uint64)
    for name in names:
        bits = _bits(arrays[name])
        for lane, seed in enumerate(_seeds(name)):
            hashes[lane] += _mix(bits ^ seed)
    return np.stack([_mix(hashes[0]), _mix(hashes[1])])


def canonical_order(hashes: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Give the positions of the rows in the order of their hashes; equal rows stay together."""
    return np.lexsort((hashes[1], hashes[0]))


def digest(
    arrays: Arrays, hashes: NDArray[np.uint64], order: NDArray[np.intp], secret: bytes = b""
) -> str:
    """Give SHA-256 over the names, the types and the rows in canonical order.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from wayfed.arrays import Arrays
    >>> def digest_of(values):
    ...     arrays = Arrays.from_table(pa.table({"x": values}))
    ...     hashes = hash_rows(arrays)
    ...     return digest(arrays, hashes, canonical_order(hashes))
    >>> digest_of([1, 2, 3]) == digest_of([3, 1, 2])
    True
    >>> digest_of([1, 2, 3]) == digest_of([1, 2, 2])
    False
    """
    sha = hmac.new(secret, digestmod="sha256") if secret else hashlib.sha256()
    for field in sorted(f"{field.name}\x1f{field.type}\x1e" for field in arrays.schema):
        sha.update(field.encode())
    sha.update(np.ascontiguousarray(hashes[:, order]).tobytes())
    return sha.hexdigest()


def occurrences(hashes: NDArray[np.uint64], order: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Say of each row how many rows equal to it come before it in canonical order."""
    ordered = hashes[:, order]
    positions = np.arange(len(order))
    starts_run = np.ones(len(order), dtype=np.bool_)
    starts_run[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
    run_start = np.maximum.accumulate(np.where(starts_run, positions, 0))
    numbers = np.empty(len(order), dtype=np.uint64)
    numbers[order] = (positions - run_start).astype(np.uint64)
    return numbers


def uniform(hashes: NDArray[np.uint64], numbers: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Turn hashes into numbers that are uniform in [0, 1), others for each number."""
    mixed = _mix(hashes + (numbers + np.uint64(1)) * _GOLDEN)
    return (mixed >> _MANTISSA).astype(np.float64) * 2.0**-53


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread each bit over all others: the finalizer of SplitMix64 (Steele et al., OOPSLA 2014)."""
    mixed = words + _GOLDEN
    for shift, factor in _STEPS:
        mixed ^= mixed >> shift
        mixed *= factor
    mixed ^= mixed >> _LAST_STEP
    return mixed


def _seeds(name: str) -> NDArray[np.uint64]:
    return np.frombuffer(hashlib.blake2b(name.encode(), digest_size=16).digest(), dtype="<u8")


def _bits(column: NDArray[Any]) -> NDArray[np.uint64]:
    data = np.ma.getdata(column)
    match data.dtype.kind:
        case "b" | "i" | "u":
            bits = data.astype(np.int64).view(np.uint64)
        case "M":
            bits = data.view(np.int64).view(np.uint64)
        case "f":
            numbers = data.astype(np.float64) + 0.0  # -0.0 + 0.0 is 0.0
            numbers[np.isnan(numbers)] = np.nan
            bits = numbers.view(np.uint64)
        case _:
            bits = _object_bits(data)
    missing = np.ma.getmaskarray(column)
    return np.where(missing, _NULL, bits) if missing.any() else bits


def _object_bits(data: NDArray[Any]) -> NDArray[np.uint64]:
    """Hash Python values by type and content; each distinct text is hashed once."""
    known: dict[object, int] = {}
    bits = np.empty(len(data), dtype=np.uint64)
    for position, value in enumerate(data):
        if not isinstance(value, str | bytes):
            bits[position] = _hash_object(value)
            continue
        word = known.get(value)
        if word is None:
            word = known[value] = _hash_object(value)
        bits[position] = word
    return bits


def _hash_object(value: object) -> int:
    # repr of str, bytes, Decimal, and of lists and dicts of them, is the same everywhere.
    text = f"{type(value).__name__}:{value!r}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
