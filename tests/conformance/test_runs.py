"""Runs that are stopped, and many at a time, on every platform that comes with wayfed."""

from __future__ import annotations

from wayfed.testing.runs import (
    test_a_loop_that_is_stopped_ends_within_its_iteration_and_leaves_the_platform_usable,
    test_threads_that_share_a_context_get_their_own_answers,
)

__all__ = [
    "test_a_loop_that_is_stopped_ends_within_its_iteration_and_leaves_the_platform_usable",
    "test_threads_that_share_a_context_get_their_own_answers",
]
