"""A query's text is read once, while its tables mean the same."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

import wayfed as wf


def test_a_text_is_read_once():
    with wf.context() as ctx:
        ctx.register("t", {"a": [1, 2, 3]})
        query = "select a from t where a > 1"
        assert ctx.sql(query).relation is ctx.sql(query).relation
        assert ctx.sql(query).to_numpy()["a"].tolist() == [2, 3]


def test_a_file_that_a_query_names_is_looked_at_each_time(tmp_path):
    path = tmp_path / "t.parquet"
    with wf.context() as ctx:
        query = f"select * from '{path}'"
        for columns in ({"a": [1]}, {"b": ["x"], "c": [2.0]}):
            pq.write_table(pa.table(columns), path)
            assert ctx.sql(query).columns == tuple(columns)
