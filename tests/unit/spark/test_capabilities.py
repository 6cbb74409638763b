"""What Spark refuses besides what its SQL cannot say."""

from __future__ import annotations

import pyarrow as pa

import wayfed as wf
from wayfed_optimizer.relations import Aggregate, Relation, walk
from wayfed_spark.capabilities import CAPABILITIES


def test_an_ordered_text_beside_several_distinct_is_left_to_others() -> None:
    table = pa.table({"k": [1], "a": [1], "b": ["x"]})
    with wf.context() as context:
        context.register("t", table)
        text = "select k, string_agg(b, ',' order by b) s, count(distinct a) x{} from t group by k"
        one, several = (context.sql(text.format(more)) for more in ("", ", count(distinct b) y"))
        assert isinstance(one, wf.Dataset)
        assert isinstance(several, wf.Dataset)
    refused = [CAPABILITIES.refusal(_aggregate(dataset.relation)) for dataset in (one, several)]
    assert refused[0] is None
    assert refused[1] is not None
    assert "several DISTINCT" in refused[1][0]


def _aggregate(root: Relation) -> Relation:
    return next(relation for relation in walk(root) if isinstance(relation, Aggregate))
