"""Records that are not of the format: they end a read, are left out, or are sent elsewhere."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient

from tests.integration.kafka.records import NUMBERS, numbers, rows, send
from tests.waiting import wait_until
from wayfed.errors import ExecutionError, SourceChanged, SourceError

pytestmark = pytest.mark.kafka


@pytest.fixture
def poisoned(kafka, topic) -> str:
    """A topic of four numbers and three records that are none."""
    name = topic()
    send(kafka, name, *rows(0, 1), b'{"n": "x"}', *rows(3), b"", b"\xff", *rows(6))
    return name


def test_a_record_that_is_not_of_the_format_ends_the_run_with_its_place(kafka, ctx, poisoned):
    read = ctx.read(kafka.url(poisoned), format="json", schema=NUMBERS)
    with pytest.raises(ExecutionError, match=r"partition 0, offset 2\) is not json.*number to str"):
        read.to_arrow()


def test_records_that_are_not_of_the_format_are_left_out_and_counted(kafka, ctx, poisoned):
    read = ctx.read(
        kafka.url(poisoned), format="json", schema=NUMBERS, on_error="skip", metadata="offset"
    )
    assert numbers(read) == [0, 1, 3, 6]
    assert read.select("offset").to_arrow().column("offset").to_pylist() == [0, 1, 3, 6]
    assert read.count() == 4
    (fragment,) = read.explain(analyze=True).fragments
    assert fragment.actual.metrics["skipped"] == 3


def test_records_that_are_not_of_the_format_are_sent_elsewhere(kafka, ctx, topic, poisoned):
    letters = topic()
    read = ctx.read(
        kafka.url(poisoned),
        format="json",
        schema=NUMBERS,
        on_error="dead_letter",
        dead_letter=letters,
    )
    assert numbers(read) == [0, 1, 3, 6]
    # Readers see them some milliseconds after the commit is done.
    wait_until(lambda: ctx.read(kafka.url(letters), format="raw").count() == 3)
    sent = ctx.read(kafka.url(letters), format="raw", metadata="headers").to_arrow().to_pylist()
    assert [each["value"] for each in sent] == [b'{"n": "x"}', b"", b"\xff"]
    headers = {each["key"]: each["value"].decode() for each in sent[1]["headers"]}
    assert headers == {
        "wayfed.topic": poisoned,
        "wayfed.partition": "0",
        "wayfed.offset": "4",
        "wayfed.error": "it is empty",
    }


def test_records_that_cannot_be_sent_elsewhere_name_that_topic(kafka, ctx, topic):
    name, small, large = topic(), topic(max_message_bytes=1_000), topic(max_message_bytes=3_000_000)
    send(kafka, name, b"x" * 900_000, *rows(1))
    url, given = kafka.url(name), {"format": "json", "schema": NUMBERS, "on_error": "dead_letter"}
    read = ctx.read(url, **given, dead_letter=small)
    with pytest.raises(ExecutionError, match=f"larger than topic '{small}'"):
        read.to_arrow()
    assert numbers(ctx.read(url, **given, dead_letter=large)) == [1]
    admin = AdminClient(kafka.client())
    admin.delete_topics([small])[small].result(120)
    with pytest.raises(SourceChanged, match=f"no topic '{small}'"):
        read.to_arrow()


def test_a_sample_with_a_record_that_is_not_json_is_told_when_the_plan_is_made(
    kafka, fast, poisoned
):
    with pytest.raises(SourceError, match=r"partition 0, offset 4\) is not JSON"):
        fast.read(kafka.url(poisoned), format="json")
