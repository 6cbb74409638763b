"""Every error that wayfed raises, one tree.

::

    WayfedError
    ├── PlanError                what is wrong can be said before any data moves
    │   ├── ColumnNotFound       TableNotFound       FunctionNotFound      PlatformNotFound
    │   ├── DuplicateColumn      two columns of one name
    │   ├── TypeMismatch         an operation does not take these types
    │   ├── InvalidOption        an argument, option or key that is not one, or has no such value
    │   ├── InvalidPlan          bytes that are not a plan
    │   ├── InvalidSql           SQL text that cannot be read
    │   ├── SourceError          a source that is missing, unreadable or not of its format
    │   ├── NotEnoughMemory      an operator cannot do with what it is allowed
    │   ├── UnboundedResult      an end is needed and the input has none
    │   └── Unsupported          meaningful, but not something this platform does
    ├── ExecutionError           an engine failed while it ran
    │   ├── TransferError        data did not arrive
    │   └── Cancelled            somebody asked to stop
    ├── SourceChanged            a source is not what it was when the plan was made
    ├── PartyError               a party of a federation failed, or left
    └── PolicyViolation          a party's rules forbid it

and two warnings, NotConverged: a loop came to its limit before its end; and PlacedElsewhere: a
platform that could not be had was done without. What a run may do about an error is its `failure`.

A message says what is wrong, where (the user's own line), what there was to choose from, and one
hint. Passwords in URLs are masked in all of them.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from contextlib import contextmanager
from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

_COMMAND = "wayfed.cli"
_OUR_PACKAGES = ("wayfed", "wayfed_")
_LIBRARIES = frozenset(
    {
        "adbc_driver_manager",
        "duckdb",
        "flwr",
        "numpy",
        "pandas",
        "polars",
        "psycopg",
        "py4j",
        "pyarrow",
        "pyspark",
        "sqlalchemy",
    }
)
"""What calls our code, or is called by the user's, without being the user's."""
_STANDARD_LIBRARY = os.path.dirname(os.__file__)
_SHOWN = 30
_URL_PASSWORD = re.compile(
    r"(?P<scheme>\b[\w+.-]+://[^\s:/@]*):(?P<password>[^\s@]*(?:@[^\s@'\",]*)*)@"
)
_KEY_PASSWORD = re.compile(r"(?i)\b(password|passwd|pwd|secret|token)(\s*[=:]\s*)([^\s&;,'\"]+)")


def mask_secrets(text: str) -> str:
    """Replace the passwords in `text` by ``***``.

    Examples
    --------
    >>> mask_secrets("postgresql://ada:countess@db/core")
    'postgresql://ada:***@db/core'
    """
    text = _URL_PASSWORD.sub(r"\g<scheme>:***@", text)
    return _KEY_PASSWORD.sub(r"\1\2***", text)


def suggestion(name: str, available: Iterable[str]) -> str | None:
    """Return ``did you mean 'x'?`` for the closest of `available`, if any is close.

    Examples
    --------
    >>> suggestion("ammount", ["amount", "account"])
    "did you mean 'amount'?"
    """
    choices = {choice.lower(): choice for choice in available}
    close = get_close_matches(name.lower(), choices, n=1, cutoff=0.6)
    return f"did you mean '{choices[close[0]]}'?" if close else None


def user_location() -> str | None:
    """Return where the calling program stands: its nearest frame.

    None in a thread of ours, and in our own command, whose users have no program.
    """
    frame = _user_frame()
    return describe_line(frame.f_code.co_filename, frame.f_lineno) if frame is not None else None


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn as if the calling program's own line did; in a thread of ours, as this one does."""
    frame = _user_frame()
    if frame is None:
        warnings.warn(message, category, stacklevel=2)
        return
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(
        message, category, frame.f_code.co_filename, frame.f_lineno, registry=registry
    )


def raised_at(error: BaseException) -> str | None:
    """Return the line of the user's that an error came from: the innermost one that is not ours."""
    found = None
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if _is_users(frame):
            found = describe_line(frame.f_code.co_filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def _user_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_COMMAND):
            return None
        if _is_users(frame):
            return frame
        frame = frame.f_back
    return None


def _is_users(frame: FrameType) -> bool:
    """Say whether a frame is of neither our own code, nor the standard library, nor generated."""
    module = frame.f_globals.get("__name__", "")
    filename = frame.f_code.co_filename
    ours = module == _OUR_PACKAGES[0] or module.startswith((f"{_OUR_PACKAGES[0]}.", "wayfed_"))
    generated = filename.startswith("<") and module != "__main__"
    library = module.partition(".")[0] in _LIBRARIES
    return not ours and not library and not generated and not _is_standard(filename)


def _is_standard(filename: str) -> bool:
    """Say whether a file is of the standard library, through which our own code may be called."""
    return filename.startswith(_STANDARD_LIBRARY) and "site-packages" not in filename


def describe_line(filename: str, line: int) -> str:
    """Return a line of a program as people know it: file and line, or a notebook's cell."""
    cell = re.search(r"ipykernel_\d+", filename)
    if cell or filename.startswith("<ipython-input"):
        return f"notebook cell, line {line}"
    return f"{filename.rsplit('/', 1)[-1]}, line {line}"


class Failure(Enum):
    """What a failure says about doing the same work again."""

    FINAL = "final"
    """It fails again, wherever it is done: the plan, the rows or the rights are what is wrong."""
    TRANSIENT = "transient"
    """It may pass: a connection was lost, a server restarts, two transactions met."""
    LOST = "lost"
    """The platform cannot be had; others may do its work."""


class WayfedError(Exception):
    """Anything that wayfed has to say about a plan or its execution.

    Parameters
    ----------
    message
        What is wrong, in one sentence.
    available
        What there was to choose from.
    hint
        One remedy.
    where
        The place; by default the line of the program that called wayfed.
    failure
        Whether the same work may succeed a little later, or elsewhere.
    """

    def __init__(
        self,
        message: str,
        *,
        available: Iterable[str] = (),
        hint: str | None = None,
        where: str | None = None,
        failure: Failure = Failure.FINAL,
    ) -> None:
        self.failure = failure
        self.message = mask_secrets(message)
        self.available = tuple(available)
        self.hint = mask_secrets(hint) if hint else None
        self.where = where or user_location()
        super().__init__(self.message)

    def __str__(self) -> str:
        first, *rest = self.message.split("\n")
        lines = [f"{first} ({self.where})" if self.where else first, *rest]
        if self.available:
            shown = ", ".join(self.available[:_SHOWN])
            more = len(self.available) - _SHOWN
            lines.append(f"  available: {shown}" + (f", … {more} more" if more > 0 else ""))
        if self.hint:
            lines.append(f"  {self.hint}")
        return "\n".join(lines)


class PlanError(WayfedError):
    """The plan cannot be meant as it is written; no data has moved."""


class _NotFound(PlanError):
    """A name that is not among those available; suggests the closest."""

    kind = "name"

    def __init__(
        self,
        name: str,
        available: Iterable[str] = (),
        *,
        of: str | None = None,
        hint: str | None = None,
        where: str | None = None,
    ) -> None:
        self.name = name
        available = tuple(available)
        place = f" of {of}" if of else ""
        super().__init__(
            f"'{name}' is not a {self.kind}{place}",
            available=available,
            hint=suggestion(name, available) or hint,
            where=where,
        )


class ColumnNotFound(_NotFound):
    r"""A column that its relation does not have.

    Examples
    --------
    >>> print(ColumnNotFound("ammount", ["amount", "fee"], of="transactions", where="line 2"))
    'ammount' is not a column of transactions (line 2)
      available: amount, fee
      did you mean 'amount'?
    """

    kind = "column"


class TableNotFound(_NotFound):
    """A table that the catalog or the store does not have."""

    kind = "table"


class FunctionNotFound(_NotFound):
    """A function that the function table does not have."""

    kind = "function"


class PlatformNotFound(_NotFound):
    """A platform that this context does not have."""

    kind = "platform"


class InvalidOption(PlanError):
    """An argument, option or key that is not one, or that has no such value."""

    @classmethod
    def unknown(cls, name: str, available: Iterable[str], *, of: str) -> InvalidOption:
        """Return the error for an option called `name` that `of` does not have."""
        available = tuple(available)
        return cls(
            f"'{name}' is not an option of {of}",
            available=available,
            hint=suggestion(name, available),
        )


class DuplicateColumn(PlanError):
    """Two columns of one relation would have the same name."""


class TypeMismatch(PlanError):
    """An operation does not take values of these types."""


class InvalidPlan(PlanError):
    """Bytes that are not a plan, or a plan beyond the limits of the wire form."""


class InvalidSql(PlanError):
    """SQL text that cannot be read; shows the position with a caret."""


class SourceError(PlanError):
    """A source that is missing, cannot be reached, or is not of the format it is said to be."""


class NotEnoughMemory(PlanError):
    """An operator must hold more than its engine may, on whichever platform it is placed."""


class UnboundedResult(PlanError):
    """A terminal needs the end of its input, and the input has none."""


class Unsupported(PlanError):
    """A meaningful operation that a platform does not do.

    Parameters
    ----------
    operation
        What was asked, in the plan's terms.
    platform
        Who was asked; None where no platform does it.
    reason
        Why not.
    """

    def __init__(
        self,
        operation: str,
        platform: str | None = None,
        reason: str | None = None,
        *,
        hint: str | None = None,
        available: Iterable[str] = (),
        where: str | None = None,
    ) -> None:
        self.operation, self.platform, self.reason = operation, platform, reason
        subject = f"{operation} is not supported" + (f" on {platform}" if platform else "")
        message = f"{subject}: {reason}" if reason else subject
        super().__init__(message, hint=hint, available=available, where=where)


class ExecutionError(WayfedError):
    """An engine failed while it ran its part of a plan; the engine's own error is its cause.

    Parameters
    ----------
    platform, fragment, sql
        Who failed, in which part of the plan, and what it had been asked.
    """

    def __init__(
        self,
        message: str,
        *,
        platform: str | None = None,
        fragment: str | None = None,
        sql: str | None = None,
        available: Iterable[str] = (),
        hint: str | None = None,
        where: str | None = None,
        failure: Failure = Failure.FINAL,
    ) -> None:
        self.platform, self.fragment = platform, fragment
        self.sql = mask_secrets(sql) if sql else None
        place = ", ".join(part for part in (platform, fragment) if part)
        text = f"{place}: {message}" if place else message
        if self.sql:
            text += f"\n  asked: {self.sql}"
        super().__init__(text, available=available, hint=hint, where=where, failure=failure)


class TransferError(ExecutionError):
    """Data did not arrive where it was sent."""


class Cancelled(ExecutionError):
    """The work was stopped because somebody asked for it."""


class NotConverged(UserWarning):
    """A loop came to its `max_iterations` while its condition was not true; its rows are there."""


class PlacedElsewhere(UserWarning):
    """A platform could not be had, and what it was to do was done by others."""


@contextmanager
def starting() -> Iterator[None]:
    """Say of the errors of a block, in which a platform starts, that it cannot be had.

    Examples
    --------
    >>> try:
    ...     with starting():
    ...         raise ExecutionError("no Java was found", platform="spark")
    ... except ExecutionError as error:
    ...     error.failure
    <Failure.LOST: 'lost'>
    """
    try:
        yield
    except WayfedError as error:
        if not isinstance(error, Cancelled):
            error.failure = Failure.LOST
        raise


class StatisticsMissing(UserWarning):
    """A store did not tell what it knows of a table; the plan is made with what is assumed."""


class SourceChanged(WayfedError):
    """A source is not what it was when the plan was made, or changed while it was read."""


class PartyError(WayfedError):
    """A party of a federation failed, left, or answered what cannot be used.

    Parameters
    ----------
    party
        The party's name; None where the failure is of all of them.
    """

    def __init__(
        self,
        message: str,
        *,
        party: str | None = None,
        available: Iterable[str] = (),
        hint: str | None = None,
        where: str | None = None,
    ) -> None:
        self.party = party
        text = f"party '{party}': {message}" if party else message
        super().__init__(text, available=available, hint=hint, where=where)


class PolicyViolation(WayfedError):
    """A party's policy forbids what was asked."""
