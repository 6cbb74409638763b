"""Whether an engine runs a plan, tried in a process of its own.

An engine that brings its process down, or never answers, does so to nobody else's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE: Final = 300
_SHOWN: Final = 600


@dataclass(frozen=True, slots=True)
class Trial:
    """How it went.

    Parameters
    ----------
    failure
        Why it did not work; None where it did.
    hint
        The remedy that the engine's own error names.
    ran
        Whether a plan was run; a connector of stores alone has no engine to run one on.
    """

    failure: str | None = None
    hint: str | None = None
    ran: bool = True


def try_engine(name: str, config: Path | None = None) -> Trial:
    """Run a tiny plan on an engine, with the options that a configuration has for it."""
    command = [sys.executable, "-m", "wayfed.engines", name]
    if config is not None:
        command.append(str(config))
    try:
        done = subprocess.run(  # noqa: S603  the command is this file's own
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Trial(f"it gave no answer in {_PATIENCE} seconds")
    try:
        return Trial(**json.loads(done.stdout.strip().rpartition("\n")[2]))
    except (ValueError, TypeError):
        said = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        return Trial(f"its process ended with {done.returncode}: {said[:_SHOWN]}")
