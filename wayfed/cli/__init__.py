"""The command line: ``wayfed calibrate | coordinator | demo | engines | explain | party | run …``.

Exit codes: 0 done; 1 an error, told on stderr; 2 a command line that cannot be understood; 130
stopped by Ctrl-C.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import Cancelled, WayfedError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FAILED: Final = 1
_INTERRUPTED: Final = 130
_LINE_OF_PYTHON: Final = re.compile(r"\.pyc?, line \d+$|^wayfed, line \d+$")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; the console script ``wayfed``.

    Parameters
    ----------
    arguments
        What was written after the command's name; those of this process by default.
    """
    try:
        from wayfed.cli.app import app

        app(args=list(arguments) if arguments is not None else None, prog_name="wayfed")
    except Cancelled as error:
        _tell(error)
        sys.exit(_INTERRUPTED)
    except WayfedError as error:
        _tell(error)
        sys.exit(_FAILED)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _tell(error: WayfedError) -> None:
    # The line of the program that called wayfed is here a line of the command line's own.
    if error.where and _LINE_OF_PYTHON.search(error.where):
        error.where = None
    sys.stderr.write(f"{type(error).__name__}: {error}\n")
