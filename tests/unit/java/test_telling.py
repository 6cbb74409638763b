"""What takes a while is told on stderr, as long as nobody wants it quiet."""

from __future__ import annotations

import io

import pytest

from wayfed_java import tell, telling


class Terminal(io.StringIO):
    """A stderr that a person watches."""

    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_it_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with telling("fetching 2 jars") as progress:
        progress("1 of 2")
    assert capsys.readouterr().err == "wayfed: fetching 2 jars\n"


def test_on_a_terminal_the_line_grows_and_says_how_it_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with telling("fetching 2 jars") as progress:
        progress("1 of 2")
    states = terminal.getvalue().split("\r\x1b[K")
    assert states == [
        "wayfed: fetching 2 jars …",
        "wayfed: fetching 2 jars … 1 of 2",
        "wayfed: fetching 2 jars: done\n",
    ]


def test_what_fails_on_a_terminal_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with pytest.raises(OSError, match="gone"), telling("starting Spark"):
        raise OSError("gone")
    assert terminal.getvalue().endswith("wayfed: starting Spark: failed\n")


@pytest.mark.parametrize(
    ("quiet", "said"), [("1", ""), ("0", "wayfed: here\n"), ("", "wayfed: here\n")]
)
def test_it_can_be_kept_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quiet: str, said: str
) -> None:
    monkeypatch.setenv("WAYFED_QUIET", quiet)
    tell("here")
    assert capsys.readouterr().err == said


def test_a_process_without_a_stderr_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    with telling("starting Spark") as progress:
        progress("half")
