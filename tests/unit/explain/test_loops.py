"""What explanations say of loops, as text, data, HTML and Mermaid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import wayfed as wf
from wayfed.dataset import Dataset
from wayfed.explain import Explanation


@pytest.fixture(scope="module")
def looped() -> Iterator[Dataset]:
    with wf.context() as ctx:
        start, step = ctx.read({"n": [0]}), ctx.read({"step": [1, 2]}).filter("step > 1")
        yield start.iterate(
            lambda rows: rows.join(step, how="cross").select(n=wf.col("n") + wf.col("step")),
            until=lambda rows: rows.select(done=wf.col("n") >= 6),
            max_iterations=9,
        )


@pytest.fixture(scope="module")
def executed(looped: Dataset) -> Explanation:
    return looped.explain(analyze=True)


def lines(text: str) -> list[str]:
    return [" ".join(line.strip("│├└─ ").split()) for line in text.splitlines()]


def test_the_text_says_what_runs_again_and_what_is_kept(looped: Dataset):
    told = lines(str(looped.explain()))

    assert "loop iteration = f3 again and again, until f4 is true, at most 9 times" in told
    roles = [line.rpartition(", ")[2] for line in told if " → f" in line]
    assert roles == ["the first rows", "the next rows", "kept for all iterations", "whether to end"]


def test_an_executed_loop_says_how_many_iterations_there_were(executed: Explanation):
    loop = executed.to_dict()["fragments"][-1]["loop"]

    assert (loop["iterations"], loop["unfinished"]) == (3, 0)
    assert loop["line"].startswith("test_loops.py, line")
    assert any(line.endswith("3 iterations done") for line in lines(str(executed)))


def test_fragments_of_a_body_say_whose_rows_they_read_and_how_often_they_ran(
    executed: Explanation,
):
    told = {
        each["id"]: (each["inside"], each["variables"], each["actual"]["runs"])
        for each in executed.to_dict()["fragments"]
    }

    assert told == {
        "f1": (None, [], 1),
        "f2": (None, [], 1),
        "f3": ("iteration", ["iteration"], 3),
        "f4": ("iteration", ["iteration"], 3),
        "f5": (None, [], 1),
    }


def test_the_chart_draws_a_loop_around_its_body_and_back_to_it(executed: Explanation):
    chart = executed.to_mermaid()

    loop = chart[chart.index("subgraph f5_loop") : chart.index('result(["the result"])')]
    assert all(f"subgraph {name}_part" in loop for name in ("f3", "f4", "f5"))
    assert "subgraph f2_part" not in loop
    assert chart.count('-. "again" .->') == 2
    assert chart.count("subgraph") == chart.count("  end")


def test_the_page_says_the_same(executed: Explanation):
    page = executed.to_html()

    assert "again and again, until f4 is true" in page
    assert "kept for all iterations" in page


def test_a_loop_in_the_body_of_another_one_is_drawn_within_it():
    with wf.context() as ctx:
        rows = ctx.read({"n": [0]})
        nested = rows.iterate(
            lambda outer: outer.iterate(
                lambda inner: inner.select(n=wf.col("n") + 1), max_iterations=2
            ),
            max_iterations=3,
        )
        executed = nested.explain(analyze=True)

    inner, outer = [each for each in executed.fragments if each.loop is not None]
    assert inner.inside == outer.loop.variable
    assert (inner.actual.loop.iterations, inner.actual.loop.runs) == (6, 3)
    chart = executed.to_mermaid()
    assert chart.index(f"subgraph {outer.id}_loop") < chart.index(f"subgraph {inner.id}_loop")
