"""Lists and structs on the user's surface: taken apart, put together, read, and handed over."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

import wayfed as wf
from wayfed_optimizer.errors import ColumnNotFound, PlanError, TypeMismatch

POSTS = pa.table(
    {
        "id": [1, 2, 3, 4],
        "tags": pa.array([["b", None, "a"], [], None, ["𝄞"]], pa.list_(pa.string())),
        "place": pa.array([{"lat": 1.5, "name": "x"}, None, {"lat": None, "name": None}, {}]),
    }
)


@pytest.fixture
def posts(ctx):
    return ctx.read(POSTS)


def rows(dataset):
    return [tuple(row.values()) for row in dataset.to_arrow().to_pylist()]


def test_an_index_counts_elements_as_python_does(posts):
    found = posts.sort("id").select(
        first=lambda t: t.tags[0], last=wf.col("tags")[-1], none=wf.col("tags")[9]
    )
    assert rows(found) == [("b", "a", None), (None,) * 3, (None,) * 3, ("𝄞", "𝄞", None)]


def test_a_name_takes_a_field(posts):
    found = posts.sort("id").select(wf.col("place")["lat"], name=lambda t: t.place.field("name"))
    assert found.columns == ("lat", "name")
    assert rows(found) == [(1.5, "x"), (None, None), (None, None), (None, None)]


def test_exploding_makes_a_row_of_each_element(posts):
    assert sorted(rows(posts.drop("place").explode("tags")), key=str) == [
        (1, "a"),
        (1, "b"),
        (1, None),
        (4, "𝄞"),
    ]
    kept = posts.explode("tags", keep_empty=True).group_by("id").agg(n=wf.count()).sort("id")
    assert rows(kept) == [(1, 3), (2, 1), (3, 1), (4, 1)]


def test_lists_and_structs_are_put_together(posts):
    made = posts.sort("id").select(
        both=wf.list("id", 10), record=wf.struct(id="id", tags="tags", unit=wf.lit("m"))
    )
    assert [str(f.type) for f in made.schema] == [
        "list<int64>",
        "struct<id: int64, tags: list<text>, unit: text>",
    ]
    assert rows(made.limit(1)) == [([1, 10], {"id": 1, "tags": ["b", None, "a"], "unit": "m"})]


def test_what_was_taken_apart_is_put_together_again(posts):
    again = posts.filter(wf.col("tags").list_length() > 0).explode("tags")
    found = again.group_by("tags").agg(ids=wf.count()).filter(wf.col("tags") == "𝄞")
    assert rows(found) == [("𝄞", 1)]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda t: t.select(x=wf.col("id")[0]), TypeMismatch, "element"),
        (lambda t: t.select(x=wf.col("tags")[1.5]), PlanError, "an int takes an element"),
        (lambda t: t.select(x=wf.col("place")["lot"]), ColumnNotFound, "did you mean 'lat'"),
        (lambda t: t.select(x=wf.col("tags").field("lat")), TypeMismatch, "takes a list apart"),
        (lambda t: t.sort("tags"), TypeMismatch, "lists have no order"),
        (lambda t: t.filter(lambda r: r.tags < r.tags), TypeMismatch, "less"),
        (lambda t: t.group_by().agg(x=wf.max("place")), TypeMismatch, "max"),
        (lambda t: t.cast(tags="list<int64>"), TypeMismatch, "cannot be cast"),
        (lambda t: t.select(x=wf.list()), TypeMismatch, "list"),
        (lambda t: t.select(x=wf.list("id", "tags")), TypeMismatch, "list"),
        (lambda t: t.explode("place"), TypeMismatch, "only lists have elements"),
    ],
)
def test_what_lists_and_structs_cannot_do_is_said_at_once(posts, make, error, says):
    with pytest.raises(error, match=says):
        make(posts)


@pytest.mark.parametrize("form", ["parquet", "arrow", "ndjson"])
def test_lists_and_structs_are_read_from_files(ctx, tmp_path, form):
    path = tmp_path / f"posts.{form}"
    match form:
        case "parquet":
            parquet.write_table(POSTS, path)
        case "arrow":
            feather.write_feather(POSTS, path, compression="uncompressed")
        case "ndjson":
            path.write_text("\n".join(map(json.dumps, POSTS.to_pylist())))
    read = ctx.read(str(path))
    assert str(read.schema["tags"].type) == "list<text>"
    assert str(read.schema["place"].type) == "struct<lat: float64, name: text>"
    assert read.sort("id").to_arrow().to_pylist() == POSTS.to_pylist()


def test_arrays_hold_lists_and_structs_as_objects(posts):
    arrays = posts.sort("id").to_numpy()
    assert arrays["tags"][0] == ["b", None, "a"]
    assert arrays["tags"].mask.tolist() == [False, False, True, False]
    assert arrays["place"][0] == {"lat": 1.5, "name": "x"}
    with pytest.raises(TypeMismatch, match="tags"):
        arrays.matrix(["tags"], dtype=np.float64)
    frame = posts.sort("id").to_pandas()
    assert list(frame["tags"][0]) == ["b", None, "a"]


def test_a_function_of_python_sees_lists_and_structs(posts):
    made = posts.map(
        lambda row: {"n": len(row["tags"] or ()), "tags": [row["id"]]},
        schema={"n": "int64", "tags": "list<int64>"},
    )
    assert sorted(rows(made)) == [(0, [2]), (0, [3]), (1, [4]), (3, [1])]
