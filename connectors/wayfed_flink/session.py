"""The Flinks of this process: started by the first who needs one, stopped by the last."""

from __future__ import annotations

import atexit
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from wayfed_flink.cluster import reach
from wayfed_flink.failures import summary
from wayfed_flink.jar import JAR
from wayfed_flink.jvm import Jvm
from wayfed_flink.queries import driver_jars
from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    from wayfed_flink.settings import Settings


class Flink:
    """A running Flink, or the client of one.

    Its calls block in the JVM; they are made in threads of the run, while the caller's waits where
    Ctrl-C is served.
    """

    def __init__(self, settings: Settings) -> None:
        from py4j.protocol import Py4JError

        self.settings = settings
        cluster = None if settings.address is None else reach(settings.address)
        self.parallelism = settings.tasks(cluster.slots if cluster else None)
        self._jvm = Jvm(settings)
        starter = self._jvm.gateway.entry_point
        try:
            if cluster is None:
                self._engine = starter.embedded(settings.embedded(self._jvm.directory))
            else:
                self._engine = starter.remote(settings.remote((JAR, *driver_jars()), cluster.slots))
        except (Py4JError, OSError) as error:
            reason = self._jvm.last_words() if self._jvm.gone else summary(error)
            self._jvm.close()
            raise ExecutionError(
                f"Flink did not start ({settings}): {reason}", platform="flink"
            ) from error

    @property
    def gone(self) -> bool:
        """Whether its JVM has ended."""
        return self._jvm.gone

    def new_session(self) -> Any:
        """Return a session of the JVM's: tables and functions of its own.

        Raises
        ------
        ExecutionError
            Where the JVM has ended.
        """
        if self._jvm.gone:
            told, hint = self.lost()
            raise ExecutionError(told, platform="flink", hint=hint)
        return self._engine.session()

    def lost(self) -> tuple[str, str]:
        """Return why its JVM does not answer any more, and what to do about it."""
        if not self._jvm.out_of_memory():
            return "its JVM has ended", "run the plan again: it starts another"
        if self.settings.address is not None:
            return "its client's JVM had no memory left", "ask for fewer columns and tables at once"
        return (
            f"its JVM had no memory left ({self.settings})",
            "memory= gives it more; half of it is for rows of aggregates and windows",
        )

    def let_go(self, thing: Any) -> None:
        """Have the JVM forget a thing that it gave us."""
        from py4j.protocol import Py4JError

        with suppress(Py4JError, OSError):
            if not self._jvm.gone:
                thing._detach()

    def close(self) -> None:
        """Stop what was started here."""
        from py4j.protocol import Py4JError

        with suppress(Py4JError, OSError):
            if not self._jvm.gone:
                self._engine.close()
        self._jvm.close()


class SharedFlinks:
    """Keeps a Flink running for each settings, for as long as somebody holds a lease on it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: list[_Held] = []

    def running(self, settings: Settings) -> bool:
        """Say whether a Flink with these settings was started and not stopped again."""
        return self._find(settings) is not None

    def acquire(self, settings: Settings) -> Flink:
        """Return the running Flink, started if it is not; each `acquire` needs its `release`.

        Raises
        ------
        ExecutionError
            Where Flink does not start.
        """
        with self._lock:
            held = self._find(settings)
            if held is None:
                held = _Held(Flink(settings))
                atexit.register(held.flink.close)
                self._held.append(held)
            held.leases += 1
            return held.flink

    def _find(self, settings: Settings) -> _Held | None:
        fitting = (h for h in self._held if h.flink.settings == settings and not h.flink.gone)
        return next(fitting, None)

    def release(self, flink: Flink) -> None:
        """Give a lease back; the last one stops the JVM."""
        with self._lock:
            held = next(h for h in self._held if h.flink is flink)
            held.leases -= 1
            if held.leases:
                return
            self._held.remove(held)
            atexit.unregister(flink.close)
            flink.close()


@dataclass(slots=True, eq=False)
class _Held:
    flink: Flink
    leases: int = 0
