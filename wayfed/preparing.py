"""Engines that start while a plan is made."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.platform import Preparing
from wayfed_optimizer.relations import reads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.relations import Relation

_PATIENCE_SECONDS: Final = 2.0
"""How long Ctrl-C waits for what starts: imports take less, a server may never answer."""


@contextmanager
def preparing(environment: Environment, relation: Relation) -> Iterator[None]:
    """Let the engines that can read the tables of a plan start while it is made and begun."""
    tables = {read.table for read in reads(relation)} & environment.sources.keys()
    channels = {environment.sources[table].channel for table in tables}
    threads = [
        Thread(target=platform.prepare, name=f"wayfed-{platform.name}", daemon=True)
        for platform in environment.platforms.values()
        if isinstance(platform, Preparing)
        if not platform.started() and not channels.isdisjoint(platform.accepts)
    ]
    try:
        for thread in threads:
            thread.start()
        yield
    except KeyboardInterrupt:
        # Python forgets that it is to end by the signal where a thread imports while it ends.
        end = monotonic() + _PATIENCE_SECONDS
        for thread in threads:
            if thread.is_alive():
                thread.join(max(0.0, end - monotonic()))
        raise
