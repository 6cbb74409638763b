"""Every case of the suite on every platform that comes with wayfed."""

from __future__ import annotations

from wayfed.testing.suite import (
    test_a_function_means_what_is_written,
    test_a_plan_has_the_rows_that_are_written,
    test_a_window_means_what_is_written,
    test_an_aggregate_means_what_is_written,
    test_nan_is_refused_where_it_cannot_be_held,
    test_what_has_no_answer_is_an_error,
    test_what_is_refused_has_a_reason,
)

__all__ = [
    "test_a_function_means_what_is_written",
    "test_a_plan_has_the_rows_that_are_written",
    "test_a_window_means_what_is_written",
    "test_an_aggregate_means_what_is_written",
    "test_nan_is_refused_where_it_cannot_be_held",
    "test_what_has_no_answer_is_an_error",
    "test_what_is_refused_has_a_reason",
]
