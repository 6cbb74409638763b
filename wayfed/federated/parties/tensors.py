"""A party's arrays as tensors of a framework, for Flower clients of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wayfed_optimizer.errors import InvalidOption, Unsupported, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import DTypeLike, NDArray

    from wayfed.arrays import Arrays


def _jax() -> Callable[[NDArray[Any]], Any]:
    from wayfed.federated.models.of_jax import import_jax

    asarray: Callable[[NDArray[Any]], Any] = import_jax().numpy.asarray
    return asarray


def _keras() -> Callable[[NDArray[Any]], Any]:
    from wayfed.federated.models.of_keras import import_keras

    convert: Callable[[NDArray[Any]], Any] = import_keras().ops.convert_to_tensor
    return convert


def _torch() -> Callable[[NDArray[Any]], Any]:
    from wayfed.federated.models.of_torch import import_torch

    from_numpy: Callable[[NDArray[Any]], Any] = import_torch().from_numpy
    return from_numpy


_CONVERTERS: Final[Mapping[str, Callable[[], Callable[[NDArray[Any]], Any]]]] = {
    "jax": _jax,
    "keras": _keras,
    "torch": _torch,
}
ENGINES: Final = ("numpy", *_CONVERTERS)


def check_engine(engine: str) -> None:
    """Raise unless arrays can be handed over as tensors of `engine`.

    Raises
    ------
    InvalidOption
        There is no such engine.
    Unsupported
        It is not installed.
    """
    if engine not in ENGINES:
        raise InvalidOption(
            f"flowerEngine={engine!r} is not known",
            available=ENGINES,
            hint=suggestion(engine, ENGINES),
        )
    if engine != "numpy":
        try:
            _CONVERTERS[engine]()
        except Unsupported as error:
            raise Unsupported(
                f"flowerEngine={engine!r}", reason=error.reason, hint=error.hint
            ) from error


@dataclass(frozen=True, slots=True)
class Tensors(Mapping[str, Any]):
    """Named columns of one party: numbers as tensors, made when asked for; all else as in `Arrays`.

    Parameters
    ----------
    arrays
        The party's arrays.
    engine
        Whose tensors.
    """

    arrays: Arrays
    engine: str

    def __getitem__(self, name: str) -> Any:
        """Give a column.

        Raises
        ------
        ColumnNotFound
            There is none of that name.
        TypeMismatch
            A column of numbers holds a NULL.
        """
        column = self.arrays[name]
        if column.dtype.kind not in "biuf":
            return column
        return self._tensor(self.arrays.matrix([name], dtype=column.dtype).ravel())

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.arrays.rows

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema that the columns came from."""
        return self.arrays.schema

    def matrix(self, columns: Iterable[str] | None = None, dtype: DTypeLike = np.float32) -> Any:
        """Give `columns` side by side, as `wayfed.arrays.Arrays.matrix` does: rows x columns."""
        return self._tensor(self.arrays.matrix(columns, dtype))

    def _tensor(self, values: NDArray[Any]) -> Any:
        return _CONVERTERS[self.engine]()(values)
