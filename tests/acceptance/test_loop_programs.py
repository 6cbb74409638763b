"""k-means, logistic regression and PageRank as plans equal what the libraries people know give."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import networkx
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

import wayfed as wf
from tests.acceptance.loop_programs import k_means, logistic_regression, page_rank


@pytest.fixture
def ctx() -> Iterator[wf.Context]:
    with wf.context() as context:
        yield context


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_k_means_finds_the_centres_that_scikit_learn_finds(
    ctx: wf.Context, tmp_path: Path, seed: int
):
    random = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [4.0, 1.0], [1.0, 5.0]])
    xy = np.concatenate([random.normal(centre, 1.2, (300, 2)) for centre in centres])
    start = xy[[0, 1, 2]]  # all of one cloud, so that they have to move
    ctx.read({"id": np.arange(len(xy)), "x": xy[:, 0], "y": xy[:, 1]}).write(
        tmp_path / "points.parquet"
    )

    found = k_means(
        ctx.read(tmp_path / "points.parquet"),
        ctx.read({"cluster": [0, 1, 2], "x": start[:, 0], "y": start[:, 1]}),
    ).sort("cluster")

    expected = KMeans(3, init=start, n_init=1, tol=0, max_iter=100).fit(xy).cluster_centers_
    np.testing.assert_allclose(found.to_numpy().matrix(["x", "y"]), expected, rtol=0, atol=1e-6)


def test_a_centre_without_points_stays_where_it_is(ctx: wf.Context):
    points = ctx.read({"id": [1, 2], "x": [0.0, 1.0], "y": [0.0, 0.0]})
    centres = ctx.read({"cluster": [0, 1], "x": [0.0, 50.0], "y": [0.0, 50.0]})

    found = k_means(points, centres).sort("cluster").to_arrow()

    assert found["x"].to_pylist() == [0.5, 50.0]


def test_logistic_regression_finds_the_weights_that_scikit_learn_finds(
    ctx: wf.Context, tmp_path: Path
):
    random = np.random.default_rng(5)
    features = random.normal(size=(500, 2))
    chances = 1 / (1 + np.exp(-(features @ [1.5, -0.7] + 0.3)))
    labels = (random.random(500) < chances).astype(float)
    path = tmp_path / "rows.sqlite"
    with closing(sqlite3.connect(path)) as store, store:
        store.execute(
            "CREATE TABLE rows (a DOUBLE PRECISION, b DOUBLE PRECISION, y DOUBLE PRECISION)"
        )
        values = np.column_stack([features, labels]).tolist()
        store.executemany("INSERT INTO rows VALUES (?, ?, ?)", values)

    rows = ctx.read(f"sqlite:///{path}", table="rows")
    found = logistic_regression(rows, ["a", "b"], label="y", rate=4.0)

    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(features, labels)
    weights = found.to_numpy().matrix(["w_a", "w_b", "w_intercept"])[0]
    np.testing.assert_allclose(weights, [*model.coef_[0], *model.intercept_], rtol=0, atol=1e-6)


def test_page_rank_gives_the_ranks_that_networkx_gives(ctx: wf.Context, tmp_path: Path):
    graph = networkx.gnp_random_graph(60, 0.05, seed=3, directed=True)
    graph.remove_nodes_from(list(networkx.isolates(graph)))
    assert any(degree == 0 for _, degree in graph.out_degree)  # a rank that has to be spread
    sources, targets = map(list, zip(*graph.edges, strict=True))
    ctx.read({"source": sources, "target": targets}).write(tmp_path / "edges.parquet")

    found = page_rank(ctx.read(tmp_path / "edges.parquet")).to_arrow().to_pydict()

    expected = networkx.pagerank(graph, tol=1e-14, max_iter=500)
    ranks = dict(zip(found["node"], found["rank"], strict=True))
    assert ranks.keys() == expected.keys()
    assert ranks == pytest.approx(expected, rel=0, abs=1e-6)
    assert sum(ranks.values()) == pytest.approx(1)
