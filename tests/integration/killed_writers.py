"""Writes the same rows again and again, killed at each call to the file system in turn.

Run by test_writing_files: prints how often the writer was killed, and what readers saw then.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from wayfed_files import CONNECTOR, aside, targets
from wayfed_optimizer.cancellation import CancellationToken
from wayfed_optimizer.errors import SourceError
from wayfed_optimizer.platform import SourceRequest, TargetRequest
from wayfed_optimizer.relations import WriteMode
from wayfed_optimizer.types import Schema

OLD = pa.table({"n": [1, 2], "k": [1, 2]})
NEW = pa.table({"n": [3, 4], "k": [2, 3]})
SCHEMA = Schema.of(n="int64", k="int64")
MODES = {"file": "overwrite", "new": "error", "append": "append", "overwrite": "overwrite"}


def write(place: Path, table: pa.Table, way: str) -> None:
    if way == "merge":  # what an overwrite does where directories cannot be swapped
        aside_cannot_swap = lambda one, other: False  # noqa: E731  # stands in for a file system
        aside.swap = targets.aside.swap = aside_cannot_swap
    mode = WriteMode(MODES.get(way, "overwrite"))
    by = () if way == "file" else ("k",)
    request = TargetRequest(place, SCHEMA, mode, partition_by=by)
    CONNECTOR.target(request, None).write(table.to_reader(), CancellationToken())


def read(place: Path) -> list[int]:
    """Return the values of n that a reader sees."""
    try:
        source = CONNECTOR.source(SourceRequest(place), None)
    except SourceError:
        return []
    files = source.open(source.snapshot()).paths
    return sorted(n for path in files for n in parquet.read_table(path)["n"].to_pylist())


def killed_at(count: int, place: Path, way: str) -> bool:
    """Write in a process that is killed at a call; say whether it got so far."""
    pid = os.fork()
    if pid == 0:
        left = count

        def hook(event: str, _: object) -> None:
            nonlocal left
            if event.startswith(("os.", "open", "fcntl", "ctypes.call", "shutil", "pathlib")):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            write(place, NEW, way)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def main() -> None:
    """Kill at the first call, then at the second, until the writer ends by itself."""
    way, root = sys.argv[1], Path(sys.argv[2])
    olds = {"new": [], "file": [1, 2]}
    old = olds.get(way, [1, 2])
    new = [1, 2, 3, 4] if way == "append" else [3, 4]
    seen = set()
    count = 0
    alive = True
    while alive:
        count += 1
        place = root / str(count) / ("x.parquet" if way == "file" else "lake")
        place.parent.mkdir()
        if way != "new":
            write(place, OLD, "file" if way == "file" else "overwrite")
        alive = killed_at(count, place, way)
        now = read(place)
        assert now in (old, new), (count, now)
        seen.add("new" if now == new else "old")
        mode = "file" if way == "file" else "overwrite"
        write(place, NEW, mode)
        assert read(place) == [3, 4]
        left = [path for path in place.parent.rglob("*") if path.name.startswith((".", "_"))]
        assert not left, (count, left)
    sys.stdout.write(f"{count}\n{' '.join(sorted(seen))}\n")


if __name__ == "__main__":
    main()
