"""What errors say: what is wrong, where, what there was, and one hint; never a password."""

from __future__ import annotations

import pytest

from wayfed_optimizer import errors
from wayfed_optimizer.errors import (
    Cancelled,
    ColumnNotFound,
    ExecutionError,
    InvalidOption,
    PartyError,
    PlanError,
    Unsupported,
    WayfedError,
    mask_secrets,
    suggestion,
)


def test_an_error_names_the_line_of_the_program_that_caused_it() -> None:
    assert "test_errors.py, line" in str(PlanError("no"))


def test_an_error_says_what_there_was_and_what_was_meant() -> None:
    error = ColumnNotFound("ammount", ["amount", "fee"], of="tx", where="line 2")
    assert str(error).splitlines() == [
        "'ammount' is not a column of tx (line 2)",
        "  available: amount, fee",
        "  did you mean 'amount'?",
    ]


def test_a_long_list_of_what_there_was_is_cut() -> None:
    error = PlanError("no", available=[f"c{i}" for i in range(100)])
    assert "c29, … 70 more" in str(error)


def test_an_unknown_option_is_refused_with_a_guess() -> None:
    error = InvalidOption.unknown("delimeter", ["delimiter"], of="csv")
    assert "'delimeter' is not an option of csv" in str(error)
    assert "did you mean 'delimiter'?" in str(error)


def test_what_is_not_close_is_not_guessed() -> None:
    assert suggestion("zzz", ["amount"]) is None


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ada:s3cret@db/core",
        "postgresql+psycopg://:s3cret@db",
        "host=db password=s3cret user=ada",
        "Password: s3cret",
        "https://db/?token=s3cret&x=1",
    ],
)
def test_passwords_are_masked(text: str) -> None:
    assert "s3cret" not in mask_secrets(text)
    assert "s3cret" not in str(PlanError(text, hint=text))
    assert "s3cret" not in str(ExecutionError(text, sql=text))


def test_an_execution_error_says_who_failed_and_what_was_asked() -> None:
    error = ExecutionError("boom", platform="duckdb", fragment="f1", sql="SELECT 1")
    assert str(error).startswith("duckdb, f1: boom")
    assert "asked: SELECT 1" in str(error)
    assert (error.platform, error.fragment) == ("duckdb", "f1")


def test_what_is_not_supported_says_where_and_why() -> None:
    error = Unsupported("median", "sqlite", "SQLite has none", where="line 1")
    assert str(error) == "median is not supported on sqlite: SQLite has none (line 1)"


def test_a_party_is_named() -> None:
    assert str(PartyError("left", party="bank_a")).startswith("party 'bank_a': left")


def test_the_drawn_tree_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, WayfedError) and not name.startswith("_"):
            assert name in drawn, name
    assert issubclass(Cancelled, ExecutionError)
    assert not issubclass(PlanError, ExecutionError)
