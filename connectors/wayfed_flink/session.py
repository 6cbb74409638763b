"""The one Flink of this process: started by the first who needs it, stopped by the last."""

from __future__ import annotations

import atexit
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from wayfed_flink.cluster import reach
from wayfed_flink.failures import summary
from wayfed_flink.jar import JAR
from wayfed_flink.jvm import Jvm
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
        self._jvm = Jvm(settings)
        starter = self._jvm.gateway.entry_point
        try:
            if cluster is None:
                self._engine = starter.embedded(settings.embedded(self._jvm.directory))
            else:
                self._engine = starter.remote(settings.remote(JAR, cluster.slots))
        except (Py4JError, OSError) as error:
            reason = self._jvm.last_words() if self._jvm.gone else summary(error)
            self._jvm.close()
            raise ExecutionError(
                f"Flink did not start ({settings}): {reason}", platform="flink"
            ) from error

    def new_session(self) -> Any:
        """Return a session of the JVM's: tables and functions of its own."""
        return self._engine.session()

    def close(self) -> None:
        """Stop what was started here."""
        from py4j.protocol import Py4JError

        with suppress(Py4JError, OSError):
            self._engine.close()
        self._jvm.close()


class SharedFlink:
    """Keeps at most one Flink of ours running, for as long as somebody holds a lease on it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._flink: Flink | None = None
        self._leases = 0

    @property
    def running(self) -> bool:
        """Whether a JVM was started and not stopped again."""
        return self._flink is not None

    def acquire(self, settings: Settings) -> Flink:
        """Return the running Flink, started if it is not; each `acquire` needs its `release`.

        Raises
        ------
        ExecutionError
            Where Flink does not start, and where it runs with other settings already.
        """
        with self._lock:
            if self._flink is None:
                self._flink = Flink(settings)
                atexit.register(self._flink.close)
            elif self._flink.settings != settings:
                raise ExecutionError(
                    f"this process runs Flink with {self._flink.settings}, not with {settings}",
                    platform="flink",
                    hint="give both contexts the same options, or close the other one first",
                )
            self._leases += 1
            return self._flink

    def release(self) -> None:
        """Give a lease back; the last one stops the JVM."""
        with self._lock:
            self._leases -= 1
            if self._leases or self._flink is None:
                return
            flink, self._flink = self._flink, None
            atexit.unregister(flink.close)
            flink.close()
