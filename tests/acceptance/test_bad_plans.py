"""A plan that cannot be meant: it fails on the line where it stands, before any data moves."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest

import wayfed as wf
from tests.acceptance.judging import lines, refused
from wayfed import errors

NO_AMMOUNT = lines(
    "'ammount' is not a column of transactions (here)",
    "  available: account_id, amount, currency",
    "  did you mean 'amount'?",
)


def test_a_misspelt_column_in_a_lambda(transactions: wf.Dataset) -> None:
    with refused(errors.ColumnNotFound) as told:
        transactions.filter(lambda t: t.ammount > 10)
    assert told.text == NO_AMMOUNT


def test_a_misspelt_column_by_name(transactions: wf.Dataset) -> None:
    with refused(errors.ColumnNotFound) as told:
        transactions.filter(wf.col("ammount") > 10)
    assert told.text == NO_AMMOUNT
    with refused(errors.ColumnNotFound) as told:
        transactions.sort("ammount")
    assert told.text == NO_AMMOUNT
    with refused(errors.ColumnNotFound) as told:
        transactions.group_by("currency").agg(total=wf.sum("ammount"))
    assert told.text == NO_AMMOUNT


def test_a_misspelt_column_of_the_result(transactions: wf.Dataset) -> None:
    with refused(errors.ColumnNotFound) as told:
        transactions.to_numpy()["ammount"]
    assert told.text == NO_AMMOUNT.replace("transactions", "the arrays")


def test_a_misspelt_column_in_sql_is_shown_with_its_place(ctx: wf.Context) -> None:
    with refused(errors.ColumnNotFound) as told:
        ctx.sql("select account_id,\n       ammount\nfrom transactions")
    assert told.text.startswith("'ammount' is not a column")
    assert "(here, SQL line 2, column 8)" in told.text
    assert told.error.hint == "did you mean 'amount'?"


def test_a_misspelt_table(ctx: wf.Context) -> None:
    with refused(errors.TableNotFound) as told:
        ctx.sql("select * from transaction")
    assert told.text == lines(
        "'transaction' is not a table (here, SQL line 1, column 15)",
        "  available: transactions",
        "  did you mean 'transactions'?",
    )
    with refused(errors.SourceError) as told:
        ctx.read("transaction")
    assert told.text == lines(
        "'transaction' is neither in the catalog nor a file's name (here)",
        "  available: transactions",
        "  did you mean 'transactions'?",
    )


def test_a_misspelt_function_of_sql(ctx: wf.Context) -> None:
    with refused(errors.FunctionNotFound) as told:
        ctx.sql("select uper(currency) from transactions")
    assert told.text.startswith("'uper' is not a function (here, SQL line 1, column 8)\n")
    assert told.error.hint == "did you mean 'upper'?"


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("wf.cuont()", "count"),
        ("wf.col('a').uper()", "upper"),
        ("wf.models.logistic_regresion()", "logistic_regression"),
    ],
)
def test_a_misspelt_function_of_python_is_python_s_to_tell(expression: str, meant: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", f"import wayfed as wf\n{expression}"],
        capture_output=True,
        text=True,
        check=False,
    ).stderr
    assert told.rstrip().endswith(f"Did you mean: '{meant}'?")


def test_a_misspelt_option(ctx: wf.Context, transactions: wf.Dataset, tmp_path) -> None:
    (tmp_path / "tx.csv").write_text("id;amount\n1;2\n")
    with refused(errors.InvalidOption) as told:
        ctx.read(tmp_path / "tx.csv", delimeter=";")
    assert told.text == lines(
        "'delimeter' is not an option of csv files (here)",
        "  available: delimiter, quote, escape, header, null_values",
        "  did you mean 'delimiter'?",
    )
    with refused(errors.InvalidOption) as told:
        transactions.join(transactions, on="account_id", how="inerr")
    assert told.text == lines(
        "how='inerr' is not a choice (here)",
        "  available: inner, left, right, full, semi, anti, cross, asof",
        "  did you mean 'inner'?",
    )


def test_a_misspelt_platform(transactions: wf.Dataset) -> None:
    with refused(errors.PlatformNotFound) as told:
        wf.context(sprak=True)
    assert told.error.hint == "did you mean 'spark'?"
    with refused(errors.PlatformNotFound) as told:
        transactions.on("duckbd")
    assert told.text == lines(
        "'duckbd' is not a platform of this context (here)",
        "  available: duckdb, python",
        "  did you mean 'duckdb'?",
    )


def test_types_that_an_expression_does_not_take(transactions: wf.Dataset, ctx: wf.Context) -> None:
    with refused(errors.TypeMismatch) as told:
        transactions.filter(lambda t: t.currency > 1)
    assert told.text == lines(
        "greater(a, b) does not take these: currency is text, 1 is int64 (here)",
        "  cast one of them, for example currency to int64",
    )
    with refused(errors.TypeMismatch) as told:
        ctx.sql("select currency + 1 as x from transactions")
    assert told.text == lines(
        "add(a, b) does not take these: currency is text, 1 is int64 (here, SQL line 1, column 8)",
        "  cast one of them, for example currency to int64",
    )


def test_a_condition_that_is_no_condition(transactions: wf.Dataset) -> None:
    with refused(errors.TypeMismatch) as told:
        transactions.filter(lambda t: t.amount)
    assert told.text == lines(
        "the condition of a filter must be a bool, but amount is float64 (here)",
        "  compare it with something: for example x > 0, or x.is_not_null()",
    )


def test_join_keys_of_other_types(transactions: wf.Dataset) -> None:
    with refused(errors.TypeMismatch) as told:
        transactions.join(transactions, left_on="currency", right_on="account_id")
    assert told.text == lines(
        "the join key currency is text, but account_id_right is int64 (here)",
        "  cast one of them, for example .cast(account_id_right='text')",
    )


def test_a_join_without_keys(transactions: wf.Dataset) -> None:
    with refused(errors.PlanError) as told:
        transactions.join(transactions)
    assert told.text == lines(
        "the catalog declares no key that joins these (here)",
        "  available: account_id, amount, currency",
        "  name the keys: on=['account_id']",
    )


def test_columns_that_collide(ctx: wf.Context, transactions: wf.Dataset) -> None:
    with refused(errors.DuplicateColumn) as told:
        transactions.rename({"amount": "currency"})
    assert told.text.startswith("two columns would be called 'currency' (here)\n")
    with refused(errors.DuplicateColumn) as told:
        transactions.rename({"amount": "currency_right"}).join(transactions, on="account_id")
    assert told.text == lines(
        "both sides of a join have currency_right (here)",
        "  rename one of them, or give join() another suffix=",
    )
    with refused(errors.DuplicateColumn) as told:
        ctx.read(pa.table([[1], [2]], names=["a", "a"]))
    assert told.text.startswith("two columns would be called 'a' (here)\n")


def test_a_lambda_that_branches_on_a_column_is_told_of_when(transactions: wf.Dataset) -> None:
    hint = (
        "  combine conditions with & | ~ (not: and or not, a < b < c), and choose values with "
        "wf.when(condition).then(a).otherwise(b)"
    )

    def graded(t: wf.Row) -> dict[str, object]:
        if t.amount > 15:
            return {"grade": "high"}
        return {"grade": "low"}

    with refused(errors.PlanError) as told:
        transactions.filter(lambda t: t.amount > 15 and t.account_id == 2)
    assert told.text == lines(
        "'amount > 15' has another value in each row, so Python cannot branch on it (here)", hint
    )
    with pytest.raises(errors.PlanError, match=r"wf\.when\(condition\)") as caught:
        transactions.map(graded)
    assert "test_bad_plans.py" in str(caught.value.where)


def test_a_row_function_that_cannot_be_traced_is_told_how_to_go_on(
    transactions: wf.Dataset,
) -> None:
    with refused(errors.PlanError) as told:
        transactions.map(lambda t: {"x": float(t.amount)})
    assert "map(fn, schema=…) to run Python on each row" in told.text


@pytest.mark.parametrize(
    ("kind", "told_as", "cast"),
    [
        (pa.uint64(), "uint64", "decimal(20,0)"),
        (pa.time64("us"), "time64[us]", "text"),
        (pa.duration("s"), "duration[s]", "int64"),
    ],
    ids=str,
)
def test_a_type_without_a_counterpart_names_the_cast(
    ctx: wf.Context, kind: pa.DataType, told_as: str, cast: str
) -> None:
    with refused(errors.TypeMismatch) as told:
        ctx.read(pa.table({"x": pa.array([1]).cast(kind)}))
    assert told.text.startswith(
        f"column 'x' is {told_as} in Arrow, which has no counterpart here (here)\n  cast it to "
    )
    assert cast in told.text


def test_sql_that_cannot_be_read_is_shown_with_a_caret(ctx: wf.Context) -> None:
    with refused(errors.InvalidSql) as told:
        ctx.sql("select amount form transactions where")
    assert told.text.endswith(
        lines("  select amount form transactions where", "                     ^")
    )


def test_a_matrix_of_what_is_no_number(transactions: wf.Dataset) -> None:
    with refused(errors.TypeMismatch) as told:
        transactions.to_numpy().matrix()
    assert told.text == lines(
        "column 'currency' is string, not a number (here)",
        "  wf.features(one_hot=['currency']), or cast it in the plan",
    )


def test_a_cast_that_a_value_refuses_says_which(transactions: wf.Dataset) -> None:
    with refused(errors.ExecutionError) as told:
        transactions.select(n=wf.col("currency").cast("int64")).to_numpy()
    assert "'EUR'" in told.text or "'CHF'" in told.text
    assert told.error.platform == "duckdb"
    assert told.error.__cause__ is not None


def test_a_sum_that_overflows_is_an_error(ctx: wf.Context) -> None:
    with refused(errors.ExecutionError) as told:
        ctx.read({"n": [2**62, 2**62]}).group_by().agg(total=wf.sum("n")).to_numpy()
    assert "9223372036854775808" in told.text


def test_a_closed_context_says_so(ctx: wf.Context, transactions: wf.Dataset) -> None:
    ctx.close()

    for use in (lambda: ctx.read("transactions"), transactions.to_numpy, transactions.explain):
        with refused(errors.PlanError) as told:
            use()
        assert told.text == lines(
            "this context is closed (here)",
            "  make another one, or stay in its with block",
        )
    assert repr(ctx) == "Context: closed"


def test_a_dataset_of_another_context(transactions: wf.Dataset) -> None:
    with wf.context() as other, refused(errors.PlanError) as told:
        other.read({"account_id": [1]}).join(transactions, on="account_id")
    assert told.text == lines(
        "the datasets belong to different contexts (here)", "  read both with one context"
    )


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [
        ("a.parket", errors.Unsupported, "did you mean '.parquet'?"),
        ("nowhere/a.parquet", errors.SourceError, "there is no directory "),
        ("taken.parquet", errors.SourceError, "mode='overwrite' replaces it"),
        ("postgresql://ada:secret@db/core", errors.InvalidOption, "needs a table="),
    ],
)
def test_a_target_that_cannot_be_written(
    transactions: wf.Dataset, tmp_path, target, kind, message
) -> None:
    (tmp_path / "taken.parquet").write_text("mine")
    with refused(kind) as told:
        transactions.write(target if "://" in target else tmp_path / target)
    assert message in told.text
    assert "secret" not in told.text
    assert [each.name for each in tmp_path.iterdir()] == ["taken.parquet"]


def test_a_plan_of_very_many_steps_is_an_error_in_words() -> None:
    with wf.context() as ctx:
        numbers = ctx.read({"a": [1, 2, 3]})
        for step in range(1500):
            numbers = numbers.filter(wf.col("a") > -step).with_columns(a=wf.col("a") + 1)

        with pytest.raises(wf.errors.PlanError, match="too deep"):
            numbers.to_arrow()
        with pytest.raises(wf.errors.PlanError, match="too deep"):
            numbers.explain()


def test_a_plan_of_a_hundred_steps_runs() -> None:
    with wf.context() as ctx:
        numbers = ctx.read({"a": [1, 2, 3]})
        for _ in range(50):
            numbers = numbers.filter(wf.col("a") > 1).with_columns(a=wf.col("a") + 1)

        assert numbers.to_numpy()["a"].tolist() == [52, 53]
