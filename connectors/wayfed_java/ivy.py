"""Ivy, which pyspark brings along: it finds the jars of a set, and what they need in turn."""

from __future__ import annotations

import re
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from wayfed_java.runtime import java_home
from wayfed_java.sets import IVY_FILE
from wayfed_java.trust import trust_options
from wayfed_optimizer.errors import ExecutionError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE: Final = 600.0
_STEP: Final = 0.2
# What went wrong is in brackets behind an address; that nothing was found is only its consequence.
_CAUSES: Final = (
    re.compile(r"(No space left on device|Disk quota exceeded)"),
    re.compile(r"(PKIX path building failed)"),
    re.compile(r"Server access error at url .*?\((?:\S*\.)?(\w+Exception: .+)\)"),
    re.compile(r"((?:\S*\.)?\w+(?:Exception|Error): .+)"),
    re.compile(r":: (\S+#\S+: .+?)\s*::"),
)


def retrieve(
    name: str, directory: Path, scratch: Path, progress: Callable[[int], None] = lambda size: None
) -> None:
    """Have Ivy put the jars of a set into a directory, whatever they are.

    Parameters
    ----------
    name
        The set, which need not have been tested.
    directory
        Where the jars go.
    scratch
        An empty directory that is removed after.
    progress
        Is told from time to time how many bytes are here.

    Raises
    ------
    Unsupported
        Where pyspark, which brings Ivy, is not installed.
    ExecutionError
        Where there is no Java, or Ivy fails: with its reason.
    """
    command = _command(name, directory, scratch)
    log = scratch / "ivy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  the command is this file's own
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            code = _wait(process, lambda: progress(_size(scratch)))
        finally:
            process.kill()
            process.wait()
    if code != 0:
        said = log.read_text(encoding="utf-8", errors="replace")
        why = _cause(said) if code is not None else f"nothing came for {_PATIENCE:.0f} seconds"
        raise ExecutionError(f"the jars of {name} could not be fetched: {why}", hint=_remedy(why))


def network_options() -> tuple[str, ...]:
    """Return the JVM's options to reach the network as Python does: its trust, and its proxies."""
    # Slow to load, and every context imports this file.
    from urllib.request import getproxies

    options = list(trust_options())
    proxies = getproxies()
    for scheme in ("http", "https"):
        proxy = urlsplit(proxies.get(scheme, ""))
        if proxy.hostname:
            options.append(f"-D{scheme}.proxyHost={proxy.hostname}")
            options.append(f"-D{scheme}.proxyPort={proxy.port or 80}")
    if excepted := proxies.get("no"):
        hosts = (host.strip() for host in excepted.split(","))
        patterns = (f"*{host}" if host.startswith(".") else host for host in hosts if host)
        options.append(f"-Dhttp.nonProxyHosts={'|'.join(patterns)}")
    return tuple(options)


def _command(name: str, directory: Path, scratch: Path) -> list[str]:
    if find_spec("pyspark") is None:
        raise Unsupported(
            f"fetching the jars of {name}",
            reason="the Ivy that fetches them comes with pyspark",
            hint="pip install 'wayfed[spark]'",
        )
    import pyspark

    ivy = next((Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar"))
    program = java_home(scratch) / "bin" / "java"
    command = [str(program), "-Xmx256m", *network_options(), "-jar", str(ivy)]
    command += ["-cache", str(scratch / "cache"), "-ivy", str(IVY_FILE), "-confs", name]
    command += ["-types", "jar", "bundle"]
    return [*command, "-retrieve", f"{directory}/[artifact]-[revision].[ext]"]


def _wait(process: subprocess.Popen[bytes], report: Callable[[], None]) -> int | None:
    """Return the exit code; None where the process did not end in time."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            return process.wait(_STEP)
        except subprocess.TimeoutExpired:
            report()
    return None


def _size(scratch: Path) -> int:
    jars = (scratch / "cache").glob("**/*.jar*")
    size = 0
    for jar in jars:
        try:
            size += jar.stat().st_size
        except FileNotFoundError:  # a part that is whole by now, under its own name
            continue
    return size


def _cause(said: str) -> str:
    found = (match[1] for cause in _CAUSES for match in cause.finditer(said))
    lines = said.strip().splitlines()
    return next(found, lines[-1].strip() if lines else "Ivy said nothing")


def _remedy(why: str) -> str:
    if "PKIX" in why:
        return "set SSL_CERT_FILE to the list of authorities that your network's is in"
    if "space" in why or "quota" in why:
        return "make room, or set WAYFED_CACHE to a directory that has some"
    return "check the network, and https_proxy where it leads through a proxy; then run it again"
