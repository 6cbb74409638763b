"""The private parts of Flower's that keep a SuperLink's state in a database; see `private`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Final

PARTS: Final = {
    "flwr.server.superlink.linkstate.sql_linkstate": "SqlLinkState",
    "flwr.supercore.object_store.sql_object_store": "SqlObjectStore",
}
"""What has to do with databases, by module, and by its name in those that choose a state."""


class NoDatabase:
    """Stands where a SuperLink would keep its state in a database."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise RuntimeError("this SuperLink keeps its state in memory")


def leave_out() -> None:
    """Let this process's SuperLink have no database: to import one is a quarter of its start.

    To be called before anything of Flower's is imported.
    """
    for module, name in PARTS.items():
        part = ModuleType(module)
        setattr(part, name, NoDatabase)
        sys.modules[module] = part
