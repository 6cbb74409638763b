"""Explanations as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wayfed.explain.text import sql_lines


def test_the_text_says_where_each_part_runs_what_is_asked_what_moves_and_why(explanation):
    text = str(explanation)
    assert text.startswith("physical plan on duckdb and sqlite, 2 fragments\n")
    assert "f2 on duckdb → the result" in text
    assert "asked      SELECT * FROM f1 JOIN customers ON customer = id" in text
    assert "└─ f1 on sqlite → arrow.stream → arrow.table → f2: ~4.8 kB" in text
    assert "the plan takes 4 ms; next best, with the Join on spark, 3.2 s (800x): 3 s to" in text
    assert "~300 rows (100 to 900, 72 % sure; database statistics) · 4.8 kB" in text
    assert "· 9.6 kB, holding 4 MB" in text
    assert "customers: lake/customers.parquet (files.parquet), 200 rows (file footer)" in text


def test_the_text_says_on_what_the_choice_rests(explanation):
    text = str(explanation)
    assert "4 ms of work (cpu 3 ms, network 1 ms), perhaps 3 ms with fragments side by" in text
    assert "of duckdb as measured here, of sqlite as shipped, not measured here" in text
    assert "planned    3 ms (rewrite 1 ms, place 2 ms)" in text
    assert "rewritten  in 1 step: push_filter_below_join" in text
    assert "assumed\n  * nothing is known of the values of <amount> in orders" in text


def test_an_executed_plan_says_what_was_counted_and_how_far_the_estimate_was_off(executed):
    text = str(executed)
    assert "actual     20 ms; 160 B between platforms" in text
    assert "10 rows (estimated 30x too many) · 160 B · 4 ms (20 % of the run, 2 ms of work" in text
    assert "→ f2: 160 B" in text
    assert "on the way\n  * f1 on sqlite gave 10 rows where ~300 rows were expected" in text


def test_all_that_was_considered_is_shown_when_asked(explanation):
    text = str(replace(explanation, with_alternatives=True))
    assert "up to here duckdb    4 ms  cpu 3 ms, network 1 ms; moves 4.8 kB" in text
    assert "spark    3.2 s  start-up 3 s, cpu 200 ms; moves 4.8 kB" in text
    assert "sqlite  cannot  Join: no files there" in text
    assert "rejected\n  cannot  all that can be on sqlite: Join: <no> files there" in text


def test_where_there_is_no_choice_the_text_says_why(explanation):
    below, result = explanation.fragments
    alone = replace(below, alternatives=())
    asked = replace(below, forced=True)
    for fragment, why in (
        (below, "nobody else can: duckdb: its input cannot be had there"),
        (alone, "there is no other platform"),
        (asked, ".on('sqlite') was asked for"),
        (
            replace(result, id="f1", rival=None, sought=False),
            "4 ms up to here; 3.2 s with its end on spark: costs more",
        ),
    ):
        assert why in str(replace(explanation, fragments=(fragment, result)))


@pytest.mark.parametrize("width", [60, 100])
def test_no_line_is_wider_than_asked(explanation, width):
    assert max(map(len, explanation.to_text(width).splitlines())) <= width


def test_a_fragment_that_is_read_twice_is_written_once(explanation):
    below, result = explanation.fragments
    twice = replace(result, exchanges=result.exchanges * 2)
    text = str(replace(explanation, fragments=(below, twice)))
    assert text.count("f1 on sqlite") == 2
    assert text.count("FROM orders") == 1
    assert "4.8 kB, written above" in text


def test_long_sql_is_folded_outside_of_quotes_only():
    line = "SELECT a FROM t WHERE a = 'one  two three four five' AND b = \"x y\""
    assert sql_lines(line, 30) == [
        "SELECT a FROM t WHERE a =",
        "    'one  two three four five'",
        '    AND b = "x y"',
    ]
