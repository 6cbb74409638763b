"""A real Flink cluster (a JobManager and TaskManagers), started from the package apache-flink."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from wayfed.testing.servers.process import ProcessGroup, free_ports, java_program
from wayfed.testing.servers.rest import asked
from wayfed_optimizer.errors import Unsupported

if TYPE_CHECKING:
    from types import TracebackType

    from wayfed.testing.servers.process import Report

_HOST: Final = "127.0.0.1"
_MANAGER: Final = "job-manager"
_SLOTS: Final = 2
_RUNTIME: Final = "org.apache.flink.runtime"
_MANAGER_CLASS: Final = f"{_RUNTIME}.entrypoint.StandaloneSessionClusterEntrypoint"
_TASKS_CLASS: Final = f"{_RUNTIME}.taskexecutor.TaskManagerRunner"
# JVMs so young compute faster with the simple compiler and collector.
_JVM: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# What `taskmanager.sh` would compute; direct memory is that off the heap and of the network.
_MEMORY: Final = {
    "taskmanager.cpu.cores": "1.0",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.max": "192m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.managed.size": "192m",
    "taskmanager.memory.network.max": "64m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.task.heap.size": "384m",
    "taskmanager.memory.task.off-heap.size": "256m",
}
_TASKS_JVM: Final = ("-Xmx512m", "-XX:MaxDirectMemorySize=448m", "-XX:MaxMetaspaceSize=256m")
_LOGGING: Final = """
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %-5p %c{1} - %m%n
"""


class FlinkCluster:
    """A Flink JobManager and TaskManagers on loopback ports, each of the latter with two slots.

    It ends with the ``with`` block or with :meth:`stop`; failing both, with the interpreter, even
    one that was killed.

    Parameters
    ----------
    group
        Its processes.
    task_managers
        How many machines it plays.

    Examples
    --------
    >>> with FlinkCluster.start(task_managers=2) as cluster:  # doctest: +SKIP
    ...     context = wf.context(flink={"address": cluster.url})
    """

    def __init__(self, group: ProcessGroup, task_managers: int) -> None:
        self.task_managers = range(1, task_managers + 1)
        self._group = group
        self._port, self._rpc = free_ports(2)
        self._home = _home()
        self._configure()

    @classmethod
    def start(cls, task_managers: int = 2, *, report: Report = lambda sentence: None) -> Self:
        """Start a JobManager and TaskManagers, and wait until they know each other (some seconds).

        Parameters
        ----------
        task_managers
            How many.
        report
            Is told what is started, before it is.

        Raises
        ------
        ExecutionError
            Where there is no Java, or one of them does not start: with the end of its log.
        Unsupported
            Where apache-flink is not installed.
        """
        group = ProcessGroup("flink")
        try:
            cluster = cls(group, task_managers)
            report(
                f"Flink: starting a JobManager and {task_managers} TaskManagers"
                f" in {group.directory}"
            )
            cluster._java(_MANAGER, ("-Xmx512m",), _MANAGER_CLASS)
            for number in cluster.task_managers:
                cluster.start_task_manager(number, wait=False)
            for number in cluster.task_managers:
                cluster.wait_for_task_manager(number)
        except BaseException:
            group.stop()
            raise
        report(f"Flink: listening on {cluster.url}")
        return cluster

    @property
    def url(self) -> str:
        """What a context calls its ``address``: ``flink://127.0.0.1:port``."""
        return f"flink://{_HOST}:{self._port}"

    @property
    def port(self) -> int:
        """Where the JobManager answers over HTTP."""
        return self._port

    def asked(self, path: str) -> Any:
        """Return what the JobManager says at a path such as ``/jobs/overview``; None if nothing."""
        return asked(self._port, path)

    def alive(self) -> tuple[int, ...]:
        """Return the numbers of the TaskManagers that the JobManager knows."""
        return tuple(_number(each) for each in self._known())

    def busy(self) -> tuple[int, ...]:
        """Return the numbers of the TaskManagers that hold slots of a job."""
        return tuple(
            _number(each) for each in self._known() if each["freeSlots"] < each["slotsNumber"]
        )

    def running(self) -> tuple[str, ...]:
        """Return the ids of the jobs that run and all of whose begun tasks do."""
        state = self.asked("/jobs/overview") or {"jobs": ()}
        return tuple(
            job["jid"]
            for job in state["jobs"]
            if job["state"] == "RUNNING" and job["tasks"]["running"]
        )

    def start_task_manager(self, number: int, *, wait: bool = True) -> None:
        """Start a TaskManager, again too."""
        named = f"-Dtaskmanager.resource-id={_name(number)}"
        self._java(_name(number), _TASKS_JVM, _TASKS_CLASS, named)
        if wait:
            self.wait_for_task_manager(number)

    def wait_for_task_manager(self, number: int) -> None:
        """Wait until the JobManager knows a TaskManager."""
        self._group.wait(_name(number), lambda: number in self.alive())

    def pid(self, number: int) -> int:
        """Return a TaskManager's process id."""
        return self._group.pid(_name(number))

    def kill(self, number: int) -> None:
        """End a TaskManager as a crash would (SIGKILL)."""
        self._group.kill(_name(number))

    def stop(self) -> None:
        """End all of it and remove its files; a second call does nothing."""
        self._group.stop()

    def _known(self) -> list[dict[str, Any]]:
        state = self.asked("/taskmanagers") or {"taskmanagers": []}
        return list(state["taskmanagers"])

    def _configure(self) -> None:
        directory = self._group.directory
        scratch = directory / "scratch"
        scratch.mkdir()
        settings = {
            **_MEMORY,
            # Who refuses a connection is gone by the second try; who is slow has time.
            "heartbeat.interval": "2 s",
            "heartbeat.timeout": "50 s",
            "io.tmp.dirs": scratch,
            "jobmanager.bind-host": _HOST,
            "jobmanager.rpc.address": _HOST,
            "jobmanager.rpc.port": self._rpc,
            "parallelism.default": _SLOTS,
            "pekko.ask.timeout": "60 s",
            "pekko.startup-timeout": "120 s",
            "rest.address": _HOST,
            "rest.bind-address": _HOST,
            "rest.port": self._port,
            "restart-strategy.fixed-delay.attempts": 10,
            "restart-strategy.fixed-delay.delay": "1 s",
            "restart-strategy.type": "fixed-delay",
            "taskmanager.bind-host": _HOST,
            "taskmanager.host": _HOST,
            "taskmanager.numberOfTaskSlots": _SLOTS,
        }
        lines = (f"{name}: {value}\n" for name, value in settings.items())
        (directory / "config.yaml").write_text("".join(lines))
        (directory / "log4j.properties").write_text(_LOGGING)

    def _java(self, name: str, memory: tuple[str, ...], main: str, *arguments: str) -> None:
        directory = self._group.directory
        self._group.start(
            name,
            [
                java_program(self._group),
                *_JVM,
                *memory,
                *_opened(self._home),
                f"-Djava.io.tmpdir={directory / 'scratch'}",
                f"-Dlog4j.configurationFile=file:{directory / 'log4j.properties'}",
                *("-cp", f"{self._home / 'lib'}/*"),
                main,
                *("--configDir", str(directory)),
                *arguments,
            ],
            environment={
                "FLINK_CONF_DIR": str(directory),
                "FLINK_HOME": str(self._home),
                "FLINK_LIB_DIR": str(self._home / "lib"),
                "FLINK_OPT_DIR": str(self._home / "opt"),
                "FLINK_PLUGINS_DIR": str(self._home / "plugins"),
            },
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


def _name(number: int) -> str:
    return f"task-manager-{number}"


def _number(known: dict[str, Any]) -> int:
    return int(str(known["id"]).rpartition("-")[2])


def _opened(home: Path) -> list[str]:
    """Return the options that open Java's modules to Flink, which its own settings file lists."""
    stock = (home / "conf" / "config.yaml").read_text(encoding="utf-8")
    return re.findall(r"--add-\w+=\S+", stock)


def _home() -> Path:
    """Return where the package keeps Flink, without importing it."""
    found = find_spec("pyflink")
    if found is None or found.origin is None:
        raise Unsupported(
            "starting a Flink cluster",
            reason="the package 'apache-flink' is not installed",
            hint="pip install 'wayfed[flink]'",
        )
    return Path(found.origin).parent
