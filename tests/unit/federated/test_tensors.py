"""What a Flower client of one's own is handed: numpy arrays, or tensors of a framework."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pytest

from wayfed.arrays import Arrays
from wayfed.federated.parties.tensors import Tensors, check_engine
from wayfed.federated.run import run_flower
from wayfed_optimizer.errors import InvalidOption, TypeMismatch, Unsupported

ROWS = pa.table({"bank": ["a", "a", "b"], "x": [1.0, 2.0, 6.0], "n": [1, None, 3]})


class Mean:
    """The mean of x, computed by JAX."""

    def __init__(self, arrays: Tensors) -> None:
        jax = pytest.importorskip("jax")
        self.x = arrays["x"]
        assert isinstance(self.x, jax.Array)
        assert arrays.matrix(["x"]).shape == (arrays.rows, 1)

    def get_parameters(self, config: object) -> list[np.ndarray]:
        return [np.zeros(1)]

    def fit(self, parameters: object, config: object) -> tuple[list[np.ndarray], int, dict]:
        return [np.array([self.x.mean()], dtype=np.float64)], len(self.x), {}

    def evaluate(self, parameters: object, config: object) -> tuple[float, int, dict]:
        return 0.0, len(self.x), {}


@pytest.mark.slow
def test_a_client_gets_tensors_of_the_engine_it_asks_for() -> None:
    pytest.importorskip("jax")

    run = run_flower(
        Arrays.from_table(ROWS).partition_by("bank"),
        server={"num_rounds": 1},
        client=Mean,
        flower_engine="jax",
    )

    assert run.arrays["0"].tolist() == [3.0]


@pytest.mark.slow
def test_text_stays_as_it_is_and_null_is_no_tensor() -> None:
    pytest.importorskip("jax")
    tensors = Tensors(Arrays.from_table(ROWS), "jax")

    assert list(tensors) == ["bank", "x", "n"]
    assert tensors["bank"].tolist() == ["a", "a", "b"]
    with pytest.raises(TypeMismatch, match="'n' holds 1 NULLs"):
        tensors["n"]


def test_an_engine_that_is_unknown_or_not_installed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(Unsupported, match=r"flowerEngine='torch'.*PyTorch is not installed"):
        check_engine("torch")
    with pytest.raises(InvalidOption, match="did you mean 'torch'"):
        check_engine("troch")
