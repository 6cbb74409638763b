"""A JVM with a Spark in it: started quietly, Ctrl-C left to Python, stopped without a trace."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from subprocess import TimeoutExpired
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wayfed_java import java_home
from wayfed_optimizer.errors import ExecutionError, Unsupported
from wayfed_spark.failures import summary
from wayfed_spark.jdbc import driver_jars
from wayfed_spark.masters import masters, require_master
from wayfed_spark.memory import room

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import SparkSession

_PATIENCE: Final = 20.0
_LOOPBACK: Final = "127.0.0.1"
_LOOPBACKS: Final = (_LOOPBACK, "localhost")
_OTHER_VERSION: Final = "is its master of another version? The package pyspark here is {}"
_JARS: Final = "spark.jars"
_JAVA_OPTIONS: Final = "spark.driver.extraJavaOptions"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a Spark of ours is started.

    Parameters
    ----------
    master
        ``local[*]``, ``local[2]``, ``spark://host:port`` …
    memory
        Of the driver, which on ``local`` does all the work.
    config
        More Spark settings, by name.
    exchange
        A directory that this machine and all workers see, through which rows come and go.
    """

    master: str = "local[*]"
    memory: str = "2g"
    config: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    exchange: Path | None = None

    @property
    def local(self) -> bool:
        """Whether all of Spark runs on this machine, in its driver."""
        return self.master.startswith("local")

    @property
    def room(self) -> float:
        """Bytes that operators may hold; infinite where other machines compute."""
        return room(self.master, self.memory)

    def __str__(self) -> str:
        more = "".join(f" {name}={value}" for name, value in self.config.items())
        return f"master={self.master} memory={self.memory}{more}"


def start(settings: Settings) -> tuple[SparkSession, ExitStack]:
    """Start a JVM and a Spark in it; closing the stack stops both and removes their files.

    To be called in a thread other than the main one, where pyspark would take over Ctrl-C.

    Raises
    ------
    ExecutionError
        Where there is no Java, and where Spark does not start: with what it said last.
    """
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext, SparkFiles
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    if SparkContext._active_spark_context is not None:
        raise ExecutionError(
            "this process runs a Spark that is not ours, and has room for one",
            platform="spark",
            hint="hand its session over: wf.context(spark=session)",
        )
    require_master(settings.master)
    with ExitStack() as undo:
        directory = Path(undo.enter_context(_directory()))
        log = directory / "spark.log"
        conf = SparkConf(loadDefaults=False).setAll(_configuration(settings, directory).items())
        try:
            with _environment(settings, java_home(directory)):
                gateway = _launch(conf, log, undo)
                context = SparkContext(conf=conf, gateway=gateway)
                undo.callback(_stop_spark, context, gateway)
                undo.callback(_forget_path, SparkFiles.getRootDirectory())
                session = SparkSession(context)
        except (Py4JError, PySparkException, OSError) as error:
            raise ExecutionError(
                f"Spark did not start ({settings}): {_last_words(log) or summary(error)}",
                platform="spark",
                hint=None if settings.local else _OTHER_VERSION.format(version("pyspark")),
            ) from error
        return session, undo.pop_all()


def require_pyarrow() -> None:
    """Raise Unsupported where the pyarrow that is installed is too old for this pyspark."""
    from pyspark.sql.pandas.utils import require_minimum_pyarrow_version

    try:
        require_minimum_pyarrow_version()
    except ImportError as error:
        raise Unsupported(
            "moving rows to and from Spark",
            "spark",
            summary(error),
            hint="pip install 'wayfed[spark]' installs versions that fit each other",
        ) from error


def _directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="wayfed-spark-", ignore_cleanup_errors=True)


def _configuration(settings: Settings, directory: Path) -> Mapping[str, str]:
    values = {
        "spark.app.name": "wayfed",
        "spark.driver.maxResultSize": "0",
        "spark.log.level": "ERROR",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if settings.local:
        values |= {
            "spark.driver.bindAddress": _LOOPBACK,
            "spark.driver.host": _LOOPBACK,
            "spark.sql.shuffle.partitions": str(os.cpu_count() or 1),
        }
    elif all(host in _LOOPBACKS for host, _ in masters(settings.master)):
        values |= {"spark.driver.bindAddress": _LOOPBACK, "spark.driver.host": _LOOPBACK}
    drivers = [*filter(None, [settings.config.get(_JARS)]), *map(str, driver_jars())]
    java = f"-Djava.io.tmpdir={directory} -Duser.timezone=UTC -XX:-UsePerfData"
    more = settings.config.get(_JAVA_OPTIONS, "")
    return (
        values
        | dict(settings.config)
        | {
            "spark.master": settings.master,
            "spark.driver.memory": settings.memory,
            _JAVA_OPTIONS: f"{java} {more}".strip(),
            _JARS: ",".join(drivers),
            "spark.local.dir": str(directory),
            "spark.sql.warehouse.dir": str(directory / "warehouse"),
        }
    )


@contextmanager
def _environment(settings: Settings, home: Path) -> Iterator[None]:
    """Set what pyspark reads from the environment, as long as it starts."""
    values = {
        "JAVA_HOME": str(home),
        "PYSPARK_PYTHON": settings.config.get(
            "spark.pyspark.python", os.environ.get("PYSPARK_PYTHON", sys.executable)
        ),
    }
    if settings.local:
        values["SPARK_LOCAL_IP"] = _LOOPBACK
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _launch(conf: Any, log: Path, undo: ExitStack) -> Any:
    """Return the gateway to a new JVM, or to one that a stopped session of the user's left."""
    from pyspark import SparkContext
    from pyspark.java_gateway import launch_gateway

    if SparkContext._gateway is not None:
        return SparkContext._gateway
    with log.open("wb") as output:
        gateway = launch_gateway(conf, {"stdout": output, "stderr": output})
    undo.callback(_stop_jvm, gateway)
    return gateway


def _stop_spark(context: Any, gateway: Any) -> None:
    """Stop Spark, and have pyspark forget it, also where its JVM has died."""
    from pyspark.sql import SparkSession

    if _is_gone(gateway):
        # Else py4j would tell the JVM of each object that is dropped, and log that it cannot.
        gateway._gateway_client.is_connected = False
        context._jsc = None
        context.stop()
        SparkSession._instantiatedSession = SparkSession._activeSession = None
    elif SparkSession._instantiatedSession is not None:
        SparkSession._instantiatedSession.stop()
    else:
        context.stop()


def _stop_jvm(gateway: Any) -> None:
    """End the JVM, which lives as long as its standard input is open."""
    from pyspark import SparkContext

    SparkContext._gateway = SparkContext._jvm = None
    if not _is_gone(gateway):
        gateway.shutdown()
    if gateway.proc is None:
        return
    gateway.proc.stdin.close()
    try:
        gateway.proc.wait(_PATIENCE)
    except TimeoutExpired:
        gateway.proc.kill()
        gateway.proc.wait()


def _is_gone(gateway: Any) -> bool:
    return gateway.proc is not None and gateway.proc.poll() is not None


def _forget_path(entry: str) -> None:
    with suppress(ValueError):
        sys.path.remove(entry)


def _last_words(log: Path) -> str:
    """Return what the JVM's output says about its end: the first error, and the line after it."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    for number, line in enumerate(lines):
        if "rror" in line or "Exception" in line:
            return " ".join(text.strip() for text in lines[number : number + 2])
    return ""
