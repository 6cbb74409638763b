"""What is spoilt and what is done with it: texts given to `ctx.sql`, bytes given to `from_wire`."""

from __future__ import annotations

import json
import signal
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Any, Final

import wayfed as wf
from tests.fuzzing.seeds import STATEMENTS, TABLES
from tests.fuzzing.spoiling import spoilt_bytes, spoilt_json, spoilt_text
from wayfed_optimizer.errors import WayfedError
from wayfed_optimizer.rewrite import rewrite
from wayfed_optimizer.wire import from_wire, to_wire

PATIENCE: Final = 20
"""Seconds after which an input counts as one that hangs."""


@dataclass(slots=True)
class Tally:
    """What came of the inputs that were tried."""

    answers: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    crashes: list[tuple[object, BaseException]] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def tried(self) -> int:
        """How many inputs there were."""
        return self.answers + self.errors.total() + len(self.crashes)

    def record(self, given: object, attempt: Callable[[], object]) -> None:
        """Try an input, and count what comes of it."""
        start = time.perf_counter()
        try:
            with _no_longer_than(PATIENCE):
                attempt()
        except WayfedError as error:
            self.errors[type(error).__name__] += 1
        except (Exception, _Hangs) as error:  # noqa: BLE001 - finding these is the purpose
            self.crashes.append((given, error))
        else:
            self.answers += 1
        self.slowest = max(self.slowest, time.perf_counter() - start)


class _Hangs(BaseException):
    """An input took longer than anyone waits for."""


@contextmanager
def _no_longer_than(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _Hangs(f"no answer after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def spoil_sql(seed: int, goes_on: Callable[[int], bool]) -> Tally:
    """Give spoilt statements to `ctx.sql`; run every other one that is understood."""
    random, tally = Random(seed), Tally()
    with wf.context() as ctx, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, rows in TABLES.items():
            ctx.register(name, ctx.read(rows))

        def attempt(statement: str) -> None:
            dataset = ctx.sql(statement)
            str(dataset)
            if isinstance(dataset, wf.Dataset) and random.random() < 0.5:
                dataset.limit(1000).to_arrow()

        while goes_on(tally.tried):
            statement = spoilt_text(STATEMENTS, random)
            tally.record(statement, lambda statement=statement: attempt(statement))  # type: ignore[misc]  # a default binds the loop's value
    return tally


def spoil_wire(seed: int, goes_on: Callable[[int], bool]) -> Tally:
    """Give spoilt plans to `from_wire`; what is a plan nevertheless is rewritten and sent back."""
    random, tally = Random(seed), Tally()
    plans = tuple(_wire_forms())
    documents = tuple(json.loads(plan) for plan in plans)

    def attempt(data: bytes) -> None:
        plan = from_wire(data)
        rewrite(plan)
        if from_wire(to_wire(plan)) != plan:
            raise AssertionError("what was sent back is another plan")

    while goes_on(tally.tried):
        data = _spoilt(plans, documents, random)
        tally.record(data, lambda data=data: attempt(data))  # type: ignore[misc]  # as above
    return tally


def _spoilt(plans: Sequence[bytes], documents: Sequence[Any], random: Random) -> bytes:
    if random.random() < 0.3:
        return spoilt_bytes(random.choice(plans), random)
    document = spoilt_json(random.choice(documents), documents, random)
    return json.dumps(document).encode()


def _wire_forms() -> Iterator[bytes]:
    with wf.context() as ctx:
        for name, rows in TABLES.items():
            ctx.register(name, ctx.read(rows))
        for statement in STATEMENTS:
            try:
                dataset = ctx.sql(statement)
                if isinstance(dataset, wf.Dataset):
                    yield to_wire(dataset.relation)
            except WayfedError:
                continue


CAMPAIGNS: Final[Mapping[str, Callable[[int, Callable[[int], bool]], Tally]]] = MappingProxyType(
    {"sql": spoil_sql, "wire": spoil_wire}
)
"""What can be spoilt, by name; each takes a seed and whether to go on after so many inputs."""
