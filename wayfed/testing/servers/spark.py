"""A real cluster of Spark's own kind (a master and workers), started from the package pyspark."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from wayfed.testing.servers.process import ProcessGroup, free_ports
from wayfed.testing.servers.rest import asked
from wayfed_java import java_home
from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from types import TracebackType

    from wayfed.testing.servers.process import Report

_HOST = "127.0.0.1"
_MASTER = "master"
# JVMs so young compute faster with the simple compiler and collector.
_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


class SparkCluster:
    """A Spark master and workers on loopback ports; their files lie in a temporary directory.

    It ends with the ``with`` block or with :meth:`stop`; failing both, with the interpreter, even
    one that was killed.

    Parameters
    ----------
    group
        Its processes.
    workers
        How many machines it plays, each of one core.

    Examples
    --------
    >>> with SparkCluster.start(workers=2) as cluster:  # doctest: +SKIP
    ...     context = wf.context(spark=cluster.options)
    """

    def __init__(self, group: ProcessGroup, workers: int) -> None:
        self.workers = range(1, workers + 1)
        self._group = group
        self._port, self._page = free_ports(2)
        self._home = _home()
        self._environment = {
            "JAVA_HOME": str(java_home(group.directory)),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_DAEMON_JAVA_OPTS": f"{_JVM} -Djava.io.tmpdir={group.directory}",
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_HOME": str(self._home),
            "SPARK_LOCAL_DIRS": str(group.directory / "scratch"),
            "SPARK_LOCAL_IP": _HOST,
            # Its port would be the same for every master on this machine.
            "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
        }

    @classmethod
    def start(cls, workers: int = 2, *, report: Report = lambda sentence: None) -> Self:
        """Start a master and workers, and wait until they know each other (some seconds).

        Parameters
        ----------
        workers
            How many.
        report
            Is told what is started, before it is.

        Raises
        ------
        ExecutionError
            Where there is no Java, or one of them does not start: with the end of its log.
        Unsupported
            Where pyspark is not installed.
        """
        group = ProcessGroup("spark")
        try:
            cluster = cls(group, workers)
            report(f"Spark: starting a master and {workers} workers in {group.directory}")
            cluster._run_class(_MASTER, "master.Master", "--port", cluster._port)
            for worker in cluster.workers:
                cluster.start_worker(worker, wait=False)
            cluster.wait_for_workers(workers)
        except BaseException:
            group.stop()
            raise
        report(f"Spark: listening on {cluster.url}")
        return cluster

    @property
    def url(self) -> str:
        """What a context calls its ``master``: ``spark://127.0.0.1:port``."""
        return f"spark://{_HOST}:{self._port}"

    @property
    def options(self) -> dict[str, Any]:
        """Options of a context, ``wf.context(spark=cluster.options)``, small enough for a test."""
        return {
            "master": self.url,
            "memory": "1g",
            "config": {
                "spark.driver.bindAddress": _HOST,
                "spark.driver.extraJavaOptions": _JVM,
                "spark.driver.host": _HOST,
                "spark.executor.extraJavaOptions": _JVM,
                "spark.executor.memory": "600m",
                "spark.sql.shuffle.partitions": str(len(self.workers)),
            },
        }

    @property
    def alive(self) -> int:
        """How many workers the master has heard of lately."""
        state = self._state()
        return 0 if state is None else int(state["aliveworkers"])

    def start_worker(self, worker: int, *, wait: bool = True) -> None:
        """Start a worker, again too."""
        directory = self._group.directory / _name(worker)
        options = ("--cores", 1, "--memory", "1g", "--work-dir", directory)
        self._run_class(_name(worker), "worker.Worker", *options, self.url)
        if wait:
            self.wait_for_workers(self.alive + 1)

    def wait_for_workers(self, count: int) -> None:
        """Wait until the master knows so many workers."""
        self._group.wait(_MASTER, lambda: self.alive >= count)

    def pid(self, worker: int) -> int:
        """Return a worker's process id; its executors are that process's children."""
        return self._group.pid(_name(worker))

    def kill(self, worker: int) -> None:
        """End a worker as a crash would (SIGKILL); its executors end when they notice."""
        self._group.kill(_name(worker))

    def stop(self) -> None:
        """End all of it and remove its files; a second call does nothing."""
        self._group.stop()

    def _state(self) -> Any:
        return asked(self._page, "/json/")

    def _run_class(self, name: str, kind: str, *arguments: object) -> None:
        page = self._page if name == _MASTER else 0
        self._group.start(
            name,
            [
                self._home / "bin" / "spark-class",
                f"org.apache.spark.deploy.{kind}",
                *("--host", _HOST, "--webui-port", str(page)),
                *map(str, arguments),
            ],
            environment=self._environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _name(worker: int) -> str:
    return f"worker-{worker}"


def _home() -> Path:
    """Return where the package keeps Spark, without importing it."""
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise Unsupported(
            "starting a Spark cluster",
            reason="the package 'pyspark' is not installed",
            hint="pip install 'wayfed[spark]'",
        )
    return Path(found.origin).parent
