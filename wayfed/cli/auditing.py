"""``wayfed party audit``: a party's audit log, shown and verified."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wayfed.display import Listing, counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wayfed.federated.parties.audit import AuditLog


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a log as it is shown."""

    number: int
    at: str
    requester: str
    stage: str
    plan: str
    decision: str
    released: str


def show_audit(file: Path | None, config: Path | None, last: int) -> None:
    """Show the last lines of a log, and why what was refused was."""
    entries = list(_log(file, config).entries())
    shown = entries[-last:]
    sys.stdout.write(f"{Listing('line', map(_line, shown), of=f' of {len(entries):,}')!r}\n")
    for entry in shown:
        for reason in entry.get("reasons", ()):
            sys.stdout.write(f"  {entry['number']}: {entry['decision']}: {reason}\n")


def verify_audit(file: Path | None, config: Path | None, known: str | None) -> bool:
    """Look at each line's hash; say whether all are as they were written."""
    log = _log(file, config)
    found = log.verify(known)
    for fault in found.faults:
        sys.stdout.write(f"{fault}\n")
    verdict = "is not as it was written" if found.faults else "is whole"
    sys.stdout.write(f"{log.path} {verdict}: {counted(found.lines, 'line')}\n")
    sys.stdout.write(f"its last line has the hash {found.head}\n")
    return not found.faults


def _log(file: Path | None, config: Path | None) -> AuditLog:
    from wayfed.federated.parties.audit import AuditLog
    from wayfed.federated.parties.files import audit_path

    if file is not None and file.suffix != ".toml":
        return AuditLog(file)
    return AuditLog(audit_path(config or file or "party.toml"))


def _line(entry: Mapping[str, Any]) -> _Line:
    fingerprint = str(entry.get("fingerprint", ""))
    who = str(entry.get("requester", ""))
    released = ", ".join(
        f"{each['kind']} ({each['values']:,})" for each in entry.get("releases", ())
    )
    return _Line(
        entry["number"],
        str(entry.get("at", ""))[:19],
        who if fingerprint in ("", who) else f"{who} {fingerprint.removeprefix('sha256:')[:8]}",
        str(entry.get("stage", entry.get("event", ""))),
        str(entry.get("plan") or "")[:8],
        str(entry.get("decision", "")),
        released,
    )
