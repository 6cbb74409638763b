"""Rows become messages exactly."""

import datetime

import pyarrow as pa

from wayfed_arrow import schema_from_arrow
from wayfed_kafka.encoding import Encoder, json_values
from wayfed_kafka.layout import Layout


def test_a_time_that_a_float_does_not_hold_is_cut_too():
    at = datetime.datetime(2300, 1, 1, 0, 0, 0, 999_999, tzinfo=datetime.UTC)
    rows = pa.record_batch({"n": [1], "at": pa.array([at], pa.timestamp("us", "UTC"))})
    layout = Layout(schema_from_arrow(rows.schema), "json", (), None, "at", (), ("n",))
    assert Encoder(layout, json_values).records(rows).timestamps == [10_413_792_000_999]
