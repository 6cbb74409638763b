"""Three loops that people write first: k-means, logistic regression, PageRank, as plans."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import wayfed as wf
from wayfed.dataset import Dataset


def k_means(
    points: Dataset,
    centres: Dataset,
    *,
    tolerance: float | None = 1e-9,
    max_iterations: int = 100,
) -> Dataset:
    """Lloyd's algorithm: `points` have id, x and y; `centres` cluster, x and y.

    It ends when no centre moves by more than `tolerance`; with None, after `max_iterations`.

    Each point goes to the nearest centre, of equally near ones to the first; each centre to the
    mean of its points, and one without points stays where it is. Sums of floats depend on the
    order of the rows, so that even centres that stay move by a rounding error.
    """

    def step(current: Dataset) -> Dataset:
        near = points.join(current.rename({"x": "cx", "y": "cy"}), how="cross").with_columns(
            distance=lambda t: (t.x - t.cx) ** 2 + (t.y - t.cy) ** 2
        )
        first = wf.row_number().over(partition_by="id", order_by=["distance", "cluster"])
        means = (
            near.with_columns(place=first)
            .filter(lambda t: t.place == 1)
            .group_by("cluster")
            .agg(mean_x=wf.mean("x"), mean_y=wf.mean("y"))
        )
        moved = current.join(means, on="cluster", how="left").with_columns(
            mean_x=lambda t: wf.coalesce(t.mean_x, t.x), mean_y=lambda t: wf.coalesce(t.mean_y, t.y)
        )
        return moved.select(
            "cluster",
            x=wf.col("mean_x"),
            y=wf.col("mean_y"),
            moved=(wf.col("mean_x") - wf.col("x")).abs() + (wf.col("mean_y") - wf.col("y")).abs(),
        )

    def settled(current: Dataset) -> Dataset:
        farthest = current.group_by().agg(moved=wf.max("moved"))
        return farthest.select(done=wf.col("moved") < wf.lit(tolerance))

    return centres.with_columns(moved=wf.lit(None).cast("float64")).iterate(
        step, until=None if tolerance is None else settled, max_iterations=max_iterations
    )


def logistic_regression(
    rows: Dataset,
    features: Sequence[str],
    *,
    label: str,
    rate: float,
    tolerance: float = 1e-10,
    max_iterations: int = 5000,
) -> Dataset:
    """Gradient descent over all rows at once; the weights are one row, the last one the intercept.

    A step goes `rate` times down the gradient of the mean log loss.
    """
    names = (*features, "intercept")
    data = rows.with_columns(intercept=1.0)

    def weight(name: str) -> str:
        return f"w_{name}"

    def step(current: Dataset) -> Dataset:
        score = reduce(add, (wf.col(name) * wf.col(weight(name)) for name in names))
        error = 1 / (1 + wf.exp(-score)) - wf.col(label)
        gradient = (
            data.join(current, how="cross")
            .with_columns(error=error)
            .group_by()
            .agg(**{f"g_{name}": wf.mean(wf.col("error") * wf.col(name)) for name in names})
        )
        largest = wf.greatest(*(wf.col(f"g_{name}").abs() for name in names))
        return current.join(gradient, how="cross").select(
            **{weight(name): wf.col(weight(name)) - rate * wf.col(f"g_{name}") for name in names},
            slope=largest,
        )

    zero = {weight(name): [0.0] for name in names}
    return rows.context.read({**zero, "slope": [1.0]}).iterate(
        step,
        until=lambda current: current.select(done=wf.col("slope") < tolerance),
        max_iterations=max_iterations,
    )


def page_rank(
    edges: Dataset,
    *,
    damping: float = 0.85,
    tolerance: float | None = 1e-12,
    max_iterations: int = 200,
) -> Dataset:
    """PageRank of the nodes of `edges`, which have source and target, by power iteration.

    It ends when the ranks change by less than `tolerance` in all; with None, after
    `max_iterations`.

    The rank of nodes without edges out is spread over all nodes, as networkx does.
    """
    nodes = edges.select(node="source").union(edges.select(node="target")).distinct()
    size = nodes.group_by().agg(size=wf.count())
    degrees = edges.group_by("source").agg(degree=wf.count())
    links = edges.join(degrees, on="source")

    def step(ranks: Dataset) -> Dataset:
        received = (
            links.join(ranks, left_on="source", right_on="node")
            .group_by("target")
            .agg(received=wf.sum(wf.col("rank") / wf.col("degree")))
        )
        dangling = (
            ranks.join(degrees, left_on="node", right_on="source", how="anti")
            .group_by()
            .agg(dangling=wf.coalesce(wf.sum("rank"), 0.0))
        )
        return (
            ranks.join(received, left_on="node", right_on="target", how="left")
            .join(dangling, how="cross")
            .join(size, how="cross")
            .with_columns(
                following=lambda t: (
                    damping * (wf.coalesce(t.received, 0.0) + t.dangling / t.size)
                    + (1 - damping) / t.size
                )
            )
            .select("node", rank=wf.col("following"), change=wf.col("following") - wf.col("rank"))
        )

    start = nodes.join(size, how="cross").select(
        "node", rank=1 / wf.col("size"), change=wf.lit(1.0)
    )

    def settled(ranks: Dataset) -> Dataset:
        change = ranks.group_by().agg(change=wf.sum(wf.col("change").abs()))
        return change.select(done=wf.col("change") < wf.lit(tolerance))

    return start.iterate(
        step, until=None if tolerance is None else settled, max_iterations=max_iterations
    )
