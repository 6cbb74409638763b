"""The PostgreSQL server that wayfed brings along starts anywhere and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.waiting import wait_until
from wayfed_database import embedded
from wayfed_database.embedded import PostgresServer
from wayfed_optimizer.errors import ExecutionError, Unsupported

pytestmark = pytest.mark.postgres

OWNER = """
import sys
from wayfed_database.embedded import PostgresServer
server = PostgresServer.start()
print(server.pid, flush=True)
{ending}
"""


def data_directory(pid: int) -> Path:
    return Path(psutil.Process(pid).cwd())


def start_owner(ending: str) -> tuple[subprocess.Popen[str], Path]:
    command = [sys.executable, "-c", OWNER.format(ending=ending)]
    owner = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    return owner, data_directory(int(owner.stdout.readline())).parent


def test_a_query_is_answered_over_tcp_with_a_password(postgres_url):
    with psycopg.connect(postgres_url) as connection:
        (answer,) = connection.execute("select 6 * 7").fetchone()
    assert answer == 42

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_url.replace("wayfed:", "wayfed:not-"))


def test_text_sorts_by_code_point_and_knows_letters_beyond_ascii(postgres_url):
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute("select upper(c) from (values ('ä'), ('z')) t(c) order by c")
        assert rows.fetchall() == [("Z",), ("Ä",)]


def test_a_server_ends_with_its_block_and_its_data_is_gone():
    with PostgresServer.start() as server:
        directory = data_directory(server.pid).parent
        assert server.running
    assert not server.running
    assert not directory.exists()
    server.stop()


def test_two_servers_live_side_by_side():
    with PostgresServer.start() as one, PostgresServer.start() as other:
        assert one.url != other.url
        one.stop()
        with psycopg.connect(other.url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_each_step_is_reported_without_the_password():
    sentences: list[str] = []
    with PostgresServer.start(report=sentences.append) as server:
        password = server.url.split(":")[2].split("@")[0]
    assert len(sentences) == 2
    assert "making a database" in sentences[0]
    assert "listening on 127.0.0.1:" in sentences[1]
    assert password not in "".join(sentences)


def test_a_durable_server_writes_to_disk_before_it_confirms():
    with PostgresServer.start(durable=True) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("show fsync").fetchone() == ("on",)


@pytest.mark.parametrize(
    ("ending", "code"), [("", 0), ("raise SystemExit(3)", 3), ("raise ValueError", 1)]
)
def test_a_program_that_forgets_to_stop_its_server_leaves_nothing_behind(ending, code):
    owner, directory = start_owner("sys.stdin.readline()\n" + ending)
    owner.communicate("\n")
    assert owner.returncode == code
    assert not directory.exists()


def test_a_program_that_is_killed_leaves_nothing_behind():
    owner, directory = start_owner("sys.stdin.readline()")
    owner.kill()
    owner.communicate()
    assert owner.returncode == -signal.SIGKILL
    wait_until(lambda: not directory.exists())


def test_a_forked_child_that_ends_does_not_take_the_server_along():
    owner, _ = start_owner(
        "import os, psycopg\n"
        "child = os.fork()\n"
        "if child == 0: sys.exit()\n"
        "os.waitpid(child, 0)\n"
        "sys.exit(psycopg.connect(server.url).execute('select 7').fetchone()[0])"
    )
    _, errors = owner.communicate()
    assert owner.returncode == 7, errors


def test_a_port_taken_by_another_program_is_left_alone(monkeypatch):
    with socket.socket() as taken, socket.socket() as free:
        for each in (taken, free):
            each.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [taken.getsockname()[1], free.getsockname()[1]]
        free.close()
        monkeypatch.setattr(embedded, "_free_port", iter(ports).__next__)
        with PostgresServer.start() as server:
            assert f":{ports[1]}/" in server.url


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setattr(embedded, "_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(Unsupported, match=r"pip install 'wayfed\[demo\]'"):
        PostgresServer.start()


def test_a_server_that_does_not_start_shows_the_end_of_its_log(monkeypatch):
    monkeypatch.setattr(embedded, "_SETTINGS", ("no_such_setting=1",))
    with pytest.raises(ExecutionError, match="unrecognized configuration parameter"):
        PostgresServer.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the server another account")
def test_root_starts_a_server_from_a_home_that_nobody_else_may_enter(monkeypatch, tmp_path):
    package = embedded._installed()
    tmp_path.chmod(0o700)
    for each in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(each, tmp_path / each.name)
    monkeypatch.setattr(embedded, "_installed", lambda: tmp_path / package.name)
    with PostgresServer.start() as server, psycopg.connect(server.url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_directory_keeps_rows_for_the_next_server():
    home = Path(tempfile.mkdtemp(prefix="kept-"))  # a server run by root is nobody's
    home.chmod(0o755)
    try:
        with PostgresServer.start(directory=home / "kept") as server:
            with psycopg.connect(server.url) as connection:
                connection.execute("CREATE TABLE t AS SELECT 7 AS n")
            with pytest.raises(ExecutionError, match=r"runs in .* already"):
                PostgresServer.start(directory=home / "kept")
            assert server.running
        with (
            PostgresServer.start(directory=home / "kept") as again,
            psycopg.connect(again.url) as connection,
        ):
            assert connection.execute("SELECT n FROM t").fetchone() == (7,)
    finally:
        shutil.rmtree(home)
