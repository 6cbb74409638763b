"""k-means over parties: each round is one iteration of Lloyd's over all rows together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wayfed.federated.models.spec import check_whole
from wayfed.federated.models.statistics import row_weights
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wayfed.federated.models.adapter import Examples, Matrix, Seed, Task, Weights

_CANDIDATES = 8


def k_means(
    task: Task, *, n_clusters: int = 8, init: str | tuple[float, ...] = "k-means++"
) -> KMeans:
    """Build k-means; `init` is where the centres begin, one after the other, or a text.

    No party tells a row, so that a text stands for the same: centres drawn about the mean of all
    rows, as far apart as k-means++ has them.
    """
    check_whole(n_clusters=n_clusters)
    if not isinstance(init, str) and len(init) != n_clusters * task.features:
        raise InvalidOption(
            f"init= has {len(init)} numbers for {n_clusters} centres of {task.features} features",
            hint="an array of n_clusters x features, in the order of features=",
        )
    centres = None if isinstance(init, str) else tuple(map(float, init))
    return KMeans(task.features, n_clusters, centres)


@dataclass(frozen=True, slots=True)
class KMeans:
    """Centres, and how many rows are nearest to each (Lloyd, Least squares quantization, 1982).

    Where no centres are given, the first round places them: parties tell sums and squares of their
    columns, and centres are drawn from a normal distribution of the same moments. A centre to
    which no row is nearest is put beside the one whose rows lie farthest from it.
    """

    features: int
    clusters: int
    centres: tuple[float, ...] | None

    def initial_weights(self, seed: int) -> Weights:
        """Give the centres to begin with; counts of -1 say that they are to be placed."""
        shape = (self.clusters, self.features)
        placed = self.centres is not None or self.clusters == 1
        centres = np.zeros(shape) if self.centres is None else np.reshape(self.centres, shape)
        return {
            "cluster_centers_": centres,
            "counts": np.full(self.clusters, 0.0 if placed else -1.0),
            "squares": np.zeros(self.clusters),
            "draw": np.array([float(seed)]),
        }

    def train(
        self, weights: Weights, examples: Examples, *, seed: Seed, proximal_mu: float = 0.0
    ) -> Weights:
        """Return for each centre its rows and their sums, and all squared distances."""
        counted, x, centres = row_weights(examples), examples.x, weights["cluster_centers_"]
        sums = np.zeros_like(centres)
        if weights["counts"][0] < 0:
            sums[0], sums[1] = counted @ x, counted @ np.square(x)
            counts = np.array([counted.sum(), *np.zeros(self.clusters - 1)])
            return _told(sums, counts, np.zeros(self.clusters))
        nearest = _nearest(centres, x)
        members = np.zeros((len(x), self.clusters))
        members[np.arange(len(x)), nearest] = counted
        squared = members.T @ np.square(x - centres[nearest]).sum(axis=1)
        return _told(members.T @ x, members.sum(axis=0), squared)

    def fitted(self, weights: Weights, sums: Weights) -> Weights:
        """Move each centre to the mean of its rows."""
        told, counts = sums["cluster_centers_"], sums["counts"]
        if weights["counts"][0] < 0:
            mean = told[0] / counts[0]
            deviation = np.sqrt(np.maximum(told[1] / counts[0] - np.square(mean), 0.0))
            spread = _spread(self.clusters, self.features, int(weights["draw"][0]))
            centres, counts = mean + deviation * spread, np.zeros(self.clusters)
        else:
            each = np.where(counts > 0, counts, 1.0)
            centres = told / each[:, np.newaxis]
            random = np.random.default_rng([int(weights["draw"][0]), 1])
            farthest = np.argsort(-sums["squares"], kind="stable")
            for empty, beside in zip(np.flatnonzero(counts == 0), farthest, strict=False):
                away = np.sqrt(sums["squares"][beside] / (each[beside] * self.features))
                centres[empty] = centres[beside] + away * random.normal(size=self.features)
        return {
            "cluster_centers_": centres,
            "counts": counts.copy(),
            "squares": sums["squares"].copy(),
            "draw": weights["draw"].copy(),
        }

    def predict(self, weights: Weights, x: Matrix) -> Matrix:
        """Give the number of each row's nearest centre."""
        return _nearest(weights["cluster_centers_"], x).astype(np.float64)

    def squared_distances(self, weights: Weights, x: Matrix) -> NDArray[np.float64]:
        """Give each row's squared distance from its nearest centre."""
        centres = weights["cluster_centers_"]
        squared: NDArray[np.float64] = np.square(x - centres[_nearest(centres, x)]).sum(axis=1)
        return squared


def _told(sums: Matrix, counts: NDArray[np.float64], squares: NDArray[np.float64]) -> Weights:
    return {"cluster_centers_": sums, "counts": counts, "squares": squares, "draw": np.zeros(1)}


def _nearest(centres: Matrix, x: Matrix) -> NDArray[np.intp]:
    distances: Matrix = np.square(centres).sum(axis=1) - 2.0 * (x @ centres.T)
    nearest: NDArray[np.intp] = distances.argmin(axis=1)
    return nearest


def _spread(clusters: int, features: int, seed: int) -> Matrix:
    """Choose among normal draws, each with a probability that grows with its distance squared.

    Arthur and Vassilvitskii, k-means++: the advantages of careful seeding, SODA 2007.
    """
    random = np.random.default_rng([seed, 0])
    drawn = random.normal(size=(_CANDIDATES * clusters, features))
    chosen = [int(random.integers(len(drawn)))]
    for _ in range(clusters - 1):
        near = np.square(drawn[:, np.newaxis] - drawn[chosen]).sum(axis=2).min(axis=1)
        chosen.append(int(random.choice(len(drawn), p=near / near.sum())))
    return drawn[chosen]
