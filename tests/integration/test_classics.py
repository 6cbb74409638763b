"""WordCount to TPC-H: one program each, one answer, wherever it runs and its tables lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from benchmarks.classics.answers import ANSWERS, agree
from benchmarks.classics.data import PLACES, Stores
from benchmarks.classics.engines import FREE, answer_of, available
from benchmarks.classics.programs import PROGRAMS
from wayfed.local import Context

pytestmark = pytest.mark.postgres

SCALE = 0.02


@pytest.fixture(scope="module")
def stores(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Stores:
    return Stores.fill(tmp_path_factory.mktemp("classics"), postgres_url, SCALE)


@pytest.fixture(scope="module")
def contexts(stores: Stores) -> Iterator[Mapping[str, Context]]:
    with ExitStack() as stack:
        yield {place: stack.enter_context(stores.open(place)) for place in PLACES}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("files", marks=pytest.mark.soak),
        pytest.param("database", marks=pytest.mark.soak),
        "hybrid",
    ],
)
def place_of_many(request: pytest.FixtureRequest) -> str:
    """Where tables lie for engines that take seconds: what is in both stores is in each of them."""
    return str(request.param)


@pytest.fixture(scope="module")
def with_spark(
    stores: Stores, place_of_many: str, spark_options: dict[str, object]
) -> Iterator[Context]:
    with stores.open(place_of_many, spark=spark_options) as context:
        yield context


@pytest.fixture(scope="module")
def with_flink(
    stores: Stores, place_of_many: str, flink_options: dict[str, object]
) -> Iterator[Context]:
    with stores.open(place_of_many, flink=flink_options) as context:
        yield context


@pytest.mark.parametrize(
    ("place", "engine"),
    [
        (place, engine)
        for place in PLACES
        for engine in available([FREE, "duckdb", "postgresql"], place)
    ],
)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_has_one_answer(
    contexts: Mapping[str, Context], stores: Stores, program: str, place: str, engine: str
) -> None:
    assert_answer(contexts[place], stores, program, engine)


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_has_the_same_answer_on_spark(
    with_spark: Context, stores: Stores, program: str
) -> None:
    assert_answer(with_spark, stores, program, "spark")


@pytest.mark.slow
@pytest.mark.flink
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_has_the_same_answer_on_flink(
    with_flink: Context, stores: Stores, program: str
) -> None:
    assert_answer(with_flink, stores, program, "flink")


def assert_answer(context: Context, stores: Stores, program: str, engine: str) -> None:
    found = answer_of(context, program, engine)

    assert agree(program, found, ANSWERS[program](stores.tables)), found.to_pylist()[:10]
