"""What a database's errors mean, in our terms: who failed, where, and what to do about it."""

from __future__ import annotations

import re
from tempfile import gettempdir
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import (
    Cancelled,
    ExecutionError,
    Failure,
    SourceChanged,
    SourceError,
    WayfedError,
)

if TYPE_CHECKING:
    from wayfed_database.location import ServerLocation
    from wayfed_database.target import Task
    from wayfed_optimizer.cancellation import CancellationToken
    from wayfed_optimizer.physical import Fragment
    from wayfed_optimizer.platform import Compiled

_PREFIX: Final = re.compile(r"^(?:[A-Z_]+: |\[\w+\] |[\w ]*?(?:ERROR|FATAL): +)+")
_REPORTED: Final = re.compile(r"(?:ERROR|FATAL):\s+(?P<text>.+)")
_PASSWORD: Final = ("password authentication failed", "no password supplied", "authentication fai")
_MISSING: Final = ("42P01", "42703", "3F000")
_GONE: Final = re.compile(
    r"(?:relation|column|schema) \S.* does not exist|no such (?:table|column): "
)

# Classes 08 (connections) and 53 (too many of them), a shutdown or restart, and two transactions
# that met; drivers that give no state are known by their words.
_PASSING_STATES: Final = ("08", "53300", "57P01", "57P02", "57P03", "40001", "40P01")
_PASSING: Final = re.compile(
    r"(?i)server closed the connection|connection (?:refused|reset|timed out|to server .*closed)"
    r"|terminating connection|connection .*(?:was|is) (?:lost|closed|terminated)"
    r"|no connection to the server|broken pipe|could not receive data|lost connection"
    r"|starting up|shutting down|recovery mode|too many (?:clients|connections)"
    r"|connection slots are reserved|deadlock (?:detected|found)|could not serialize"
    r"|(?:database|table) .*is locked|snapshot \"[^\"]*\" does not exist|gone away"
)


def passing(error: BaseException) -> Failure:
    """Say whether what a database said may pass.

    Examples
    --------
    >>> passing(OSError("FATAL:  terminating connection due to administrator command"))
    <Failure.TRANSIENT: 'transient'>
    """
    state = getattr(error, "sqlstate", None) or ""
    told = state.startswith(_PASSING_STATES) or _PASSING.search(str(error))
    return Failure.TRANSIENT if told else Failure.FINAL


def first_line(error: BaseException) -> str:
    r"""Return the line of a database's error that says what is wrong.

    Examples
    --------
    >>> first_line(OSError("[libpq] Failed: could not begin COPY: ERROR:  division by zero\n"))
    'division by zero'
    """
    text = str(error).strip()
    if found := _REPORTED.search(text):
        return found["text"].strip()
    lines = text.splitlines()
    return _PREFIX.sub("", lines[0]) if lines else type(error).__name__


def statement_failure(
    error: BaseException,
    *,
    platform: str,
    fragment: Fragment,
    compiled: Compiled,
    token: CancellationToken,
) -> WayfedError:
    """Return our error for what a database said about a fragment's statement."""
    if token.cancelled:
        return Cancelled(f"the run was stopped: {token.reason}", platform=platform)
    state = getattr(error, "sqlstate", None)
    text = first_line(error)
    if state in _MISSING or (state is None and _GONE.search(text)):
        return SourceChanged(
            f"{platform} no longer has what the plan was made with: {text}",
            hint="read it again with ctx.read(), and check the plan against its new schema",
        )
    hint = None
    if state == "42501":
        hint = "ask its owner to GRANT what is missing"
    elif state == "57014":
        hint = "the server's statement_timeout ended it: raise it, or ask for fewer rows"
    return ExecutionError(
        text,
        platform=platform,
        fragment=fragment.id,
        sql=compiled.text,
        hint=hint,
        failure=passing(error),
    )


def writing_failure(error: BaseException, task: Task, token: CancellationToken) -> WayfedError:
    """Return our error for what a database said to rows of ours."""
    if token.cancelled:
        return Cancelled(f"the writing was stopped: {token.reason}")
    text, state = first_line(error), getattr(error, "sqlstate", None)
    if state == "42P07" or re.search(r"already exists", text):
        return SourceError(
            f"{task.description} exists by now",
            hint="mode='append' adds rows, 'overwrite' replaces them",
        )
    hint = None
    if state == "42501" or "permission denied" in text:
        hint = "ask its owner to GRANT what is missing"
    elif "depend on it" in text:
        hint = "drop what does, or write the columns that the table has: then it stays"
    elif "0x00" in text:
        hint = "a text holds a zero byte, which is not stored there: replace it, or cast to binary"
    elif "is locked" in text:
        hint = "another program writes to it, or has it open: try again when it has ended"
    elif "cannot rollback" in text or "disk is full" in text:
        # SQLite rolls back by itself where it finds no room; the driver tells what comes after.
        hint = f"is there room where the table is, and for its rows in {gettempdir()}?"
    return ExecutionError(f"{task.description} cannot be written: {text}", hint=hint)


def connection_failure(error: BaseException, location: ServerLocation) -> SourceError:
    """Return our error for a server that did not let us in."""
    text = first_line(error)
    user = location.user or "the user of this system"
    if any(sign in text for sign in _PASSWORD):
        return SourceError(
            f"{location} refused the password of '{user}'"
            if location.url.password
            else f"{location} wants a password for '{user}', and the URL has none",
            hint="write it in the URL (postgresql://user:password@host/database), or in ~/.pgpass",
        )
    if found := re.search(r'database "(.+)" does not exist', text):
        return SourceError(
            f"the server at {location.host} has no database '{found[1]}'",
            hint="the database is the last part of the URL: postgresql://user@host:port/database",
        )
    return SourceError(
        f"no answer from PostgreSQL at {location.host}: {text}",
        hint="is the server running, and are host and port right?",
        failure=passing(error),
    )
