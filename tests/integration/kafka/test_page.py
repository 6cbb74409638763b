"""The program in docs/kafka.md runs as it is written and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import wayfed as wf
from tests.integration.kafka.topics import new_name

PAGE = Path(__file__).parents[3] / "docs" / "kafka.md"


@pytest.mark.kafka
@pytest.mark.postgres
def test_the_program_of_the_page_prints_what_it_says(kafka, postgres_url, tmp_path, capsys):
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "orders").mkdir()
    orders = {
        "order_id": [1, 2, 3, 4],
        "customer_id": [7, 8, 7, 7],
        "amount": [20.0, 40.0, 5.0, 40.0],
    }
    parquet.write_table(pa.table(orders), tmp_path / "orders" / "1.parquet")
    with wf.context() as ctx:
        customers = ctx.read({"customer_id": [7, 8], "segment": ["retail", "trade"]})
        customers.write(postgres_url, table="customers", mode="overwrite")
    names = {"database": postgres_url, "lake": str(tmp_path), "topic": kafka.url(new_name())}
    exec(compile(program, "kafka.md", "exec"), names)  # our own page
    said = re.findall(r"^# (.*)$", program, re.MULTILINE)
    assert capsys.readouterr().out.splitlines() == said
