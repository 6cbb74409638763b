"""Every case of the suite on every platform that comes with wayfed."""

from __future__ import annotations

from wayfed.testing.suite import (
    test_a_compressed_file_holds_what_was_compressed,
    test_a_function_means_what_is_written,
    test_a_plan_has_the_rows_that_are_written,
    test_a_window_means_what_is_written,
    test_an_aggregate_means_what_is_written,
    test_every_claim_is_tried,
    test_every_reason_is_tried,
    test_nan_is_refused_where_it_cannot_be_held,
    test_plans_that_run_at_the_same_time_do_not_disturb_each_other,
    test_what_has_no_answer_is_an_error,
    test_what_is_refused_has_a_reason,
)

__all__ = [
    "test_a_compressed_file_holds_what_was_compressed",
    "test_a_function_means_what_is_written",
    "test_a_plan_has_the_rows_that_are_written",
    "test_a_window_means_what_is_written",
    "test_an_aggregate_means_what_is_written",
    "test_every_claim_is_tried",
    "test_every_reason_is_tried",
    "test_nan_is_refused_where_it_cannot_be_held",
    "test_plans_that_run_at_the_same_time_do_not_disturb_each_other",
    "test_what_has_no_answer_is_an_error",
    "test_what_is_refused_has_a_reason",
]
