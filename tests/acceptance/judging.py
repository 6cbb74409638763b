"""Judges errors as a person reads them: the whole message, and the line that it points to."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import wayfed as wf

_LINE = re.compile(r"[\w.]+\.py, line \d+")


class Refusal:
    """What a person was told.

    Attributes
    ----------
    error
        The error.
    text
        Its message; the line of the test that it names is written as ``here``, and files in the
        working directory by their names alone.
    """

    error: wf.WayfedError
    text: str


@contextmanager
def refused(kind: type[wf.WayfedError]) -> Iterator[Refusal]:
    """Expect exactly `kind` from the block, naming a line of the test that it went through."""
    refusal = Refusal()
    with pytest.raises(kind) as caught:
        yield refusal
    error = caught.value
    assert type(error) is kind
    assert error.where is not None, f"no line is named: {error}"
    named = _LINE.match(error.where)
    assert named is not None, error.where
    passed = {
        f"{Path(frame.filename).name}, line {frame.lineno}"
        for frame in traceback.extract_tb(caught.tb)
        if Path(frame.filename).parent == Path(__file__).parent
    }
    assert named[0] in passed
    refusal.error = error
    refusal.text = str(error).replace(named[0], "here", 1).replace(f"'{Path.cwd()}/", "'")


def lines(*each: str) -> str:
    """Return a message of several lines."""
    return "\n".join(each)


def everything_said(error: BaseException) -> str:
    """Return all that a program may show of an error: its causes, its traceback, its fields."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
