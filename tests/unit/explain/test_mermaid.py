"""Explanations as Mermaid flowcharts."""

from __future__ import annotations

import re
from dataclasses import replace


def test_every_label_is_quoted_and_free_of_what_has_a_meaning_in_mermaid(explanation):
    chart = explanation.to_mermaid()
    labels = re.findall(r'"([^"]*)"', chart)
    assert chart.count('"') == 2 * len(labels)
    for label in labels:
        plain = re.sub(r"#(?:\d+|quot|lt|gt|amp);|<br/>", "", label)
        assert not re.search(r"[#\"<>&`\[\]{}()|]", plain), label


def test_rows_flow_from_the_sources_through_the_fragments_to_the_result(explanation):
    chart = explanation.to_mermaid()
    assert chart.splitlines()[0] == "flowchart BT"
    assert chart.count("subgraph") == chart.count("  end") == 2
    assert "arrow.stream → arrow.table<br/>#126;4.8 kB" in chart
    assert chart.count("==> result") == 1


def test_a_chart_says_what_the_next_best_would_have_been_and_what_moved(explanation, executed):
    assert "the Join on spark costs more, 800x in all" in explanation.to_mermaid()
    chart = executed.to_mermaid()
    assert "f1 on sqlite: 10 rows, 4 ms" in chart
    assert "arrow.stream → arrow.table<br/>160 B" in chart


def test_a_plan_without_fragments_is_a_chart_of_its_operators(explanation):
    chart = replace(explanation, stage="logical", fragments=()).to_mermaid()
    assert "subgraph" not in chart
    assert chart.count("-->") == 2
