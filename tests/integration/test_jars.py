"""Jars come by Ivy from the network, once; what is here and right is left alone."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from wayfed_java import jars
from wayfed_java.jars import DAMAGED, MISSING, wrong_jars
from wayfed_java.locking import alone
from wayfed_java.sets import jar_set
from wayfed_optimizer.errors import ExecutionError, InvalidOption

NAME = "postgresql"
TELLING = "wayfed: fetching PostgreSQL for Spark (1 jar, 1.1 MB)\n"
FETCH = f"import wayfed_java; print(*wayfed_java.jars({NAME!r}))"


@pytest.fixture(scope="session")
def fetched() -> Path:
    """The jar in this person's own cache."""
    return jars(NAME)[0]


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache."""
    monkeypatch.setenv("WAYFED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def jar(cache: Path, fetched: Path) -> Path:
    """The one jar of a cache that has it."""
    directory = cache / "jars" / NAME
    directory.mkdir(parents=True)
    return Path(shutil.copy(fetched, directory))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """All ways out lead to a port where nobody listens."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")


def start(program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def left_in(cache: Path) -> set[str]:
    """What lies among the jars but for locks."""
    return {path.name for path in (cache / "jars").iterdir() if path.suffix != ".lock"}


def test_a_jar_that_is_missing_is_fetched_and_said_so(
    cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (path,) = jars(NAME)
    assert path == cache / "jars" / NAME / "postgresql-42.7.7.jar"
    assert path.stat().st_size == jar_set(NAME).size
    assert capfd.readouterr().err == TELLING
    assert left_in(cache) == {NAME, f".{NAME}.verified"}


def test_jars_that_are_here_need_no_network_and_say_nothing(
    jar: Path, no_network: None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert jars(NAME) == jars(NAME) == (jar,)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_jar_is_fetched_again_and_said_so(
    jar: Path, capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    assert jars(NAME) == (jar,)
    whole = jar.read_bytes()
    jar.write_bytes(whole[: len(whole) // 2] if damage == "cut" else whole[:-1] + b"?")
    assert wrong_jars(jar_set(NAME)) == {jar_set(NAME).jars[0]: DAMAGED}
    told: list[str] = []
    assert jars(NAME, told.append) == (jar,)
    assert jar.read_bytes() == whole
    (message,) = told
    assert message.startswith("postgresql-42.7.7.jar in ")
    assert message.endswith("is damaged: fetching PostgreSQL for Spark (1 jar, 1.1 MB) again")
    assert capfd.readouterr().err == ""


def test_a_jar_that_has_not_changed_is_read_again_only_where_that_is_asked_for(jar: Path) -> None:
    jars(NAME)
    record = jar.parents[1] / f".{NAME}.verified"
    jar.write_bytes(b"damaged")
    # As if it had been like that when it was verified.
    status = jar.stat()
    mark = [jar_set(NAME).jars[0].digest, status.st_ino, status.st_size, status.st_ctime_ns]
    record.write_text(json.dumps({jar.name: mark}))
    assert wrong_jars(jar_set(NAME)) == {}
    assert wrong_jars(jar_set(NAME), thorough=True) == {jar_set(NAME).jars[0]: DAMAGED}


@pytest.mark.parametrize("record", ["", "[1]", '{"postgresql-42.7.7.jar": 3}', "\x00"])
def test_a_record_that_is_damaged_too_is_passed_over(jar: Path, record: str) -> None:
    (jar.parents[1] / f".{NAME}.verified").write_text(record)
    assert wrong_jars(jar_set(NAME)) == {}
    jar.unlink()
    assert wrong_jars(jar_set(NAME)) == {jar_set(NAME).jars[0]: MISSING}


def test_without_a_network_the_error_names_the_remedy_and_nothing_is_left(
    cache: Path, no_network: None
) -> None:
    with pytest.raises(ExecutionError, match="ConnectException: Connection refused") as raised:
        jars(NAME)
    assert raised.value.hint is not None
    assert "https_proxy" in raised.value.hint
    assert left_in(cache) == set()


def test_an_authority_that_is_not_trusted_is_named_as_the_cause(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody's")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(today)
        .not_valid_after(today + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    listed = tmp_path / "authorities.pem"
    listed.write_bytes(certificate.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(listed))
    with pytest.raises(ExecutionError, match="PKIX") as raised:
        jars(NAME)
    assert "SSL_CERT_FILE" in str(raised.value.hint)
    assert left_in(cache) == set()


def test_a_cache_that_cannot_be_written_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WAYFED_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ExecutionError, match="cannot be") as raised:
        jars(NAME)
    assert "WAYFED_CACHE" in str(raised.value.hint)


def test_what_cannot_be_a_jar_is_named_with_its_remedy(jar: Path) -> None:
    jar.unlink()
    jar.mkdir()
    with pytest.raises(ExecutionError, match="cannot be read: Is a directory") as raised:
        jars(NAME)
    assert "remove it" in str(raised.value.hint)


def test_a_set_that_there_is_not_is_told_with_those_there_are() -> None:
    with pytest.raises(InvalidOption, match="'postgres' is not a set of jars") as raised:
        jars("postgres")
    assert raised.value.hint == "did you mean 'postgresql'?"


def test_processes_that_need_the_same_jars_wait_for_the_first(cache: Path) -> None:
    (cache / "jars").mkdir(parents=True)
    processes = []

    def nothing() -> None:
        raise AssertionError("nobody else was here yet")

    with alone(cache / "jars" / f".{NAME}.lock", nothing):
        processes = [start(FETCH), start(FETCH)]
        for process in processes:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert said.startswith("wayfed: waiting for another process that fetches PostgreSQL")
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert len({output for output, _ in answers}) == 1
    assert sorted(told for _, told in answers) == ["", TELLING]  # one of the two fetched


def test_what_a_killed_fetch_left_is_never_taken_for_whole(cache: Path) -> None:
    process = start(FETCH)
    assert process.stderr is not None
    assert process.stderr.readline() == TELLING
    children: list[psutil.Process] = []
    while not children and process.poll() is None:
        children = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for child in children:
        child.kill()
    psutil.wait_procs(children)
    assert wrong_jars(jar_set(NAME)) == {jar_set(NAME).jars[0]: MISSING}
    assert any(name.startswith(f".{NAME}-") for name in left_in(cache))
    jars(NAME)
    assert wrong_jars(jar_set(NAME), thorough=True) == {}
    assert left_in(cache) == {NAME, f".{NAME}.verified"}
