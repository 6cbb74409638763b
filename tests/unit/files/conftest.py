from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wayfed_files import CONNECTOR
from wayfed_optimizer.platform import SourceRequest


class Folder:
    """A folder of small files, and what read() makes of them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def text(self, name: str, content: str | bytes) -> Path:
        content = content.encode() if isinstance(content, str) else content
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return target

    def parquet(self, name: str, /, **columns) -> Path:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), target)
        return target

    def arrow(self, name: str, /, **columns) -> Path:
        table, target = pa.table(columns), self.path / name
        new = pa.ipc.new_stream if name.endswith(".arrows") else pa.ipc.new_file
        with new(target, table.schema) as writer:
            writer.write_table(table)
        return target

    def source(self, name, **request):
        options = request.pop("options", {})
        target = name if Path(name).is_absolute() else str(self.path / name)
        return CONNECTOR.source(SourceRequest(target, options=options, **request), None)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)
