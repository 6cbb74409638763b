"""The programs: each makes a plan of tables known by name, wherever those lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import wayfed as wf
from tests.acceptance.loop_programs import k_means, page_rank
from tests.tpch.database import QUERIES
from wayfed.dataset import Dataset
from wayfed.local import Context

ITERATIONS: Final = 3
"""How often the loops go round: each time is a job of its own wherever it runs."""
BATCHES: Final = 4
"""Parts of the samples, each of which SGD takes one step by."""
RATE: Final = 0.5
"""How far down the gradient such a step goes."""
PATTERN: Final = "e[aeiou]+[^aeiou ]* "
"""What Grep looks for."""


def word_count(context: Context) -> Dataset:
    """Count each word in lines of words with one space between."""
    words = (
        context.read("lines")
        .join(context.read("places"), how="cross")
        .select(word=wf.col("line").split_part(" ", wf.col("place")))
        .filter(lambda t: t.word != "")
    )
    return words.group_by("word").agg(times=wf.count())


def terasort(context: Context) -> Dataset:
    """Put records in the order of their keys."""
    return context.read("records").sort("key", "record")


def grep(context: Context) -> Dataset:
    """Find the lines that a regular expression matches."""
    return context.read("lines").filter(lambda t: t.line.regexp_matches(PATTERN)).sort("number")


def clusters(context: Context) -> Dataset:
    """Move centres to the middle of the points around them (k-means)."""
    points, centres = context.read("points"), context.read("centres")
    found = k_means(points, centres, tolerance=None, max_iterations=ITERATIONS)
    return found.select("cluster", "x", "y")


def sgd(context: Context) -> Dataset:
    """Fit a logistic regression, by one step of gradient descent a batch of samples."""
    samples = context.read("samples")

    def step(weights: Dataset) -> Dataset:
        score = wf.col("a") * wf.col("w_a") + wf.col("b") * wf.col("w_b") + wf.col("bias")
        gradient = (
            samples.join(weights, left_on="batch", right_on="step")
            .with_columns(error=1 / (1 + wf.exp(-score)) - wf.col("label"))
            .group_by()
            .agg(
                g_a=wf.mean(wf.col("error") * wf.col("a")),
                g_b=wf.mean(wf.col("error") * wf.col("b")),
                g_bias=wf.mean("error"),
            )
        )
        return weights.join(gradient, how="cross").select(
            step=wf.col("step") + 1,
            w_a=wf.col("w_a") - RATE * wf.col("g_a"),
            w_b=wf.col("w_b") - RATE * wf.col("g_b"),
            bias=wf.col("bias") - RATE * wf.col("g_bias"),
        )

    start = context.read({"step": [0], "w_a": [0.0], "w_b": [0.0], "bias": [0.0]})
    return start.iterate(step, max_iterations=BATCHES)


def ranks(context: Context) -> Dataset:
    """Rank the nodes of a graph by the edges that lead to them (PageRank)."""
    found = page_rank(context.read("edges"), tolerance=None, max_iterations=ITERATIONS)
    return found.select("node", "rank")


def query_1(context: Context) -> Dataset:
    """Ask for the pricing summary report."""
    return _asked(context, 1)


def query_3(context: Context) -> Dataset:
    """Ask for the orders not shipped yet that bring most."""
    return _asked(context, 3)


def _asked(context: Context, number: int) -> Dataset:
    found = context.sql(QUERIES[number])
    assert isinstance(found, Dataset)
    return found


PROGRAMS: Final[dict[str, Callable[[Context], Dataset]]] = {
    "wordcount": word_count,
    "terasort": terasort,
    "grep": grep,
    "k-means": clusters,
    "sgd": sgd,
    "pagerank": ranks,
    "tpch 1": query_1,
    "tpch 3": query_3,
}
