"""A JVM with our gateway in it: started quietly, Ctrl-C left to Python, ended without a trace."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wayfed_flink.jar import JAR, require_whole
from wayfed_flink.queries import driver_jars
from wayfed_java import java_home
from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    from wayfed_flink.settings import Settings

_PATIENCE: Final = 20.0
_OUT_OF_MEMORY: Final = 3
"""What a JVM exits with by ``-XX:+ExitOnOutOfMemoryError``."""
_LOGGING: Final = """\
rootLogger.level = ERROR
rootLogger.appenderRef.err.ref = Err
appender.err.name = Err
appender.err.type = CONSOLE
appender.err.target = SYSTEM_ERR
appender.err.layout.type = PatternLayout
appender.err.layout.pattern = %p %c{1}: %m%n%ex{short}
"""


class Jvm:
    """A running JVM of ours.

    Parameters
    ----------
    settings
        Those of the Flink that is to run in it, or to be called from it.

    Raises
    ------
    ExecutionError
        Where there is no Java, where our jar is not whole, and where the JVM does not start: with
        what it said last.
    """

    def __init__(self, settings: Settings) -> None:
        with ExitStack() as undo:
            self.directory = Path(undo.enter_context(_directory()))
            self._log = self.directory / "flink.log"
            self._process = self._launch(settings, undo)
            self.gateway = self._connect()
            undo.callback(self._disconnect)
            self._undo = undo.pop_all()

    @property
    def gone(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def out_of_memory(self) -> bool:
        """Say whether it has ended, or ends just now, for lack of memory."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(_PATIENCE) == _OUT_OF_MEMORY
        return False

    def last_words(self) -> str:
        """Return what its output says about its end: the first error and the line after it."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        for number, line in enumerate(lines):
            if "rror" in line or "Exception" in line:
                return " ".join(text.strip() for text in lines[number : number + 2])
        return " ".join(lines[:2])

    def close(self) -> None:
        """End it and remove its files."""
        self._undo.close()

    def _launch(self, settings: Settings, undo: ExitStack) -> subprocess.Popen[bytes]:
        require_whole()
        logging = self.directory / "log4j2.properties"
        logging.write_text(_LOGGING, encoding="ascii")
        home = java_home(self.directory, "flink")
        self._token = secrets.token_urlsafe()
        command = [
            str(home / "bin" / "java"),
            *settings.java_options(self.directory),
            *_module_options(),
            f"-Dlog4j.configurationFile={logging}",
            "-cp",
            os.pathsep.join(map(str, (*_libraries(), JAR, *driver_jars()))),
            "wayfed.engine.Gateway",
        ]
        with self._log.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  the command is this file's own
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.directory,
                env={**os.environ, "WAYFED_GATEWAY_TOKEN": self._token},
                process_group=0,  # so that Ctrl-C is Python's alone
                bufsize=0,  # what follows the first line is there for the next who reads
            )
        undo.callback(_end, process)
        return process

    def _connect(self) -> Any:
        from py4j.java_gateway import GatewayParameters

        from wayfed_flink.client import QuietGateway

        port = next(iter(self._process.stdout or ()), b"")
        if not port.strip().isdigit():
            more, _ = self._process.communicate(timeout=_PATIENCE)
            said = (port + more).decode(errors="replace").split()
            told = " ".join([*said, self.last_words()]).strip()
            raise ExecutionError(
                f"the JVM for Flink did not start: {told or 'it said nothing'}",
                platform="flink",
            )
        parameters = GatewayParameters(
            port=int(port),
            auto_convert=True,
            auth_token=self._token,
            # What is let go of is told so by us; a finalizer may run when the JVM is long gone.
            enable_memory_management=False,
        )
        return QuietGateway(gateway_parameters=parameters)

    def _disconnect(self) -> None:
        from py4j.protocol import Py4JError

        with suppress(Py4JError, OSError):
            self.gateway.close()


def flink_home() -> Path:
    """Return where the package apache-flink has its jars."""
    import pyflink

    return Path(pyflink.__file__).parent


def _libraries() -> tuple[Path, ...]:
    home = flink_home()
    return (*sorted(home.glob("lib/*.jar")), *sorted(home.glob("opt/flink-python-*.jar")))


def _module_options() -> list[str]:
    """Return what Flink's own configuration opens to it of a newer Java."""
    text = (flink_home() / "conf" / "config.yaml").read_text(encoding="utf-8")
    return re.findall(r"--add-(?:exports|opens)=\S+", text)


def _directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="wayfed-flink-", ignore_cleanup_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the JVM, which lives as long as its standard input is open."""
    if process.poll() is not None and process.stdout is not None and process.stdout.closed:
        return
    try:
        process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
