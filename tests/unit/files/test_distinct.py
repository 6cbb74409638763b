"""How many different values a column of a Parquet file has, as its footer tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wayfed_files.distinct import chunk_of, distinct_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("different", [700, 1_024, 1_025, 5_000, 20_000])
def test_the_size_of_a_chunk_tells_how_many_values_its_dictionary_has(
    tmp_path: Path, different: int
) -> None:
    values = [7_919 * row % different for row in range(40_000)]
    pq.write_table(pa.table({"key": values}), tmp_path / "keys.parquet", compression="none")
    column = pq.ParquetFile(tmp_path / "keys.parquet").metadata.row_group(0).column(0)

    found = distinct_of([chunk_of(column, None)])

    assert found == pytest.approx(different, rel=0.05)
